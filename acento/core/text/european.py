"""Presets for languages that num2words says well: numbers become words, letters and their accents stay."""

import re
from collections.abc import Callable, Mapping

from acento.core.text import by_language, locales, steps
from acento.core.text.locales import Locale
from acento.core.text.normalizer import Normalizer, Step
from acento.core.text.numbers import feminine, number_steps, ordinal, speaker

_ORDINAL_SIGNS = re.compile("([ªº])")
_DIGIT = re.compile(r"\d")
_APOSTROPHES = str.maketrans(dict.fromkeys(by_language.APOSTROPHES, " "))


def fold_case_around_ordinal_signs(text: str) -> str:
    """Fold case and write each character in one way (NFKC), with º and ª left for the ordinals.

    >>> fold_case_around_ordinal_signs("El 1º CAFÉ ﬁno")
    'el 1º café fino'
    """
    if "º" in text or "ª" in text:
        parts = _ORDINAL_SIGNS.split(text)
        return "".join(part if part in ("ª", "º") else by_language.fold_case(steps.compose(part)) for part in parts)
    return by_language.fold_case(steps.compose(text))


def write_ascii_digits(text: str) -> str:
    """Write the decimal digits of any script as 0 to 9.

    >>> write_ascii_digits("٣ १")
    '3 1'
    """
    return text if text.isascii() else _DIGIT.sub(lambda digit: str(int(digit[0])), text)


def part_words_at_apostrophes(text: str) -> str:
    """Part words at apostrophes: *l'homme* is two words.

    >>> part_words_at_apostrophes("l'homme")
    'l homme'
    """
    return text.translate(_APOSTROPHES)


