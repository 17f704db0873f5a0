"""Numbers and dates as a spreadsheet shows them, by its number format codes.

The code language is that of ECMA-376, part 1, 18.8.31. Colours, widths and fractions are left
out; a code that is not understood shows the number plainly.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

_SECTIONS = re.compile(r'(?:"[^"]*"|\\.|\[[^\]]*\]|[^;])*')
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?P<elapsed>h+|m+|s+)\]|\[[^\]]*\]"
    r"|(?P<date>AM/PM|A/P|上午/下午|y+|m+|d+|h+|s+(?:\.0+)?|e+|a{3,4})"
    r"|(?P<digits>[0#?][0#?,]*(?:\.[0#?]*,*)?(?:E[+-]0+)?|\.[0#?]+)|(?P<percent>%)|(?P<other>.)",
    re.IGNORECASE,
)
_MONTHS = "January February March April May June July August September October November December"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_BY_PLACE = frozenset({"mm-dd-yy", "m/d/yy", "m/d/yy h:mm"})  # shown by each country's own rules
_MOST_DIGITS = 400  # a float has up to 309 before the point
_PLAIN_DIGITS = 15  # of a float's digits, those that mean something


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # text, date, elapsed, digits, percent
    text: str


def format_value(value: object, code: str) -> str:
    """A cell's value as text. Dates of unknown form are shown as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return _format_time(value, code)
    if isinstance(value, int | float) and code not in ("General", "@", ""):
        return _format_number(value, code)
    return _plain(value) if isinstance(value, int | float) else str(value).strip()


def _format_number(number: float, code: str) -> str:
    with localcontext(prec=_MOST_DIGITS):
        return _by_sections(number, code)


def _plain(number: float) -> str:
    if isinstance(number, float):
        return format(number, f".{_PLAIN_DIGITS}g")
    return str(number)


@lru_cache(maxsize=1_000)
def _sections(code: str) -> tuple[tuple[_Token, ...], ...]:
    parts = [match[0] for match in _SECTIONS.finditer(code)]
    return tuple(_tokens(part) for part in parts[:1] + [part for part in parts[1:] if part])


def _tokens(section: str) -> tuple[_Token, ...]:
    tokens = []
    for match in _TOKEN.finditer(section):
        kind = match.lastgroup
        if kind in ("quoted", "escaped", "currency", "other"):
            tokens.append(_Token("text", match[kind]))
        elif kind is not None:
            tokens.append(_Token(kind, match[kind]))
    return tuple(tokens)


def _by_sections(number: float, code: str) -> str:
    sections = _sections(code)
    has_own = len(sections) > 1 and number < 0
    is_zero = len(sections) > 2 and number == 0
    section = sections[1] if has_own else sections[2] if is_zero else sections[0]
    if any(token.text.lower() == "general" for token in section) or not any(
        token.kind == "digits" for token in section
    ):
        texts = [token.text for token in section if token.kind == "text"]
        is_literal = bool(texts) and has_own | (number == 0)
        return "".join(texts).strip() if is_literal else _plain(number)
    patterns = [token.text for token in section if token.kind == "digits"]
    if any(token.text == "/" for token in section) or "." in "".join(patterns[1:]):
        return _plain(number)  # a fraction, or digits shown twice
    percents = sum(token.kind == "percent" for token in section)
    amount = Decimal(repr(number)) * 100**percents
    sign = "-" if amount < 0 and not has_own else ""
    digits = iter(_spread(abs(amount), patterns))
    shown = [next(digits) if token.kind == "digits" else token.text for token in section]
    return (sign + "".join(shown)).strip()


def _spread(amount: Decimal, patterns: list[str]) -> list[str]:
    """The digits for each pattern; several, as in `000-0000`, share them out from the right."""
    *firsts, last = patterns
    if not firsts:
        return [_digits(amount, last)]
    text = str(int(amount.quantize(Decimal(1), ROUND_HALF_UP))).rjust(len("".join(patterns)), "0")
    parts: list[str] = []
    for pattern in reversed(patterns[1:]):
        text, part = text[: -len(pattern)], text[-len(pattern) :]
        parts.insert(0, part)
    return [text, *parts]


