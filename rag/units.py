"""Units of measure and currencies in their spellings, in lower case."""

from __future__ import annotations

# (what it measures, how many of the base unit it is, its spellings as a regular expression)
UNITS: tuple[tuple[str, float, str], ...] = (
    ("mass", 1.0, "kg|kilograms?|kilos?|kilogrammes?|千克|公斤"),
    ("mass", 1e-3, "g|grams?|grammes?|克"),
    ("mass", 1e-6, "mg|milligrams?|毫克"),
    ("mass", 1e3, "t|tons?|tonnes?|吨"),
    ("mass", 0.45359237, "lbs?|磅"),
    ("mass", 0.028349523125, "oz|ounces?|盎司"),
    ("length", 1.0, "m|met(?:er|re)s?|米"),
    ("length", 1e3, "km|kilomet(?:er|re)s?|公里|千米"),
    ("length", 1e-2, "cm|centimet(?:er|re)s?|厘米"),
    ("length", 1e-3, "mm|millimet(?:er|re)s?|毫米"),
    ("length", 1e-6, "[µμ]m|microns?|micromet(?:er|re)s?|微米"),
    ("length", 1e-9, "nm|nanomet(?:er|re)s?|纳米"),
    ("length", 0.3048, "ft|feet|foot|英尺"),
    ("length", 0.0254, "inch(?:es)?|英寸"),
    ("length", 1609.344, "miles?|英里"),
    ("area", 1.0, r"m\^?2|sq\.? ?m|square met(?:er|re)s?|quadratmeter|平方米"),
    ("area", 1e6, r"km\^?2|sq\.? ?km|square kilomet(?:er|re)s?|quadratkilometer|平方公里|平方千米"),
    ("area", 1e-4, r"cm\^?2|square centimet(?:er|re)s?|平方厘米"),
    ("area", 1e-6, r"mm\^?2|square millimet(?:er|re)s?|平方毫米"),
    ("area", 1e4, "ha|hectares?|公顷"),
    ("volume", 1.0, "l|lit(?:er|re)s?|升"),
    ("volume", 1e-3, r"ml|millilit(?:er|re)s?|毫升|cm\^?3|cubic centimet(?:er|re)s?|立方厘米"),
    ("volume", 1e3, r"m\^?3|cubic met(?:er|re)s?|kubikmeter|立方米"),
    ("time", 1e-3, "ms|milliseconds?|毫秒"),
    ("time", 1.0, "s|secs?|seconds?|秒"),
    ("time", 60.0, "mins?|minutes?|分钟"),
    ("time", 3600.0, "h|hrs?|hours?|个?小时|钟头"),
    ("time", 86_400.0, "days?|天"),
    ("time", 604_800.0, "weeks?|周(?!年|岁|期)|个?星期"),
    ("months", 1.0, "months?|个月"),
    ("months", 12.0, "years?|年"),
    ("multiple", 1.0, "倍"),
    ("percent", 1.0, "%|percent|per cent"),
    ("temperature", 1.0, "°\\s?c|degrees celsius|摄氏度"),
    ("fahrenheit", 1.0, "°\\s?f|degrees fahrenheit|华氏度"),
    ("yuan", 1.0, "元|人民币|rmb|cny|yuan"),
    ("euro", 1.0, "€|eur|euros?|欧元"),
    ("dollar", 1.0, "\\$|usd|us\\$|dollars?|美元"),
    ("pound", 1.0, "£|gbp|pounds? sterling|英镑"),
    ("yen", 1.0, "jpy|yen|日元|日圆"),
    ("franc", 1.0, "chf|swiss francs?|franken|瑞士法郎"),
    ("hong kong dollar", 1.0, "hk\\$|hkd|港元|港币"),
    ("won", 1.0, "krw|韩元"),
    ("rouble", 1.0, "₽|rub|rou?bles?|卢布"),
    ("voltage", 1.0, "v|volts?|伏特?"),
    ("power", 1.0, "w|watts?|瓦特?"),
    ("power", 1e3, "kw|kilowatts?|千瓦"),
    ("power", 1e-3, "milliwatts?|毫瓦"),
    ("power", 1e6, "megawatts?|兆瓦"),
    ("power", 1e9, "gw|gigawatts?|吉瓦"),
    ("pressure", 1e5, "bars?"),
    ("pressure", 1.0, "pa|pascals?|帕"),
    ("pressure", 1e3, "kpa|kilopascals?|千帕"),
    ("pressure", 1e6, "megapascals?|兆帕"),
    ("data", 1e3, "kb|kilobytes?"),
    ("data", 1e6, "mb|megabytes?"),
    ("data", 1e9, "gb|gigabytes?"),
    ("data", 1e12, "tb|terabytes?"),
    ("pressure", 6894.757293168, "psi"),
)
# Where case alone tells the prefix: 5 MW is a thousand million times 5 mW.
CASED = {"MW": "megawatt", "mW": "milliwatt", "MPa": "megapascal"}
CURRENCY_SIGNS = {
    sign: kind
    for kind, signs in {
        "dollar": ("us$", "$", "usd"), "euro": ("€", "eur"), "pound": ("£", "gbp"),
        "yuan": ("rmb", "cny"), "franc": ("chf",), "yen": ("jpy",), "won": ("krw",),
        "hong kong dollar": ("hk$", "hkd"), "": ("¥",),
    }.items()
    for sign in signs
}  # fmt: skip
# What stands for so many of a unit: 12万元, 3 million, 4 Mrd. EUR.
HAN_MULTIPLES = {
    "十亿": 10**9, "亿": 10**8, "千万": 10**7, "百万": 10**6, "十万": 10**5, "万": 10**4,
    "千": 10**3,
}  # fmt: skip
WORD_MULTIPLES = {
    "thousand": 10**3, "thousands": 10**3, "million": 10**6, "millions": 10**6,
    "millionen": 10**6, "mio": 10**6, "mn": 10**6, "billion": 10**9, "billions": 10**9,
    "milliarden": 10**9, "mrd": 10**9, "bn": 10**9,
}  # fmt: skip
SHORT_SCALES = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion"}
