"""What everyday text looks like in the scripts that share encodings: for telling them apart."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

# The commonest characters of modern Chinese (both forms), Japanese and Korean.
_SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里"
    "用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实"
    "日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政"
    "美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员"
    "解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件"
    "计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象"
    "完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔费销须请"
    "应当按照单位部门规定办理申请审批负责日期合同金额付款客户产品服务质量安全标准试验检查注意说明使用保存"
)
_TRADITIONAL = (
    "這個們來為國說時會對過發後裡種經學現當沒動還進樣實軍無與長機關點業將兩間問並應戰頭體見產身話內給門"
    "兒東聲員論處義幾認條係氣題爾別變總電數報結務場計許統區隊決馬書則聽卻達強難權設記類據邊張該規萬覺術領"
    "確傳師觀讓識帶導爭運費須請單門辦審負責額戶質標準試驗檢說資訊處臺灣開於著從視線圖網頁選擇語系檔案"
)
_JAPANESE = (
    "日一人年大本国出中時行者会上学生見前分間部場事手自合体方今同業者高定内立長対通市目実力動理数円社政経発"
    "報告書請求確認必要作業使用方法注意図表示情報電話番号住所氏名会議資料製品検査管理担当者場合変更以下次第"
)
_KOREAN = (
    "이다는을가의에하고한지로사기를인도은시어자그대해나서리정과라제있수상전일보부들아장만원여조성으주소스동"
    "구관내게면비안오국신위적연경치계공문용무방세개산물회선생화요습니까합등될된할및중분"
)
_TOP_HAN = frozenset(_SIMPLIFIED + _TRADITIONAL + _JAPANESE)
_TOP_KOREAN = frozenset(_KOREAN)
_MARKS = frozenset("，。、：；？！（）「」『』《》“”‘’…—·　〈〉【】～％＋－／")
_HOME = {  # where a character of an encoding counts as everyday: its first, common plane
    "gb18030": ("gb2312", ((0xA1, 0xA3), (0xB0, 0xD7))),
    "big5hkscs": ("big5", ((0xA1, 0xA3), (0xA4, 0xC6))),
    "cp932": ("euc_jp", ((0xA1, 0xA5), (0xB0, 0xCF))),
    "euc_jp": ("euc_jp", ((0xA1, 0xA5), (0xB0, 0xCF))),
    "cp949": ("euc_kr", ((0xA1, 0xA3), (0xB0, 0xC8))),
}
_CHINESE = ("gb18030", "big5hkscs")

# Single-byte encoding -> the letters beyond ASCII of each of its languages, small ones.
LANGUAGES: dict[str, tuple[str, ...]] = {
    "cp1252": (
        "àâæçèéêëîïôœùûüÿ",
        "äöüß",
        "áéíóúüñ",
        "ãáàâçéêíõóôú",
        "àèéìòùí",
        "åäöæøé",
        "áðéíóúýþæö",
        "éëïöüèó",
    ),
    "cp1251": (
        "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
        "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
        "абвгдђежзијклљмнњопрстћуфхцчџш",
    ),
    "koi8_r": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",),
    "cp866": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű"),
    "cp1254": ("çğıöşüâîû",),
    "cp1257": ("āčēģīķļņšūž", "ąčęėįšųūž", "äõöüšž"),
    "cp1253": ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",),
    "iso8859_7": ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ",),
    "cp1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",),
    "cp1256": ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئپچژگ",),
    "iso8859_6": ("ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئ",),
    "iso8859_5": ("абвгдежзийклмнопрстуфхцчшщъыьэюяё",),
    "cp874": ("กขคฆงจฉชซญฎฏฐณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮะัาำิีึืุูเแโใไๅ็่้๊๋์",),
}
_FREQUENT = frozenset("оеаинтсрвлкмдпуαοιετνσάίיוהלארםתابتلمنيراเา่้นรกง")
_RARE = frozenset("щъэфюцёґϊϋΐΰψξ")
_ENDING = frozenset("ùìò")  # in the languages of cp1252 these end words
_SYMBOLS = frozenset("¡¿“”‘’„–—…€£§°©®«»•·№×±½²³µ´\xa0")
MIXED_MALUS = 0.1
_LATIN = frozenset({"cp1252", "cp1250", "iso8859_2", "cp1254", "cp1257"})


def score_wide(text: str, encoding: str) -> float:
    """How much the text is like Chinese, Japanese or Korean as the encoding would hold it.

    About 0.5 to 1 for real text, below 0.3 for other bytes read so.
    """
    total, count = 0.0, 0
    for before, sign, after in _neighbours(text):
        if sign > "\x7f":
            total += _wide_weight(sign, encoding)
            count += 1
            if _is_ascii_letter(before, after) and before <= "\x7f" >= after:
                total -= 1.2  # alone within a word of ASCII
    return total / count if count else 0.0


def _neighbours(text: str) -> Iterator[tuple[str, str, str]]:
    """Each character with the ones before and after it."""
    return zip(" " + text, text, text[1:] + " ", strict=False)


@cache
def _wide_weight(sign: str, encoding: str) -> float:
    if sign == "\ufffd" or "\ue000" <= sign <= "\uf8ff":
        return -5.0
    if sign in _MARKS:
        return 0.8
    if "\u3041" <= sign <= "\u30fe":
        return -0.3 if encoding in _CHINESE else 1.0 if sign <= "\u309f" else 0.8
    if "\uac00" <= sign <= "\ud7a3":
        return 1.0 if sign in _TOP_KOREAN else 0.5 if _is_home(sign, "cp949") else -1.5
    if "\u4e00" <= sign <= "\u9fff":
        return _han_weight(sign, encoding)
    if "\uff01" <= sign <= "\uff5e" or "\u2460" <= sign <= "\u249b":
        return 0.3
    return -0.7 if encoding in _HOME else 0.3 if sign.isalnum() else -0.3


def _han_weight(sign: str, encoding: str) -> float:
    if encoding == "cp949":
        return -0.5  # Korean is written without them
    if sign in _TOP_HAN:
        return 1.0
    if encoding not in _HOME:  # UTF-16
        return 0.4 if _is_home(sign, "gb18030") or _is_home(sign, "big5hkscs") else -1.0
    return 0.4 if _is_home(sign, encoding) else -1.5


def _is_home(sign: str, encoding: str) -> bool:
    name, ranges = _HOME[encoding]
    try:
        lead = sign.encode(name)[0]
    except UnicodeEncodeError:
        return False
    return any(low <= lead <= high for low, high in ranges)


def score_letters(text: str, encoding: str) -> float:
    """How much the text is like the likeliest of a single-byte encoding's languages.

    A mixture of them counts a little less than any one.
    """
    languages = LANGUAGES[encoding]
    scores = [_score_language(text, letters, encoding) for letters in languages]
    mixed = _score_language(text, "".join(languages), encoding) - MIXED_MALUS
    return max(*scores, mixed)


def _score_language(text: str, letters: str, encoding: str) -> float:
    total, count, ascii_letters = 0.0, 0, 0
    is_latin = encoding in _LATIN
    for before, sign, after in _neighbours(text):
        if sign > "\x7f":
            total += _letter_weight(before, sign, after, letters, is_latin)
            count += 1
        else:
            ascii_letters += sign.isalpha()
    if not count:
        return 0.0
    alien = 0.0 if is_latin else 0.8 if ascii_letters > 20 * count else 0.5
    return total / count - (alien if ascii_letters > 5 * count else 0.0)


def _letter_weight(before: str, sign: str, after: str, letters: str, is_latin: bool) -> float:
    if sign == "\ufffd" or sign < "\xa0":
        return -4.0
    if sign.lower() in letters:
        return _home_weight(before, sign, after, is_latin)
    if sign.isalpha():
        return -0.6
    if sign in "¿¡" and after.isupper():
        return 0.8
    if before.isalpha() and after.isalpha() and sign not in "’\xad·–—":
        return -1.0  # a symbol within a word
    if sign not in _SYMBOLS or _is_strange(before) or _is_strange(after):
        return -0.4
    return 0.5


def _is_strange(neighbour: str) -> bool:
    """Whether a symbol seldom stands beside it: other symbols, quotation marks aside."""
    return neighbour > "\x7f" and not neighbour.isalpha() and neighbour not in "“”‘’«»…\xa0"


def _home_weight(before: str, sign: str, after: str, is_latin: bool) -> float:
    """The weight of a letter of the language, by its neighbours."""
    has_case = sign.lower() != sign.upper()
    weight = 0.7 if is_latin or sign.islower() else 0.6 if has_case else 0.8
    if sign in _FREQUENT:
        weight += 0.2
    elif sign in _RARE:
        weight -= 0.4
    if sign.isupper() and before.islower():
        weight -= 1.5  # a capital within a word
    if not is_latin and _is_ascii_letter(before, after):
        weight -= 1.5  # two scripts in a word
    if is_latin and (before > "\x7f" < after or (sign == "õ" and after not in "eso")):
        weight -= 0.8  # three such letters in a row, or a letter where no language has it
    if (sign in _ENDING and after.isalpha()) or before.isdecimal() or after.isdecimal():
        weight -= 0.6
    return weight


def _is_ascii_letter(before: str, after: str) -> bool:
    return any(sign.isascii() and sign.isalpha() for sign in (before, after))
