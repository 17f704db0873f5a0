from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.language import detect_language, language_name

SENTENCES = [
    ("en", "What is the mass of the X200 microscope body?"),
    ("en", "How many days of annual leave do new employees get?"),
    ("en", "Refund policy"),
    ("en", "Who approved it?"),
    ("en", "Los Angeles office"),
    ("en", "Zürich office opening hours"),
    ("en", "Dr. Müller and Frau Weiß work in the Zürich office; José does not."),
    ("en", "Tell me the rules for business travel"),
    ("en", "error 0x80070005 E_ACCESSDENIED"),
    ("en", "| SKU | Qty | 2026-03-31 |"),
    ("en", "What does 显微镜 mean?"),
    ("en", "What is 差旅报销制度?"),
    ("en", "The 质量 (quality) meeting was held on 3 March; see the minutes of the department."),
    ("zh", "X200显微镜机身的质量是多少?"),
    ("zh", "出差住宿标准"),
    ("zh", "如何在 Ubuntu 上安装 Docker Compose?"),
    ("zh", "请解释 machine learning 和 deep learning"),
    ("zh", "PM2.5 是什么"),
    ("zh", "新員工有幾天年假？"),
    ("zh", "優の良品是一家零食店，在台灣有很多分店。"),
    ("ja", "年次有給休暇は何日ありますか？"),
    ("ja", "製品マニュアル"),
    ("ja", "品質管理の方針"),
    ("ja", "X200顕微鏡の本体質量はいくらですか"),
    ("ja", "ｶﾀｶﾅ"),
    ("ko", "연차 휴가는 며칠입니까?"),
    ("ko", "X200 현미경의 무게는 얼마인가요?"),
    ("ru", "Сколько весит корпус микроскопа X200?"),
    ("uk", "Скільки важить корпус мікроскопа X200?"),
    ("ar", "كم يبلغ وزن المجهر؟"),
    ("fa", "وزن بدنه میکروسکوپ چقدر است؟"),
    ("ur", "خوردبین کا وزن کتنا ہے؟"),
    ("th", "กล้องจุลทรรศน์ X200 หนักเท่าไร"),
    ("he", "כמה שוקל המיקרוסקופ?"),
    ("el", "Πόσο ζυγίζει το μικροσκόπιο;"),
    ("hi", "सूक्ष्मदर्शी का वजन कितना है?"),
    ("bn", "মাইক্রোস্কোপের ওজন কত?"),
    ("ta", "நுண்ணோக்கியின் எடை என்ன?"),
    ("ka", "რამდენს იწონის მიკროსკოპი?"),
    ("fr", "Quelle est la masse du microscope ?"),
    ("fr", "Combien de jours de congé ai-je ?"),
    ("fr", "Qu’est-ce que l’assurance qualité ?"),
    ("fr", "Le rapport a été envoyé à tous les membres du comité dans la semaine."),
    ("de", "Wie viele Urlaubstage habe ich?"),
    ("de", "Wo liegt Berlin?"),
    ("de", "Was kostet eine Übernachtung höchstens?"),
    ("de", "Die Laser dürfen nur von geschultem Personal in Betrieb genommen werden."),
    ("es", "¿Cuánto pesa el microscopio?"),
    ("es", "cuantos dias de vacaciones tienen los empleados nuevos del departamento"),
    ("es", "Los empleados deben presentar la solicitud con una semana de antelación."),
    ("pt", "Quanto pesa o microscópio e qual é a sua garantia?"),
    ("pt", "Os funcionários não podem viajar sem a aprovação do gerente."),
    ("it", "Quanto pesa il microscopio?"),
    ("it", "Perché la consegna è stata rimandata?"),
    ("it", "I dipendenti devono presentare la richiesta con una settimana di anticipo."),
    ("nl", "Hoeveel vakantiedagen heb ik?"),
    ("nl", "Het rapport is naar alle leden van het bestuur gestuurd."),
    ("vi", "Kính hiển vi nặng bao nhiêu?"),
    ("vi", "Nhân viên mới được nghỉ phép mấy ngày?"),
    ("pl", "Ile waży mikroskop?"),
    ("pl", "Pracownicy muszą złożyć wniosek z tygodniowym wyprzedzeniem."),
    ("tr", "Mikroskobun ağırlığı nedir?"),
    ("tr", "Yeni çalışanların kaç gün izni var?"),
    ("id", "Berapa berat mikroskop ini?"),
    ("id", "Karyawan baru tidak dapat mengambil cuti pada bulan pertama."),
    ("sv", "Hur mycket väger mikroskopet?"),
    ("da", "Hvor meget vejer mikroskopet?"),
    ("cs", "Kolik váží mikroskop a kde je záruka?"),
    ("en", ""),
    ("en", "12 345,60 / 7 %"),
    ("en", "😀 ± ½"),
]


@pytest.mark.parametrize(("language", "text"), SENTENCES)
def test_real_sentences(language: str, text: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(("language", "text"), SENTENCES)
def test_upper_case_and_repetition_change_nothing(language: str, text: str) -> None:
    assert detect_language(text.upper()) == language
    assert detect_language("\n".join([text] * 5)) == language


@given(st.text())
def test_every_text_has_a_language_with_a_name(text: str) -> None:
    code = detect_language(text)
    assert language_name(code) != code


def test_names() -> None:
    assert language_name("zh") == "Chinese (中文)"
    assert language_name("en") == "English"
    assert language_name("xx") == "xx"
