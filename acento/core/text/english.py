"""Whisper's English rule, and the Open ASR leaderboard's rules, step by step and text for text.

The rules of Whisper come from ``transformers.models.whisper.english_normalizer`` and its list of spellings from the
package whisper-normalizer (equal to openai/whisper 20250625); here they are only named and put in order. What the
leaderboard changes is data: ``open-asr-leaderboard.json``.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from acento.core.text import steps
from acento.core.text.european import replacing
from acento.core.text.normalizer import Normalizer, Step

_SPACE_BEFORE_APOSTROPHE = re.compile(r"\s+'")
_COMMA_IN_NUMBER = re.compile(r"(\d),(\d)")
_POINT_NOT_IN_NUMBER = re.compile(r"\.([^0-9]|$)")
_SIGN_NOT_BEFORE_NUMBER = re.compile(r"[.$¢€£]([^0-9])")
_PERCENT_NOT_AFTER_NUMBER = re.compile(r"([^0-9])%")
_SPACES = re.compile(r"\s+")
_THOUSANDS = re.compile(r"(\d)\s+(\d{3})\b")
_DIGITS = re.compile(r"\d+")


def attach_apostrophes(text: str) -> str:
    """Remove white space before an apostrophe."""
    return _SPACE_BEFORE_APOSTROPHE.sub("'", text)


def remove_commas_in_numbers(text: str) -> str:
    """Remove commas between digits, and points that no digit follows."""
    return _POINT_NOT_IN_NUMBER.sub(r" \1", _COMMA_IN_NUMBER.sub(r"\1\2", text))


def remove_symbols_and_diacritics(text: str) -> str:
    """Remove diacritics, and put a space for each symbol but . % $ ¢ € £."""
    if text.isascii() and text.replace(" ", "").isalnum():
        return text
    from transformers.models.whisper.english_normalizer import remove_symbols_and_diacritics

    return str(remove_symbols_and_diacritics(text, keep=".%$¢€£"))


def standardize_numbers(text: str) -> str:
    """Write spelled-out numbers, money and percentages with digits."""
    return str(_whisper().standardize_numbers(text))


def remove_signs_without_number(text: str) -> str:
    """Put a space for each . $ ¢ € £ that no digit follows and each % that follows none."""
    return _PERCENT_NOT_AFTER_NUMBER.sub(r"\1 ", _SIGN_NOT_BEFORE_NUMBER.sub(r" \1", text))


def join_acronyms(text: str) -> str:
    """Join single characters that follow one another: b b c is bbc; with an a or i among them three are needed."""
    words: list[str] = []
    run: list[str] = []
    for word in [*text.split(), ""]:
        if len(word) == 1 and word.isalnum():
            run.append(word)
            continue
        words += ["".join(run)] if len(run) >= (3 if {"a", "i"} & set(run) else 2) else run
        run = []
        words.append(word)
    return " ".join(words[:-1])


@cache
def _whisper() -> Any:
    """Return Whisper's normalizer, with its list of spellings."""
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    listed = files("whisper_normalizer").joinpath("normalizers/english.json").read_text(encoding="utf-8")
    return EnglishTextNormalizer(json.loads(listed))


@cache
def _board() -> dict[str, Any]:
    """Return what the leaderboard changes of Whisper's rule."""
    read: dict[str, Any] = json.loads(files(__package__).joinpath("open-asr-leaderboard.json").read_text("utf-8"))
    return read


def _in_order(rules: Callable[[], Mapping[str, str]]) -> Callable[[str], str]:
    """Return a function that replaces patterns one after another; a text that has none of them is passed on."""

    @cache
    def compiled() -> tuple[re.Pattern[str], Sequence[tuple[re.Pattern[str], str]]]:
        found = rules()
        return re.compile("|".join(found).replace(r"(it|", "(?:it|")), [(re.compile(a), b) for a, b in found.items()]

    def replace(text: str) -> str:
        anywhere, patterns = compiled()
        if anywhere.search(text):
            for pattern, replacement in patterns:
                text = pattern.sub(replacement, text)
        return text

    return replace


def _fillers(pattern: Callable[[], str]) -> Callable[[str], str]:
    return lambda text: re.sub(pattern(), "", text)


def _words(mapping: Callable[[], Mapping[str, str]]) -> Callable[[str], str]:
    return lambda text: cache_replacing(mapping)(text)