def _digits(amount: Decimal, pattern: str) -> str:
    """A number that is not negative by a pattern such as `#,##0.00`, `0.0E+00` or `#,`."""
    pattern, exponent, _ = pattern.partition("E") if "E" in pattern else (pattern, "", "")
    thousands = len(pattern) - len(pattern.rstrip(","))
    whole, _, fraction = pattern.rstrip(",").partition(".")
    amount /= 1000**thousands
    if exponent:
        places = len(fraction)
        mantissa, _, power = format(amount, f".{places}E").partition("E")
        return f"{mantissa}E{int(power):+03}"
    rounded = amount.quantize(Decimal(1).scaleb(-len(fraction)), ROUND_HALF_UP)
    text = format(rounded, ",f" if "," in whole else "f")
    whole_text, _, fraction_text = text.partition(".")
    whole_text = whole_text.rjust(whole.count("0"), "0") if "," not in whole_text else whole_text
    if whole.count("0") == 0 and whole_text == "0" and fraction:
        whole_text = ""
    required = len(fraction.rstrip("#?"))
    fraction_text = fraction_text[:required] + fraction_text[required:].rstrip("0")
    return f"{whole_text}.{fraction_text}" if fraction_text else whole_text


def _format_time(value: datetime.date | datetime.time | datetime.timedelta, code: str) -> str:
    section = _sections(code)[0]
    kinds = {token.kind for token in section}
    if isinstance(value, datetime.timedelta) or "elapsed" in kinds:
        return _format_elapsed(value, section)
    if "date" not in kinds or code in _BY_PLACE or "general" in code.lower():
        return _iso(value)
    clock = any(token.text.upper() in ("AM/PM", "A/P", "上午/下午") for token in section)
    parts = []
    for index, token in enumerate(section):
        if token.kind == "date":
            parts.append(_date_part(value, token.text, section, index, clock))
        elif token.kind in ("text", "digits"):
            parts.append(token.text)
    return "".join(parts).strip() or _iso(value)


def _iso(value: datetime.date | datetime.time) -> str:
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    return value.isoformat()


def _date_part(
    value: datetime.date | datetime.time,
    token: str,
    section: tuple[_Token, ...],
    index: int,
    has_clock: bool,
) -> str:
    letter, length = token[0].lower(), len(token)
    day = value if isinstance(value, datetime.date) else None
    time = value.time() if isinstance(value, datetime.datetime) else value
    if token.upper() in ("AM/PM", "A/P", "上午/下午"):
        hour = getattr(time, "hour", 0)
        return token.split("/")[hour >= 12]
    if letter == "m" and not _is_minutes(section, index):
        return _month(day.month, length) if day else ""
    if letter in "yed" or letter == "a":
        return _day_part(day, letter, length) if day else ""
    hour, minute, second = (getattr(time, name, 0) for name in ("hour", "minute", "second"))
    if letter == "h":
        hour = (hour % 12 or 12) if has_clock else hour
        return f"{hour:0{min(length, 2)}}"
    if letter == "m":
        return f"{minute:0{min(length, 2)}}"
    whole, _, fraction = token.partition(".")
    tail = f"{getattr(time, 'microsecond', 0):06}"[: len(fraction)]
    return f"{second:0{min(len(whole), 2)}}" + (f".{tail}" if fraction else "")


def _is_minutes(section: tuple[_Token, ...], index: int) -> bool:
    """`m` is minutes right after hours or right before seconds, else months."""
    kinds = ("date", "elapsed")
    before = [token.text[0].lower() for token in section[:index] if token.kind in kinds]
    after = [token.text[0].lower() for token in section[index + 1 :] if token.kind == "date"]
    return bool(before and before[-1] == "h") or bool(after and after[0] == "s")


def _month(month: int, length: int) -> str:
    name = _MONTHS.split()[month - 1]
    if length <= 2:
        return f"{month:0{length}}"
    return name[0] if length == 5 else name if length == 4 else name[:3]


def _day_part(value: datetime.date, letter: str, length: int) -> str:
    if letter in "ye":
        return f"{value.year:04}" if length > 2 or letter == "e" else f"{value.year % 100:02}"
    if letter == "a":  # the weekday in Chinese
        return ("星期" if length == 4 else "周") + "一二三四五六日"[value.weekday()]
    if length <= 2:
        return f"{value.day:0{length}}"
    name = _DAYS.split()[value.weekday()]
    return name if length == 4 else name[:3]


def _format_elapsed(value: object, section: tuple[_Token, ...]) -> str:
    if isinstance(value, datetime.datetime):
        value = value - datetime.datetime(1899, 12, 30)
    elif isinstance(value, datetime.time):
        value = datetime.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second)
    if not isinstance(value, datetime.timedelta):
        return str(value)
    seconds = round(value.total_seconds())
    first = next((token.text[0].lower() for token in section if token.kind == "elapsed"), "h")
    if first == "s":
        return str(seconds)
    if first == "m":
        return f"{seconds // 60}:{seconds % 60:02}"
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
