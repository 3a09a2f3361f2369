"""How seven languages say numbers, money, dates and times: the facts that :mod:`acento.core.text.numbers` reads.

All seven write a comma before decimals, and a point or a space between groups of three digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Locale:
    """What a language calls the signs that stand beside digits; everything in lower case."""

    code: str
    """As num2words knows the language."""
    comma: str
    point: str
    minus: str
    percent: str
    money: Mapping[str, tuple[str, str]]
    """A sign before or after an amount, and its name for one and for more."""
    units: Mapping[str, tuple[str, str]]
    """A unit after a number, and its name for one and for more."""
    months: tuple[str, ...]
    date: str
    """How a date is said, with ``{day}``, ``{month}`` and ``{year}``."""
    clock: tuple[str, str]
    """How a time is said, with ``{hour}`` and ``{minute}``: on the hour, and at another minute."""
    of: str = ""
    """What stands between millions and the thing counted: *un millón de pesos*."""
    one: str | None = None
    """What 1 is before a word, where it is another word than the numeral: *ein Kilo*."""
    decimals_as_number: bool = True
    """Whether the two decimals of 3,14 are said as fourteen; else digit by digit."""
    hundred: str = ""
    """The word of hundred, where 1984 is said as nineteen hundred eighty-four."""
    respelled: Mapping[str, str] = field(default_factory=dict)
    """Two spellings of one number word."""


def _units(text: str) -> dict[str, tuple[str, str]]:
    """Read ``km kilómetro kilómetros; …``, with _ for a space inside a name."""
    rows = [[word.replace("_", " ") for word in row.split()] for row in text.split(";")]
    return {sign: (one, more) for sign, one, more in rows}


def _names(text: str) -> tuple[str, ...]:
    """Read names with a space between."""
    return tuple(text.split())


SPANISH = Locale(
    "es",
    "coma",
    "punto",
    "menos",
    "por ciento",
    _units("us$ dólar dólares; $ peso pesos; € euro euros; £ libra libras; ¥ yen yenes"),
    _units(
        "km/h kilómetro_por_hora kilómetros_por_hora; km kilómetro kilómetros;"
        "m metro metros; cm centímetro centímetros;"
        "mm milímetro milímetros; kg kilo kilos; kgs kilo kilos;"
        "g gramo gramos; gr gramo gramos; mg miligramo miligramos;"
        "l litro litros; lt litro litros; ml mililitro mililitros;"
        "m² metro_cuadrado metros_cuadrados; ha hectárea hectáreas;"
        "m2 metro_cuadrado metros_cuadrados; km² kilómetro_cuadrado kilómetros_cuadrados;"
        "h hora horas; hrs hora horas;"
        "hr hora horas; min minuto minutos; seg segundo segundos;"
        "°c grado grados; kw kilovatio kilovatios; gb giga gigas"
    ),
    _names("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    "{day} de {month} de {year}",
    ("{hour}", "{hour} {minute}"),
    of="de",
    respelled={
        **{
            f"{hundred}as": f"{hundred}os"
            for hundred in (
                "doscient",
                "trescient",
                "cuatrocient",
                "quinient",
                "seiscient",
                "setecient",
                "ochocient",
                "novecient",
            )
        },
        "veintiún": "veintiuno",
        "veintiuna": "veintiuno",
        "veintiun": "veintiuno",
        "kilogramo": "kilo",
        "kilogramos": "kilos",
        "setiembre": "septiembre",
        "decimoprimero": "undécimo",
        "decimosegundo": "duodécimo",
    },
)
FRENCH = Locale(
    "fr",
    "virgule",
    "point",
    "moins",
    "pour cent",
    _units("us$ dollar dollars; $ dollar dollars; € euro euros; £ livre livres"),
    _units(
        "km/h kilomètre_par_heure kilomètres_par_heure; km kilomètre kilomètres;"
        "m mètre mètres; cm centimètre centimètres;"
        "mm millimètre millimètres; kg kilo kilos; g gramme grammes; mg milligramme milligrammes; l litre litres;"
        "ml millilitre millilitres; min minute minutes; °c degré degrés; ha hectare hectares"
    ),
    _names("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    "{day} {month} {year}",
    ("{hour} heures", "{hour} heures {minute}"),
    respelled={"kilogramme": "kilo", "kilogrammes": "kilos", "pourcent": "pour cent"},
)
ITALIAN = Locale(
    "it",
    "virgola",
    "punto",
    "meno",
    "per cento",
    _units("us$ dollaro dollari; $ dollaro dollari; € euro euro; £ sterlina sterline"),
    _units(
        "km/h chilometro_orario chilometri_orari; km chilometro chilometri; m metro metri; cm centimetro centimetri;"
        "mm millimetro millimetri; kg chilo chili; g grammo grammi; mg milligrammo milligrammi; l litro litri;"
        "ml millilitro millilitri; min minuto minuti; °c grado gradi; ha ettaro ettari"
    ),
    _names("gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
    "{day} {month} {year}",
    ("{hour}", "{hour} e {minute}"),
    of="di",
    one="un",
    respelled={"chilogrammo": "chilo", "chilogrammi": "chili", "percento": "per cento"},
)
PORTUGUESE = Locale(
    "pt",
    "vírgula",
    "ponto",
    "menos",
    "por cento",
    _units("us$ dólar dólares; r$ real reais; $ dólar dólares; € euro euros; £ libra libras"),
    _units(
        "km/h quilômetro_por_hora quilômetros_por_hora; km quilômetro quilômetros;"
        "m metro metros; cm centímetro centímetros;"
        "mm milímetro milímetros; kg quilo quilos; g grama gramas; mg miligrama miligramas; l litro litros;"
        "ml mililitro mililitros; min minuto minutos; °c grau graus; ha hectare hectares"
    ),
    _names("janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    "{day} de {month} de {year}",
    ("{hour}", "{hour} e {minute}"),
    of="de",
    respelled={
        "dezasseis": "dezesseis",
        "dezassete": "dezessete",
        "dezanove": "dezenove",
        "quatorze": "catorze",
        "quilómetro": "quilômetro",
        "quilómetros": "quilômetros",
        "quilograma": "quilo",
        "quilogramas": "quilos",
        "porcento": "por cento",
    },
)
GERMAN = Locale(
    "de",
    "komma",
    "punkt",
    "minus",
    "prozent",
    _units("us$ dollar dollar; $ dollar dollar; € euro euro; £ pfund pfund"),
    _units(
        "km/h kilometer_pro_stunde kilometer_pro_stunde; km kilometer kilometer;"
        "m meter meter; cm zentimeter zentimeter;"
        "mm millimeter millimeter; kg kilo kilo; g gramm gramm; mg milligramm milligramm; l liter liter;"
        "ml milliliter milliliter; min minute minuten; °c grad grad; ha hektar hektar"
    ),
    _names("januar februar märz april mai juni juli august september oktober november dezember"),
    "{day}. {month} {year}",
    ("{hour} uhr", "{hour} uhr {minute}"),
    one="ein",
    decimals_as_number=False,
    hundred="hundert",
    respelled={"kilogramm": "kilo"},
)
DUTCH = Locale(
    "nl",
    "komma",
    "punt",
    "min",
    "procent",
    _units("us$ dollar dollar; $ dollar dollar; € euro euro; £ pond pond"),
    _units(
        "km/h kilometer_per_uur kilometer_per_uur; km/u kilometer_per_uur kilometer_per_uur; km kilometer kilometer;"
        "m meter meter; cm centimeter centimeter; mm millimeter millimeter; kg kilo kilo; g gram gram;"
        "mg milligram milligram; l liter liter; ml milliliter milliliter; min minuut minuten; °c graad graden"
    ),
    _names("januari februari maart april mei juni juli augustus september oktober november december"),
    "{day} {month} {year}",
    ("{hour} uur", "{hour} uur {minute}"),
    hundred="honderd",
    respelled={"één": "een", "kilogram": "kilo"},
)
SWEDISH = Locale(
    "sv",
    "komma",
    "punkt",
    "minus",
    "procent",
    _units("us$ dollar dollar; $ dollar dollar; € euro euro; £ pund pund; kr krona kronor"),
    _units(
        "km/h kilometer_i_timmen kilometer_i_timmen; km kilometer kilometer; m meter meter; cm centimeter centimeter;"
        "mm millimeter millimeter; kg kilo kilo; g gram gram; mg milligram milligram; l liter liter;"
        "ml milliliter milliliter; min minut minuter; °c grad grader; kr krona kronor"
    ),
    _names("januari februari mars april maj juni juli augusti september oktober november december"),
    "{day} {month} {year}",
    ("{hour}", "{hour} {minute}"),
    one="en",
    hundred="hundra",
    respelled={"kilogram": "kilo"},
)
