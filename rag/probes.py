"""Ordinary questions in many languages: what an encoder's question looks like before its topic.

Embeddings of one language and kind lie close together, whatever they speak of. The mean of a
language's probes estimates that common part; see rag/ranking.py for what it is good for.
"""

from __future__ import annotations

import threading

from rag.encoder import Encoder, Vectors

# Of different kinds and topics on purpose; the same eight in each language.
PROBES = {
    "en": (
        "When was the company founded?",
        "Where was he born?",
        "Who wrote the book?",
        "Why does this happen?",
        "How many people attended the meeting?",
        "How do I install this software?",
        "How much does it cost?",
        "What does this rule require?",
    ),
    "zh": (
        "公司是什么时候成立的？",
        "他在哪里出生？",
        "谁写了这本书？",
        "为什么会发生这种情况？",
        "有多少人参加了会议？",
        "如何安装这个软件？",
        "它的价格是多少？",
        "这项规定有什么要求？",
    ),
    "ja": (
        "会社はいつ設立されましたか？",
        "彼はどこで生まれましたか？",
        "誰がその本を書きましたか？",
        "なぜこのようなことが起こるのですか？",
        "会議には何人が参加しましたか？",
        "このソフトウェアはどうやってインストールしますか？",
        "それはいくらですか？",
        "この規則は何を求めていますか？",
    ),
    "ko": (
        "회사는 언제 설립되었습니까?",
        "그는 어디에서 태어났습니까?",
        "누가 그 책을 썼습니까?",
        "왜 이런 일이 일어납니까?",
        "회의에 몇 명이 참석했습니까?",
        "이 소프트웨어는 어떻게 설치합니까?",
        "가격은 얼마입니까?",
        "이 규칙은 무엇을 요구합니까?",
    ),
    "fr": (
        "Quand l'entreprise a-t-elle été fondée ?",
        "Où est-il né ?",
        "Qui a écrit le livre ?",
        "Pourquoi cela se produit-il ?",
        "Combien de personnes ont assisté à la réunion ?",
        "Comment installer ce logiciel ?",
        "Combien cela coûte-t-il ?",
        "Qu'exige cette règle ?",
    ),
    "de": (
        "Wann wurde das Unternehmen gegründet?",
        "Wo wurde er geboren?",
        "Wer hat das Buch geschrieben?",
        "Warum passiert das?",
        "Wie viele Personen nahmen an der Sitzung teil?",
        "Wie installiere ich diese Software?",
        "Wie viel kostet es?",
        "Was verlangt diese Regel?",
    ),
    "es": (
        "¿Cuándo se fundó la empresa?",
        "¿Dónde nació?",
        "¿Quién escribió el libro?",
        "¿Por qué ocurre esto?",
        "¿Cuántas personas asistieron a la reunión?",
        "¿Cómo se instala este programa?",
        "¿Cuánto cuesta?",
        "¿Qué exige esta norma?",
    ),
    "pt": (
        "Quando foi fundada a empresa?",
        "Onde ele nasceu?",
        "Quem escreveu o livro?",
        "Por que isso acontece?",
        "Quantas pessoas participaram da reunião?",
        "Como se instala este programa?",
        "Quanto custa?",
        "O que esta regra exige?",
    ),
    "it": (
        "Quando è stata fondata l'azienda?",
        "Dove è nato?",
        "Chi ha scritto il libro?",
        "Perché succede questo?",
        "Quante persone hanno partecipato alla riunione?",
        "Come si installa questo programma?",
        "Quanto costa?",
        "Che cosa richiede questa regola?",
    ),
    "nl": (
        "Wanneer is het bedrijf opgericht?",
        "Waar is hij geboren?",
        "Wie heeft het boek geschreven?",
        "Waarom gebeurt dit?",
        "Hoeveel mensen waren bij de vergadering?",
        "Hoe installeer ik deze software?",
        "Hoeveel kost het?",
        "Wat schrijft deze regel voor?",
    ),
    "pl": (
        "Kiedy założono firmę?",
        "Gdzie się urodził?",
        "Kto napisał tę książkę?",
        "Dlaczego tak się dzieje?",
        "Ile osób uczestniczyło w spotkaniu?",
        "Jak zainstalować ten program?",
        "Ile to kosztuje?",
        "Czego wymaga ten przepis?",
    ),
    "cs": (
        "Kdy byla firma založena?",
        "Kde se narodil?",
        "Kdo napsal tu knihu?",
        "Proč se to děje?",
        "Kolik lidí se zúčastnilo schůze?",
        "Jak nainstaluji tento program?",
        "Kolik to stojí?",
        "Co vyžaduje toto pravidlo?",
    ),
    "ru": (
        "Когда была основана компания?",
        "Где он родился?",
        "Кто написал эту книгу?",
        "Почему это происходит?",
        "Сколько человек присутствовало на собрании?",
        "Как установить эту программу?",
        "Сколько это стоит?",
        "Чего требует это правило?",
    ),
    "uk": (
        "Коли було засновано компанію?",
        "Де він народився?",
        "Хто написав цю книгу?",
        "Чому це відбувається?",
        "Скільки людей було на зборах?",
        "Як встановити цю програму?",
        "Скільки це коштує?",
        "Чого вимагає це правило?",
    ),
    "tr": (
        "Şirket ne zaman kuruldu?",
        "O nerede doğdu?",
        "Kitabı kim yazdı?",
        "Bu neden oluyor?",
        "Toplantıya kaç kişi katıldı?",
        "Bu yazılımı nasıl kurarım?",
        "Ne kadar tutuyor?",
        "Bu kural neyi gerektiriyor?",
    ),
    "vi": (
        "Công ty được thành lập khi nào?",
        "Ông ấy sinh ra ở đâu?",
        "Ai đã viết cuốn sách?",
        "Tại sao điều này xảy ra?",
        "Có bao nhiêu người tham dự cuộc họp?",
        "Làm thế nào để cài đặt phần mềm này?",
        "Giá bao nhiêu?",
        "Quy định này yêu cầu điều gì?",
    ),
    "id": (
        "Kapan perusahaan itu didirikan?",
        "Di mana dia lahir?",
        "Siapa yang menulis buku itu?",
        "Mengapa hal ini terjadi?",
        "Berapa orang yang menghadiri rapat itu?",
        "Bagaimana cara memasang perangkat lunak ini?",
        "Berapa harganya?",
        "Apa yang disyaratkan oleh aturan ini?",
    ),
    "ar": (
        "متى تأسست الشركة؟",
        "أين ولد؟",
        "من كتب الكتاب؟",
        "لماذا يحدث هذا؟",
        "كم عدد الأشخاص الذين حضروا الاجتماع؟",
        "كيف أقوم بتثبيت هذا البرنامج؟",
        "كم يكلف ذلك؟",
        "ماذا تتطلب هذه القاعدة؟",
    ),
    "hi": (
        "कंपनी की स्थापना कब हुई थी?",
        "उनका जन्म कहाँ हुआ था?",
        "यह किताब किसने लिखी?",
        "ऐसा क्यों होता है?",
        "बैठक में कितने लोग शामिल हुए?",
        "यह सॉफ़्टवेयर कैसे इंस्टॉल करें?",
        "इसकी कीमत कितनी है?",
        "इस नियम में क्या आवश्यक है?",
    ),
    "th": (
        "บริษัทก่อตั้งขึ้นเมื่อใด?",
        "เขาเกิดที่ไหน?",
        "ใครเป็นคนเขียนหนังสือเล่มนี้?",
        "ทำไมสิ่งนี้จึงเกิดขึ้น?",
        "มีคนเข้าร่วมประชุมกี่คน?",
        "จะติดตั้งซอฟต์แวร์นี้ได้อย่างไร?",
        "ราคาเท่าไร?",
        "กฎข้อนี้กำหนดอะไรไว้?",
    ),
}
OTHER = ""
LIKELY_LANGUAGES = ("en", "zh")  # stand for a language without probes


class Probes:
    """The mean embedding of a language's probes, made when first asked for. Thread-safe."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._means: dict[str, Vectors] = {}

    def mean(self, language: str) -> Vectors:
        """(d,), not of unit length: the longer, the more alike are the language's questions."""
        language = language if language in PROBES else OTHER
        with self._lock:
            if language not in self._means:
                self._means[language] = self._make_mean(language)
            return self._means[language]

    def _make_mean(self, language: str) -> Vectors:
        languages = LIKELY_LANGUAGES if language == OTHER else (language,)
        questions = [question for one in languages for question in PROBES[one]]
        mean: Vectors = self._encoder.encode_queries(questions).mean(axis=0)
        return mean