@cache
def cache_replacing(mapping: Callable[[], Mapping[str, str]]) -> Callable[[str], str]:
    """Return the function that replaces the words of a mapping that is read when it is first needed."""
    return replacing(mapping())


def _board_contractions() -> dict[str, str]:
    rules = dict(_whisper().replacers)
    return {
        _board()["is"] if pattern == r"'s\b" else pattern: r"\1 is" if pattern == r"'s\b" else words
        for pattern, words in rules.items()
    }


def _board_spellings() -> dict[str, str]:
    mapping = dict(_whisper().standardize_spellings.mapping) | _board()["spellings"]
    return {word: spelling for word, spelling in mapping.items() if word not in _board()["not_spellings"]}


def _english(name: str, version: int, about: str, *, board: bool) -> Normalizer:
    step = Step.of
    rule = [
        step(steps.lowercase),
        step(steps.remove_markup),
        step(steps.remove_parentheses),
        Step(
            "remove-fillers",
            "Remove hesitations such as uh, um and mhm.",
            _fillers(lambda: str(_board()["fillers"] if board else _whisper().ignore_patterns)),
        ),
        step(attach_apostrophes),
        Step(
            "expand-contractions",
            "Write contractions and titles in full: don't is do not, mr is mister.",
            _in_order(_board_contractions if board else lambda: _whisper().replacers),
        ),
        step(remove_commas_in_numbers),
        step(remove_symbols_and_diacritics),
    ]
    if board:
        joined = _in_order(lambda: _board()["compounds"])
        rule.append(Step("join-compounds", "Write wi fi, e mail and the like in one word.", joined))
    spellings = _board_spellings if board else lambda: _whisper().standardize_spellings.mapping
    rule += [
        step(standardize_numbers),
        Step("american-spelling", "Write British spellings the American way.", _words(spellings)),
    ]
    if board:
        names = Step("unify-names", "Write one spelling of a given name.", _words(lambda: _board()["names"]))
        rule += [names, step(join_acronyms)]
    rule += [step(remove_signs_without_number), step(steps.collapse_spaces)]
    return Normalizer(name, version, tuple(rule), language="en", drop_empty_references=board, about=about)


ENGLISH = _english("english", 1, "Whisper's EnglishTextNormalizer.", board=False)
"""Equal to ``EnglishTextNormalizer``, with no space left at the ends. Not idempotent, as it is not: see the docs."""
OPEN_ASR_LEADERBOARD = _english(
    "open-asr-leaderboard", 1, "English on the Open ASR leaderboard (August 2026).", board=True
)
"""The English rule of huggingface/open_asr_leaderboard at d1e99b2; clips with no reference left are dropped."""


_BOARD_LANGUAGES = {"de": "German", "es": "Spanish", "fr": "French", "it": "Italian", "pt": "Portuguese"}


def _multilingual(language: str | None) -> Normalizer:
    rule = [
        *(steps.lowercase, steps.remove_markup, steps.remove_parentheses, steps.compose, steps.symbols_to_spaces),
        *(steps.lowercase, steps.drop_other_characters, steps.collapse_spaces),
    ]
    found = [Step.of(one) for one in rule]
    name = "open-asr-leaderboard-multilingual"
    if language:
        name = f"open-asr-leaderboard-{language}"
        found.append(Step("digits-to-words", "Say each run of digits as num2words does.", _board_numbers(language)))
    about = (
        f"{_BOARD_LANGUAGES[language] if language else 'Other languages'} on the Open ASR leaderboard (August 2026)."
    )
    return Normalizer(name, 1, tuple(found), language=language, drop_empty_references=True, about=about)


def _board_numbers(language: str) -> Callable[[str], str]:
    """Return the leaderboard's reading of digits, faithful also in its faults: 1º was 1o before, and is unoo."""

    @lru_cache(maxsize=65_536)
    def say(digits: str) -> str:
        from num2words import num2words

        try:
            return str(num2words(int(digits), lang=language))
        except Exception:  # whatever it cannot say the leaderboard leaves
            return digits

    return lambda text: _DIGITS.sub(lambda found: say(found[0]), _THOUSANDS.sub(r"\1\2", text))


OPEN_ASR_LEADERBOARD_MULTILINGUAL = tuple(_multilingual(one) for one in (None, *_BOARD_LANGUAGES))
"""The rule of the leaderboard for other languages, without its numbers and with those of each of its languages."""
