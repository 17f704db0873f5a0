"""What Footnote itself says beside an answer, in the question's language."""

from __future__ import annotations

from rag.language import detect_language

WARNING = "\u26a0"

_DOUBTS = {
    "ar": "قد تكون الإجابة أعلاه خاطئة أو غير المطلوب: لا يبدو أن المستندات تجيب عن هذا السؤال.",
    "de": "Die Antwort oben ist vielleicht falsch oder nicht das Gefragte: Die Dokumente scheinen "
    "diese Frage nicht zu beantworten.",
    "en": "The answer above may be wrong, or not what was asked: the documents do not seem to "
    "answer this question.",
    "es": "La respuesta anterior puede ser errónea o no ser lo que se preguntó: los documentos no "
    "parecen responder a esta pregunta.",
    "fr": "La réponse ci-dessus est peut-être fausse ou hors sujet : les documents ne semblent pas "
    "répondre à cette question.",
    "it": "La risposta qui sopra può essere sbagliata o non essere ciò che è stato chiesto: i "
    "documenti non sembrano rispondere a questa domanda.",
    "ja": "上の答えは誤りか、質問とは別のことかもしれません。"
    "文書はこの質問に答えていないようです。",
    "ko": "위의 답은 틀렸거나 질문과 다를 수 있습니다. "
    "문서에는 이 질문의 답이 없는 것으로 보입니다.",
    "pt": "A resposta acima pode estar errada ou não ser o que se perguntou: os documentos não "
    "parecem responder a esta pergunta.",
    "ru": "Ответ выше может быть неверным или не о том: похоже, документы не отвечают на этот "
    "вопрос.",
    "th": "คำตอบข้างต้นอาจผิดหรือไม่ตรงคำถาม: ดูเหมือนว่าเอกสารไม่ได้ตอบคำถามนี้",
    "vi": "Câu trả lời trên có thể sai hoặc không đúng điều được hỏi: có vẻ các tài liệu không trả "
    "lời câu hỏi này.",
    "zh": "以上回答可能有误，或者答非所问：这些文档似乎没有回答这个问题。",
}
_GENERAL = {
    "ar": "ليس من مستنداتك:",
    "de": "Nicht aus Ihren Dokumenten:",
    "en": "Not from your documents:",
    "es": "No procede de sus documentos:",
    "fr": "Ne vient pas de vos documents :",
    "it": "Non proviene dai tuoi documenti:",
    "ja": "以下はあなたの文書によるものではありません：",
    "ko": "다음 내용은 귀하의 문서에서 나온 것이 아닙니다:",
    "pt": "Não vem dos seus documentos:",
    "ru": "Не из ваших документов:",
    "th": "ไม่ได้มาจากเอกสารของคุณ:",
    "vi": "Không lấy từ tài liệu của bạn:",
    "zh": "以下内容并非来自您的文档：",
}
_QUOTED = {
    "ar": "ورد في المستندات:",
    "de": "In den Dokumenten steht:",
    "en": "The documents say:",
    "es": "Los documentos dicen:",
    "fr": "On lit dans les documents :",
    "it": "Nei documenti si legge:",
    "ja": "文書にはこう書かれています：",
    "ko": "문서에는 다음과 같이 쓰여 있습니다:",
    "pt": "Os documentos dizem:",
    "ru": "В документах сказано:",
    "th": "เอกสารระบุไว้ว่า:",
    "vi": "Trong tài liệu có viết:",
    "zh": "文档中写道：",
}
_CLOSEST = {"en": "The closest passages:", "zh": "最接近的段落："}


def doubt(question: str, language: str = "") -> str:
    """That what was written above may not answer the question, with a mark."""
    return f"{WARNING} {_in_language(_DOUBTS, question, language)}"


def general_mark(question: str, language: str = "") -> str:
    """What stands before an answer that is not from the documents."""
    return _in_language(_GENERAL, question, language)


def quoted_heading(question: str, language: str = "") -> str:
    """What stands before sentences of the documents that are quoted in place of an answer."""
    return _in_language(_QUOTED, question, language)


def closest_heading(question: str, language: str = "") -> str:
    """What stands before the passages that came closest to an answer."""
    return _in_language(_CLOSEST, question, language)


def _in_language(texts: dict[str, str], question: str, language: str) -> str:
    """In the language of that code, or else of the question."""
    return texts.get(language or detect_language(question)) or texts["en"]
