"""Digits to words, by num2words: the steps that make ``3,5`` and *tres coma cinco* the same words.

Each step leaves digits for the next, until :func:`numbers_to_words` says them all: so ``--explain`` shows what was read
as what. The texts are in lower case.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from acento.core.text.locales import Locale
from acento.core.text.normalizer import Step

NUMBER = r"\d+(?:[.,]\d+)?"
_DATE = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])")
_ISO_DATE = re.compile(r"(?<![\d./-])(\d{4})-(\d{2})-(\d{2})(?![\d/-])")
_DIGIT = re.compile("[0-9]")
_YEAR = re.compile(r"(?<![\w.,:])(1[1-9])(\d\d)(?![\w:]|[.,]\d)")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}\.\d{3}(?:\.\d{3})*(?!\d|\.\d)")
_SPACED = re.compile(r"(?<![\d.,])(?<!\d )\d{1,3}(?: \d{3})+(?! ?\d)")
_FOREIGN = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,\d{3})+(?=\.\d)|(?:,\d{3}){2,})(?!\d|,\d)")
_SAID = re.compile(r"((?<![\w.,-])-)?(\d+)(?:([.,])(\d+))?(?=\s+([^\W\d_]+))?")
_LONGEST = 15
"""Digits beyond which a number is said digit by digit, as one that begins with 0 is."""


def join_thousands(text: str) -> str:
    """Join the groups of three digits of one number: 1.234.567 and 1 234 567 are 1234567.

    >>> join_thousands("1.234.567, 1 234 567, 3,5, 1,234.5, 12.345,6")
    '1234567, 1234567, 3,5, 1234.5, 12345,6'
    """
    text = _FOREIGN.sub(lambda found: found[0].replace(",", ""), text)
    text = _GROUPED.sub(lambda found: found[0].replace(".", ""), text)
    return _SPACED.sub(lambda found: found[0].replace(" ", ""), text)


def number_steps(locale: Locale, ordinals: Callable[[str], str], say: Callable[[str], str]) -> tuple[Step, ...]:
    """Return the steps from digits to words of a language.

    Args:
        locale: what it calls what stands beside digits.
        ordinals: reads its ordinals.
        say: says the digits of a whole number in words.
    """
    steps = (
        Step("dates", "Read numeric dates: day, name of the month, year.", _dates(locale)),
        *(
            [Step("years", "Say 1100 to 1999 in hundreds, as years are.", _years(locale, say))]
            if locale.hundred
            else []
        ),
        Step.of(join_thousands),
        Step("clock-times", "Read clock times: hour and minute.", _clock(locale)),
        Step("money", "Read currency signs, before or after the amount, as words after it.", _money(locale)),
        Step("percent", "Read % as words.", _percent(locale)),
        Step("units", "Read units after a number as words.", _units(locale)),
        Step("ordinals", "Read ordinal numbers as words.", ordinals),
        Step("numbers-to-words", "Say what digits are left in words.", _numbers(locale, say)),
    )
    return tuple(replace(step, apply=_where_digits(step.apply)) for step in steps)


def _where_digits(apply: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function that passes on a text without digits at once, as most are."""
    return lambda text: apply(text) if _DIGIT.search(text) else text


def speaker(locale: Locale) -> Callable[[str], str]:
    """Return the function that says the digits of a whole number, with the words of each remembered."""
    from num2words import num2words

    @lru_cache(maxsize=65_536)
    def say(digits: str) -> str:
        if len(digits) > _LONGEST or (digits[0] == "0" and len(digits) > 1):
            return " ".join(say(digit) for digit in digits)
        number = int(digits)
        words = str(num2words(number, lang=locale.code)).lower()
        if locale.code == "nl":
            words = words.replace("éé", "ee")
        if locale.code == "sv" and number < 1_000_000:
            words = words.replace(" ", "").replace("ttt", "tt")
        return words.replace(",", "")

    return say


@lru_cache(maxsize=4096)
def ordinal(code: str, digits: str) -> str:
    """Return the ordinal of some digits.

    >>> ordinal("es", "11"), ordinal("de", "3"), ordinal("fr", "21")
    ('undécimo', 'dritte', 'vingt et unième')
    """
    from num2words import num2words

    if len(digits) > _LONGEST or int(digits) == 0:
        return digits
    if code == "es" and digits in ("11", "12"):
        return {"11": "undécimo", "12": "duodécimo"}[digits]
    return str(num2words(int(digits), lang=code, to="ordinal")).lower()


def feminine(words: str) -> str:
    """Return a Romance ordinal in its feminine form.

    >>> feminine("vigésimo primero")
    'vigésima primera'
    """
    return re.sub(r"o\b", "a", words)