def replacing(words: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that replaces whole words by others."""
    return lambda text: " ".join(words.get(word, word) for word in text.split())


def _spoken(pattern: str, locale: Locale, form: Callable[[str, str], str]) -> Callable[[str], str]:
    """Return a function that says what a pattern finds as ordinals; ``form`` takes the words and the ending."""
    written = re.compile(pattern)

    def ordinals(text: str) -> str:
        return written.sub(lambda found: f" {form(ordinal(locale.code, found[1]), found[2])} ", text)

    return ordinals


def _spanish_ordinal(words: str, ending: str) -> str:
    if ending in ("ª", "a", "ra", "da", "ta", "ma", "va", "na"):
        return feminine(words)
    return re.sub("(primer|tercer)o$", r"\1", words) if ending == "er" else words


def _french_ordinal(words: str, ending: str) -> str:
    many = "s" if ending.endswith("s") else ""
    if words == "premier" and ending[0] in "rè":
        return "première" + many
    if words == "deuxième" and "d" in ending:
        return ("second" if ending in ("nd", "nds", "d", "ds") else "seconde") + many
    return words + many


def _german_ordinals(locale: Locale) -> Callable[[str], str]:
    months = "|".join(locale.months)
    before_month = re.compile(rf"(\b(?:der|die|das) )?\b(\d{{1,2}})\.(?=\s(?:{months})\b)")
    after_article = re.compile(r"\b(der|die|das|dem|den|des|am|im|zum|zur|vom|beim) (\d{1,4})\.(?=\s[^\W\d_])")

    def said(before: str, digits: str) -> str:
        return f"{before}{ordinal('de', digits)}{'' if before.strip() in ('der', 'die', 'das') else 'n'}"

    def ordinals(text: str) -> str:
        text = before_month.sub(lambda found: said(found[1] or "", found[2]), text)
        return after_article.sub(lambda found: said(f"{found[1]} ", found[2]), text)

    return ordinals


_ROMANS = {"i": 1, "v": 5, "x": 10}
_CENTURIES = {
    "es": r"\b(siglos?\s+)([ivx]+)()(?![\w\u0300-\u036f])",
    "pt": r"\b(séculos?\s+)([ivx]+)()(?![\w\u0300-\u036f])",
    "it": r"\b(secol[oi]\s+)([ivx]+)()(?![\w\u0300-\u036f])",
    "fr": r"()\b([ivx]+)(?:e|ème)(\s+siècles?)\b",
}


def _roman(text: str) -> int:
    values = [_ROMANS[letter] for letter in text]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))


def _centuries(locale: Locale, say: Callable[[str], str]) -> Callable[[str], str]:
    written = re.compile(_CENTURIES[locale.code])

    def said(found: re.Match[str]) -> str:
        number = str(_roman(found[2]))
        by_order = locale.code in ("fr", "it") or int(number) < 10
        return f"{found[1]}{ordinal(locale.code, number) if by_order else say(number)}{found[3]}"

    return lambda text: written.sub(said, text)


_ABBREVIATIONS = {
    "es": {
        r"sr": "señor", r"sra": "señora", r"srta": "señorita", r"sres": "señores", r"sras": "señoras", r"dr": "doctor",
        r"dra": "doctora", r"dres": "doctores", r"uds|vds": "ustedes", r"ud|vd": "usted",
        r"ee\.?\s?uu": "estados unidos",
        r"a\.\s?m": "am", r"p\.\s?m": "pm",
        r"profa": "profesora", r"avda": "avenida", r"etc": "etcétera", r"n[.]?[º°]|nro|núm": "número", r"pág": "página",
    },
    "pt": {
        r"sr": "senhor", r"sra": "senhora", r"srta": "senhorita", r"dr": "doutor", r"dra": "doutora",
        r"profa": "professora", r"etc": "etcétera", r"n[.]?[º°]": "número",
    },
    "it": {
        r"dott": "dottor", r"sig\.ra|sigra": "signora", r"sig": "signor", r"ecc": "eccetera", r"n[.]?[º°]": "numero",
    },
    "fr": {r"mme": "madame", r"mmes": "mesdames", r"mlle": "mademoiselle", r"n[.]?[º°]": "numéro", r"etc": "et cetera"},
    "de": {
        r"dr": "doktor", r"usw": "und so weiter", r"z\.\s?b": "zum beispiel", r"d\.\s?h": "das heisst",
        r"bzw": "beziehungsweise",
    },
    "nl": {r"dhr": "de heer", r"mevr": "mevrouw", r"dr": "dokter", r"enz": "enzovoort", r"bijv": "bijvoorbeeld"},
    "sv": {r"dr": "doktor", r"t\.\s?ex": "till exempel", r"osv": "och så vidare", r"bl\.\s?a": "bland annat"},
}  # fmt: skip
"""Abbreviations that are no other word, with or without their point."""
_WITH_POINT = {
    "es": {"prof": "profesor", "av": "avenida", "art": "artículo", "lic": "licenciado", "ing": "ingeniero",
           "gral": "general", "sto": "santo", "sta": "santa", "aprox": "aproximadamente", "tel": "teléfono",
           "d": "don", "dña": "doña", "cap": "capítulo", "págs": "páginas", "máx": "máximo", "mín": "mínimo"},
    "pt": {"prof": "professor", "av": "avenida", "art": "artigo", "aprox": "aproximadamente"},
    "it": {"prof": "professor", "art": "articolo"},
    "fr": {"m": "monsieur", "mm": "messieurs", "dr": "docteur", "prof": "professeur", "av": "avenue"},
    "de": {"prof": "professor", "str": "straße", "nr": "nummer", "ca": "circa", "hr": "herr", "fr": "frau"},
    "nl": {"prof": "professor", "nr": "nummer", "ca": "circa"},
    "sv": {"prof": "professor", "nr": "nummer", "ca": "cirka", "kl": "klockan"},
}  # fmt: skip
"""Abbreviations only where a point follows: without it they are, or may be, other words."""


def _abbreviations(locale: Locale) -> Callable[[str], str]:
    short, long = zip(*_ABBREVIATIONS[locale.code].items(), strict=True)
    pointed = _WITH_POINT[locale.code]
    anywhere = re.compile(rf"(?<![^\W_])(?<![^\W_]')(?:{'|'.join(f'({one})' for one in short)})(?!'?[^\W_]|º)\.?")
    with_point = re.compile(rf"(?<![^\W_])(?<![^\W_]')(?<!\.)({'|'.join(pointed)})\.(?=\s*[^\W_])")

    def abbreviations(text: str) -> str:
        text = anywhere.sub(lambda found: f" {long[(found.lastindex or 1) - 1]} ", text)
        return with_point.sub(lambda found: f"{pointed[found[1]]} ", text) if "." in text else text

    return abbreviations


_CHILEAN = {
    "pos poh": "po",
    "sipo sipoh": "sí po",
    "nopo": "no po",
    "yapo yapoh": "ya po",
    "cachai cachay cachái": "cachái",
    "weon weón huevon huevón hueon hueón ueon ueón güeón": "weón",
    "weona weóna huevona hueona ueona güeona": "weona",
    "weones huevones hueones ueones güeones": "weones",
    "wea weá huevá hueá hueva ueá güeá": "weá",
    "weas weás huevás hueás ueás güeás": "weás",
    "webada weada hueada güeada": "weada",
    "webadas weadas hueadas güeadas": "weadas",
    "webear weviar weviár huevear hueviar webiar huebiar": "huevear",
    "altiro": "al tiro",
    "estai estái": "estái",
    "vai vái": "vai",
    "tenis tenís teni tení": "tení",
    "queris querís queri querí": "querí",
    "sabis sabís sabi sabí": "sabí",
    "podis podís podi podí": "podí",
    "erís eris eri erí": "erí",
    "hai hái": "hai",
}


def _pairs(rows: Mapping[str, str]) -> dict[str, str]:
    return {word: one for words, one in rows.items() for word in words.split()}


def _german_hundreds(text: str) -> str:
    """Write einhundert and eintausend without ein, as they are mostly said."""
    return re.sub(r"\bein(?=hundert|tausend)", "", text)


def _spanish_ones(text: str) -> str:
    """Write treinta y uno for treinta y un and treinta y una, whatever is counted."""
    return re.sub(r"\b((?:tre|cuare|cincue|sese|sete|oche|nove)i?nta y) una?\b", r"\1 uno", text)


def _swedish_hundreds(text: str) -> str:
    """Write etthundra and ettusen without ett, as they are mostly said."""
    return re.sub(r"\bett?(?=hundra|tusen)", "", text)


_ORDINALS: dict[str, Callable[[Locale], Callable[[str], str]]] = {
    "es": lambda one: _spoken(
        r"(?<![\d.,])(\d+)(?:\.?\s?(?=[ºª])|\.?)([ºª]|°(?!\s?c\b)|(?:er|ro|do|to|mo|vo|no|ra|da|ta|ma|va|na)\b)",
        one,
        _spanish_ordinal,
    ),
    "pt": lambda one: _spoken(
        r"(?<![\d.,])(\d+)\.?\s?([ºª])", one, lambda words, ending: feminine(words) if ending == "ª" else words
    ),
    "it": lambda one: _spoken(
        r"(?<![\d.,])(\d+)\.?\s?([ºª])", one, lambda words, ending: feminine(words) if ending == "ª" else words
    ),
    "fr": lambda one: _spoken(
        r"(?<![\d.,])(\d+)(ers?|res?|ères?|ndes?|nds?|des?|d|(?:è|i?è|e)mes?|es?)\b", one, _french_ordinal
    ),
    "nl": lambda one: _spoken(r"(?<![\d.,])(\d+)(ste|de|e)\b", one, lambda words, _: words),
    "sv": lambda one: _spoken(r"(?<![\d.,])(\d+):?(a|e)\b", one, lambda words, _: words),
    "de": _german_ordinals,
}
_FORMS: dict[str, tuple[Step, ...]] = {
    "es": (Step("unify-ones", "Write treinta y uno for treinta y un and treinta y una.", _spanish_ones),),
    "de": (Step("shorten-hundreds", "Write einhundert and eintausend without ein.", _german_hundreds),),
    "sv": (Step("shorten-hundreds", "Write etthundra and ettusen without ett.", _swedish_hundreds),),
}


def _preset(name: str, locale: Locale, about: str, *more: Step) -> Normalizer:
    say = speaker(locale)
    step = Step.of
    rule = [
        step(by_language.remove_format_characters),
        step(by_language.unify_apostrophes),
        step(fold_case_around_ordinal_signs),
        *([step(part_words_at_apostrophes)] if locale.code in ("fr", "it") else []),
        step(steps.remove_markup),
        step(steps.remove_parentheses),
        step(write_ascii_digits),
        *number_steps(locale, _ORDINALS[locale.code](locale), say),
    ]
    rule += [
        Step("abbreviations", "Write abbreviations as the words they stand for.", _abbreviations(locale)),
        step(by_language.keep_letters_marks_digits),
        step(by_language.fold_case),
    ]
    if locale.code in _CENTURIES:
        rule.append(Step("centuries", "Read the Roman numeral of a century as words.", _centuries(locale, say)))
    rule += [
        Step("unify-spellings", "Write one spelling for two of a number or unit word.", replacing(locale.respelled)),
        *_FORMS.get(locale.code, ()),
        *more,
        step(steps.collapse_spaces),
    ]
    return Normalizer(name, 1, tuple(rule), language=locale.code, about=about)


_SAID = "Numbers, money, dates, times and units as words; letters and accents stay."
SPANISH = _preset("spanish", locales.SPANISH, _SAID)
SPANISH_CHILEAN = _preset(
    "spanish-chilean",
    locales.SPANISH,
    "As spanish, and Chilean spellings of one word are one: cachai and cachái, huevón and weón.",
    Step("unify-chilean-spellings", "Write one spelling for the many of a Chilean word.", replacing(_pairs(_CHILEAN))),
)
SWEDISH = _preset("swedish", locales.SWEDISH, _SAID)
DUTCH = _preset("dutch", locales.DUTCH, _SAID)
GERMAN = _preset("german", locales.GERMAN, _SAID.replace("stay", "stay, ß is ss"))
FRENCH = _preset("french", locales.FRENCH, _SAID)
PORTUGUESE = _preset("portuguese", locales.PORTUGUESE, _SAID)
ITALIAN = _preset("italian", locales.ITALIAN, _SAID)

EUROPEAN = (SPANISH, SPANISH_CHILEAN, SWEDISH, DUTCH, GERMAN, FRENCH, PORTUGUESE, ITALIAN)
