"""The months by their names, in several languages."""

from __future__ import annotations

import re

_NAMES = (  # by language, January first; other spellings of one month are joined by |
    "january february march april may june july august september october november december",
    "januar|jänner februar märz|maerz april mai juni juli august september oktober november "
    "dezember",
    "janvier février|fevrier mars avril mai juin juillet août|aout septembre octobre novembre "
    "décembre|decembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
)
ENGLISH_NAMES = tuple(_NAMES[0].split())
ENGLISH = {name: number for number, name in enumerate(ENGLISH_NAMES, start=1)}
MONTHS = {
    name: number
    for language in _NAMES
    for number, names in enumerate(language.split(), start=1)
    for name in names.split("|")
} | {name[:3]: number for name, number in ENGLISH.items()}
ENGLISH |= {name[:3]: number for name, number in ENGLISH.items() if name != "may"}
NAME = "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True))