def _dates(locale: Locale) -> Callable[[str], str]:
    def said(found: re.Match[str], day: str, month: str, year: str) -> str:
        if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
            return found[0]
        return locale.date.format(day=int(day), month=locale.months[int(month) - 1], year=year)

    def dates(text: str) -> str:
        text = _ISO_DATE.sub(lambda found: said(found, found[3], found[2], found[1]), text)
        return _DATE.sub(lambda found: said(found, found[1], found[3], found[4]), text)

    return dates


def _years(locale: Locale, say: Callable[[str], str]) -> Callable[[str], str]:
    def said(found: re.Match[str]) -> str:
        rest = found[2].lstrip("0")
        return say(found[1]) + locale.hundred + (say(rest) if rest else "")

    return lambda text: _YEAR.sub(said, text)


def _clock(locale: Locale) -> Callable[[str], str]:
    hour_words = {"es": "h|hrs?|horas", "fr": "h|heures", "pt": "h|horas", "de": "uhr", "nl": "uur|u"}.get(
        locale.code, "h"
    )
    named = {"es": " horas", "pt": " horas"}.get(locale.code, "")
    written = re.compile(rf"(?<![\d:.,])([01]?\d|2[0-4])(?::|h)([0-5]\d)(?![\d:])(?:\s?({hour_words})\b\.?)?")

    def said(found: re.Match[str]) -> str:
        sharp, other = locale.clock
        hour, minute = str(int(found[1])), found[2]
        return (sharp if minute == "00" else other).format(hour=hour, minute=minute) + (named if found[3] else "")

    return lambda text: written.sub(said, text)


def _counted(locale: Locale, number: str, names: tuple[str, str], scale: str = "") -> str:
    """Return a number with the name of what is counted, in the singular after 1 alone."""
    if number == "1" and not scale:
        return f"{number} {names[0]}"
    millions = scale.strip() not in ("", "mil", "mila", "mille") or (
        number.isdigit() and int(number) and not int(number) % 1_000_000
    )
    return f"{number}{scale} {locale.of + ' ' if locale.of and millions else ''}{names[1]}"


def _money(locale: Locale) -> Callable[[str], str]:
    signs = "|".join(re.escape(sign) for sign in sorted(locale.money, key=len, reverse=True))
    scales = r"( (?:mil millones|mil|mill[oó]n(?:es)?|milh(?:ão|ões)|bilh(?:ão|ões)|mila|milion[ei]|miliard[oi]"
    scales += r"|millions?|milliards?|million(?:en)?|milliarden?|miljoen|miljard|miljon(?:er)?|miljard(?:er)?))?"
    before = re.compile(rf"(?<!\w)({signs})\s?({NUMBER})(?:{scales}\b)?")
    after = re.compile(rf"({NUMBER})(?:{scales}\s?({signs})(?!\w))")

    def money(text: str) -> str:
        text = before.sub(lambda found: _counted(locale, found[2], locale.money[found[1]], found[3] or ""), text)
        return after.sub(lambda found: _counted(locale, found[1], locale.money[found[3]], found[2] or ""), text)

    return money


def _percent(locale: Locale) -> Callable[[str], str]:
    written = re.compile(rf"({NUMBER})\s?%")
    return lambda text: written.sub(rf"\1 {locale.percent} ", text)


def _units(locale: Locale) -> Callable[[str], str]:
    signs = "|".join(re.escape(sign) for sign in sorted(locale.units, key=len, reverse=True))
    letters = "|".join(sign for sign in locale.units if len(sign) == 1)  # 5 g, but not 5G
    written = re.compile(rf"({NUMBER})(?!(?:{letters})\b)\s?({signs})(?![\w/²])")
    return lambda text: written.sub(lambda found: _counted(locale, found[1], locale.units[found[2]]), text)


def _numbers(locale: Locale, say: Callable[[str], str]) -> Callable[[str], str]:
    def said(found: re.Match[str]) -> str:
        minus, whole, sign, decimals, following = found.groups()
        words = say(whole)
        if whole == "1" and decimals is None and following:
            words = _spanish_one(following) if locale.code == "es" else locale.one or words
        if minus:
            words = f"{locale.minus} {words}"
        if decimals:
            as_number = locale.decimals_as_number and len(decimals) <= 2 and decimals[0] != "0"
            fraction = say(decimals) if as_number else " ".join(map(say, decimals))
            words = f"{words} {locale.comma if sign == ',' else locale.point} {fraction}"
        return f" {words} "

    return lambda text: _SAID.sub(said, text)


_MASCULINE_IN_A = frozenset(
    {"día", "mapa", "problema", "programa", "sistema", "tema", "idioma", "planeta", "clima", "cometa", "poema", "drama"}
)


def _spanish_one(following: str) -> str:
    if following in ("de", "a", "y", "o", "por", "en", "coma", "que", "es"):
        return "uno"
    return "una" if following.endswith("a") and following not in _MASCULINE_IN_A else "un"
