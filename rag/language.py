"""Which language a text is in: by its script, and for Latin script by its small words.

Made for questions of a few words and chunks of a few hundred. Where nothing tells, it is English.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

DEFAULT_LANGUAGE = "en"
SAMPLE_CHARACTERS = 4_000  # enough to tell; a longer text costs no more
ENOUGH_EVIDENCE = 1.5  # one small word alone may be a name: Los Angeles, Al Capone
DENSITY = 0.08  # evidence per word; running text has four times that, a list of names less
CHARACTERS_PER_WORD = 1.6  # of Han text
KANA_SHARE = (
    0.1  # of kana and Han together; a single の in a Chinese text does not make it Japanese
)

_NAMES = {
    "am": "Amharic (አማርኛ)",
    "ar": "Arabic (العربية)",
    "bn": "Bengali (বাংলা)",
    "cs": "Czech (čeština)",
    "da": "Danish (dansk)",
    "de": "German (Deutsch)",
    "el": "Greek (Ελληνικά)",
    "en": "English",
    "es": "Spanish (español)",
    "fa": "Persian (فارسی)",
    "fr": "French (français)",
    "gu": "Gujarati (ગુજરાતી)",
    "he": "Hebrew (עברית)",
    "hi": "Hindi (हिन्दी)",
    "hy": "Armenian (հայերեն)",
    "id": "Indonesian (Bahasa Indonesia)",
    "it": "Italian (italiano)",
    "ja": "Japanese (日本語)",
    "ka": "Georgian (ქართული)",
    "km": "Khmer (ខ្មែរ)",
    "kn": "Kannada (ಕನ್ನಡ)",
    "ko": "Korean (한국어)",
    "lo": "Lao (ລາວ)",
    "ml": "Malayalam (മലയാളം)",
    "my": "Burmese (မြန်မာ)",
    "nl": "Dutch (Nederlands)",
    "pa": "Punjabi (ਪੰਜਾਬੀ)",
    "pl": "Polish (polski)",
    "pt": "Portuguese (português)",
    "ru": "Russian (русский)",
    "si": "Sinhala (සිංහල)",
    "sv": "Swedish (svenska)",
    "ta": "Tamil (தமிழ்)",
    "te": "Telugu (తెలుగు)",
    "th": "Thai (ไทย)",
    "tr": "Turkish (Türkçe)",
    "uk": "Ukrainian (українська)",
    "ur": "Urdu (اردو)",
    "vi": "Vietnamese (Tiếng Việt)",
    "zh": "Chinese (中文)",
}

# Scripts that (nearly) tell the language, with how many characters make a word.
_SCRIPTS: dict[str, tuple[str, float]] = {
    "kana": ("\u3041-\u3096\u30a1-\u30fa\u30fc\u31f0-\u31ff\uff66-\uff9d", 2),
    "zh": ("\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af", CHARACTERS_PER_WORD),
    "ko": ("\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3", 2.5),
    "ru": ("\u0400-\u052f", 6),
    "ar": ("\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\ufb50-\ufdfb\ufe70-\ufefc", 5),
    "he": ("\u05d0-\u05ea", 5),
    "el": ("\u0370-\u03ff\u1f00-\u1fff", 6),
    "hi": ("\u0900-\u097f", 4),
    "th": ("\u0e01-\u0e4e", 4),
    "bn": ("\u0980-\u09ff", 4),
    "pa": ("\u0a00-\u0a7f", 4),
    "gu": ("\u0a80-\u0aff", 4),
    "ta": ("\u0b80-\u0bff", 6),
    "te": ("\u0c00-\u0c7f", 6),
    "kn": ("\u0c80-\u0cff", 6),
    "ml": ("\u0d00-\u0d7f", 6),
    "si": ("\u0d80-\u0dff", 5),
    "lo": ("\u0e81-\u0edf", 4),
    "my": ("\u1000-\u109f", 6),
    "ka": ("\u10a0-\u10ff\u1c90-\u1cbf", 6),
    "am": ("\u1200-\u137f", 4),
    "hy": ("\u0530-\u058f", 6),
    "km": ("\u1780-\u17d3", 6),
}
_SCRIPT_PATTERNS = {script: re.compile(f"[{signs}]") for script, (signs, _) in _SCRIPTS.items()}
# The characters that hold a Chinese sentence together, as "the" and "is" do an English one.
_HAN_SMALL_WORDS = re.compile(
    "[的了是在和有不吗呢么何请哪怎谁几少与被为這这那该及对於于從从吧也都]"
)

# Letters that one language has and its neighbours lack.
_VARIANTS = {
    "ru": (("uk", re.compile("[іїєґІЇЄҐ]")),),
    "ar": (("ur", re.compile("[ٹڈڑںےہھ]")), ("fa", re.compile("[پچژگکی]"))),
}
_VARIANT_SHARE = 0.02  # of the script's letters

_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

_SMALL_WORDS = {
    "en": "the of and to in is are was were be been for on with that this it as at by from or an a "
    "not do does did can could should would will has have had its i you we they if any there when "
    "about into than my our your their all",
    "fr": "le la les des un une du de et est sont dans pour que qui sur avec par pas au aux ce "
    "cette ces il elle nous vous je ne se sa son ses leur a été être ou mais plus peut l'on",
    "de": "der die das den dem des ein eine einer eines einem einen und ist sind war nicht mit für "
    "auf von zu zum zur im in aus bei nach über wird werden kann hat haben es er sie ich wir auch "
    "als an oder man muss darf",
    "es": "el la los las un una unos de del y es son en por para que con no se su sus al lo como "
    "está están hay fue ser más pero si le este esta puede tiene yo mi o",
    "pt": "o a os as um uma de do da dos das e é são em no na nos nas por para que com não se seu "
    "sua ao à mais como foi ser está há pelo pela ou mas eu meu você pode tem",
    "it": "il lo la i gli le un uno una di del della dei delle e è sono in nel nella per che con "
    "non si su al alla da dal come più anche o ma questo questa ha si può viene",
    "nl": "de het een en van is zijn in op te dat die voor met niet aan er om ook als bij of uit "
    "naar door wordt worden kan heeft hebben ik je we mijn dit deze moet mag",
    "vi": "là và của có không được cho các những một trong với này khi để từ đến về bao nhiêu gì "
    "thế nào bị",
    "pl": "i w z na nie do się jest są to że o od za po jak ale przez dla oraz lub przy jego "
    "może być mam",
    "tr": "ve bir bu da de için ile mi mı mu olarak olan daha çok en gibi var değil ne kadar "
    "ama sonra",
    "id": "yang dan di ke dari untuk dengan ini itu adalah pada tidak dalam akan atau oleh saya "
    "kami anda bisa dapat juga ada karena",
    "sv": "och i att det som en ett på är av för med den till inte har de om var kan ska från jag "
    "vi du eller",
    "da": "og i at det som en et på er af for med den til ikke har de om var kan skal fra jeg vi "
    "du eller",
    "cs": "a se je na v že s z do to o k jsou by pro jako ale jeho nebo při který která které "
    "může být",
}
_QUESTION_WORDS = {
    "en": "what which who whom whose how why where when what's who's where's",
    "fr": "quel quelle quels quelles combien comment pourquoi où quand qu'est qu'est-ce est-ce quoi"
    " c'est",
    "de": "wer wie wann warum wo welche welcher welches wieviel wieso wohin womit wozu gibt wem",
    "es": "qué quién cuál cuáles cuánto cuánta cuántos cuántas cómo dónde cuándo cuanto donde",
    "pt": "qual quais quanto quanta quantos quantas onde quem porquê",
    "it": "quale quali quanto quanta quanti quante perché dove chi cosa quando cos'è qual",
    "nl": "wat wie hoe waarom waar welke wanneer hoeveel",
    "vi": "",
    "pl": "co kto ile jak jaki jaka jakie jakich dlaczego gdzie kiedy czy który która które",
    "tr": "nedir kim nasıl neden nerede hangi kaç niçin nelerdir midir",
    "id": "apa apakah siapa bagaimana mengapa dimana mana kapan berapa",
    "sv": "vad vem hur varför vilken vilket vilka när",
    "da": "hvad hvem hvordan hvorfor hvor hvilken hvilket hvilke hvornår",
    "cs": "co kdo kolik jak jaký jaká jaké proč kde kdy",
}
_LETTERS = {
    "fr": "èêëçœùûîï",
    "de": "ßäöü",
    "es": "ñ¿¡",
    "pt": "ãõç",
    "it": "òì",
    "vi": "ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
    "pl": "łąęśźżńć",
    "tr": "ğşıüöç",
    "sv": "åäö",
    "da": "åøæ",
    "cs": "řěůčšžťď",
}


def _weights(lists: dict[str, str], weight: float) -> dict[str, dict[str, float]]:
    """Item -> language -> weight; what several languages share counts for each in part."""
    owners: dict[str, set[str]] = defaultdict(set)
    for language, items in lists.items():
        for item in items.split() if " " in items else items:
            owners[item].add(language)
    return {item: dict.fromkeys(langs, weight / len(langs)) for item, langs in owners.items()}


_WORD_WEIGHTS = _weights(_SMALL_WORDS, 1.0) | _weights(_QUESTION_WORDS, 2.0)
_LETTER_WEIGHTS = _weights(_LETTERS, 1.0)


def detect_language(text: str) -> str:
    """The ISO 639-1 code of the language that most of a text is in; "en" if nothing tells."""
    sample = text[:SAMPLE_CHARACTERS]
    words = [word.lower().replace("’", "'") for word in _LATIN_WORD.findall(sample)]
    if sample.isascii():
        return _latin_language(words, sample)[0]
    scores = {
        script: len(pattern.findall(sample)) / _SCRIPTS[script][1]
        for script, pattern in _SCRIPT_PATTERNS.items()
    }
    scores["zh"] += 2 * len(_HAN_SMALL_WORDS.findall(sample))
    script = max(scores, key=scores.__getitem__)
    words = [word for word in words if word[0] < "\u0250" or "\u1e00" <= word[0] <= "\u1eff"]
    language, evidence = _latin_language(words, sample.lower())
    if script in ("zh", "kana"):
        script, scores["zh"] = _han_language(sample), scores["zh"] + scores["kana"]
    total = scores["zh"] if script == "ja" else scores[script]
    if total <= len(words) / 2 + 2 * evidence:
        return language
    for variant, letters in _VARIANTS.get(script, ()):
        num_letters = len(_SCRIPT_PATTERNS[script].findall(sample))
        if len(letters.findall(sample)) > _VARIANT_SHARE * num_letters:
            return variant
    return script


def language_name(code: str) -> str:
    """The English name with the language's own, such as "Chinese (中文)"; else the code itself."""
    return _NAMES.get(code, code)


