"""Normalizer presets: pinned by pairs of texts, and true to the rules they are named after."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import NORMALIZERS, default_normalizer, normalizer, normalizer_for

PAIRS = Path(__file__).parent / "pairs"
TEXTS = st.text(max_size=60) | st.text(alphabet="áÉñü<>[]()¿?!.,_-' \n\u0301\u00ad\u200b½ﬁ1º™क\u093fab", max_size=60)


def pairs() -> list[object]:
    cases = []
    for path in sorted(PAIRS.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                name = f"{path.stem}: {row['why']}"
                cases.append(pytest.param(path.stem, row["text"], row["normalized"], id=name))
    return cases


@pytest.mark.parametrize(("name", "text", "normalized"), pairs())
def test_pair(name: str, text: str, normalized: str) -> None:
    assert normalizer(name)(text) == normalized


def test_every_preset_is_pinned_by_pairs() -> None:
    assert {path.stem for path in PAIRS.glob("*.csv")} == set(NORMALIZERS)


@pytest.fixture(scope="module")
def whispers_rule() -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    return BasicTextNormalizer()


@settings(deadline=None)
@given(text=TEXTS)
def test_basic_is_whispers_rule_without_spaces_at_the_ends(whispers_rule: Callable[[str], str], text: str) -> None:
    assert normalizer("basic")(text) == whispers_rule(text).strip()


_HEARD = """
i it's she'd don't won't gonna mr st. uh mm one two twenty five hundred thousand million and a half point oh double
first 20 3.5 1,000 $ £ 50% ¢ cents per cent dollars colours archaeology café ½ [x] (y) o'clock ’s 's - 5th
"""
SPOKEN = st.lists(st.sampled_from(_HEARD.split()), max_size=8).map(" ".join)


@settings(deadline=None)
@given(text=SPOKEN | TEXTS)
def test_english_is_whispers_rule_without_spaces_at_the_ends(whispers_english: Callable[[str], str], text: str) -> None:
    assert normalizer("english")(text) == whispers_english(text).strip()


@pytest.fixture(scope="module")
def whispers_english() -> Callable[[str], str]:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    listed = files("whisper_normalizer").joinpath("normalizers/english.json").read_text(encoding="utf-8")
    return EnglishTextNormalizer(json.loads(listed))


@pytest.mark.parametrize("name", sorted(NORMALIZERS))
@settings(deadline=None, max_examples=20)
@given(text=TEXTS)
def test_the_same_text_gives_the_same_output_each_time(name: str, text: str) -> None:
    assert normalizer(name)(text) == normalizer(name)(text)


@settings(deadline=None)
@given(TEXTS)
def test_the_chilean_rule_leaves_only_words_with_one_space_between(text: str) -> None:
    words = normalizer("chilean-leaderboard")(text).split(" ")
    assert words == [""] or all(word and not any(char.isspace() for char in word) for word in words)
    assert all(char.isalnum() for word in words for char in word)


def test_identity_is_name_and_version() -> None:
    assert normalizer("chilean-leaderboard").identity == "chilean-leaderboard-1"


def test_a_preset_is_found_by_the_identity_that_a_score_carries() -> None:
    assert normalizer("basic-1") is normalizer("basic")


@pytest.mark.parametrize("name", ["klingon", "basic-2", "", "Basic"])
def test_an_unknown_normalizer_is_refused_and_the_known_are_listed(name: str) -> None:
    with pytest.raises(InputError, match=r"none-1, basic-1, chilean-leaderboard-1"):
        normalizer(name)


def test_a_preset_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        normalizer("basic").version = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("language", "name"),
    [
        *(
            ("es-CL", "spanish"),
            ("spa", "spanish"),
            ("Spanish", "spanish"),
            ("en-GB", "english"),
            ("pt-BR", "portuguese"),
        ),
        *(("sv", "swedish"), ("nl-BE", "dutch"), ("de", "german"), ("fr-CA", "french"), ("ita", "italian")),
        *(("hi", "unicode"), ("ko", "unicode"), (None, "unicode"), ("und", "unicode"), ("no language", "unicode")),
        *(("tr", "unicode-tr"), ("az-Latn", "unicode-az"), ("arz", "unicode-ar"), ("fa-IR", "unicode-fa")),
        *(("cmn-Hans", "unicode-zh"), ("yue", "unicode-yue"), ("nan-Latn", "unicode"), ("ja", "unicode-ja")),
    ],
)
def test_the_default_follows_the_language(language: str | None, name: str) -> None:
    assert default_normalizer(language).name == name


@pytest.mark.parametrize("name", ["unicode-tr", "unicode-tr-1", "unicode-zh", "unicode-1", "unicode"])
def test_a_variant_of_a_language_is_found_by_name_and_by_identity(name: str) -> None:
    assert normalizer(name).identity == f"{name.removesuffix('-1')}-1"


@pytest.mark.parametrize(
    "name", ["unicode-", "unicode-tr-2", "unicode-xx", "unicode--tr", "unicode-tr-1-1", "unicode-2"]
)
def test_a_variant_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unicode-XX for a language"):
        normalizer(name)


def test_the_name_of_a_family_means_the_preset_of_the_language() -> None:
    assert normalizer_for("unicode", "ja").identity == "unicode-ja-1"
    assert normalizer_for("open-asr-leaderboard-multilingual", "de-AT").identity == "open-asr-leaderboard-de-1"
    assert normalizer_for("open-asr-leaderboard-multilingual", "sv").identity == "open-asr-leaderboard-multilingual-1"
    assert normalizer_for("unicode-1", "ja").identity == "unicode-1"
    assert normalizer_for("basic", "ja").identity == "basic-1"


@pytest.mark.slow
def test_a_preset_is_used_without_torch() -> None:
    code = "import sys, acento.core.text as t; t.normalizer('english')('it is 20'); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