def _han_language(sample: str) -> str:
    kana = len(_SCRIPT_PATTERNS["kana"].findall(sample))
    han = len(_SCRIPT_PATTERNS["zh"].findall(sample))
    return "ja" if kana >= KANA_SHARE * (kana + han) else "zh"


def _latin_language(words: list[str], sample: str) -> tuple[str, float]:
    """The language of words in Latin script, and how much speaks for it."""
    scores: dict[str, float] = defaultdict(float)
    kinds: dict[str, float] = defaultdict(float)  # the same, a repeated word or letter counted once
    for item, times in _evidence(words, sample).items():
        for language, weight in (_WORD_WEIGHTS.get(item) or _LETTER_WEIGHTS[item]).items():
            scores[language] += weight * times
            kinds[language] += weight
    english = scores[DEFAULT_LANGUAGE]
    language = max(scores, key=scores.__getitem__, default=DEFAULT_LANGUAGE)
    enough = kinds[language] >= ENOUGH_EVIDENCE and scores[language] >= DENSITY * len(words)
    if not enough or scores[language] <= english:
        return DEFAULT_LANGUAGE, english
    return language, scores[language]


def _evidence(words: list[str], sample: str) -> Counter[str]:
    """How often each small word and telling letter occurs."""
    found: Counter[str] = Counter()
    for word in words:
        # French and Italian join small words to the next one: l'eau, dell'anno.
        parts = [word] if word in _WORD_WEIGHTS else word.split("'")
        found.update(part for part in parts if part in _WORD_WEIGHTS)
    if not sample.isascii():
        found.update(letter for letter in sample if letter in _LETTER_WEIGHTS)
    return found


def find_language(name: str) -> str | None:
    """The code that a code ("zh", "zh-CN") or an English name ("Chinese") means; None if none."""
    word = name.strip().casefold()
    by_name = {full.split(" (")[0].casefold(): code for code, full in _NAMES.items()}
    code = by_name.get(word, word.replace("_", "-").split("-")[0])
    return code if code in _NAMES else None
