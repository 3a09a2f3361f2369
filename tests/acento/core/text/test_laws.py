"""Laws of the normalizers: what was normalized stays as it is, and different words of a language stay different."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acento.core.text import NORMALIZERS, default_normalizer, normalizer

NOT_IDEMPOTENT = {"english", "open-asr-leaderboard", "basic"}
"""Foreign rules that are not, by their own fault."""
OWN = sorted(
    name for name in NORMALIZERS if name not in NOT_IDEMPOTENT and not name.startswith("open-asr-leaderboard-")
)
TEXTS = st.text(max_size=40) | st.text(
    alphabet="áÉñüßİıσςi\u0307<>[]()¿?!.,_-'’´\" \n\u0301\u00ad\u200b½²ﬁ"
    "1234567890ºª%$€:/°mkghXVIsrdnaeo\u200d№①क\u093fกำ",
    max_size=40,
)


@pytest.mark.parametrize(
    "name", [*OWN, *(f"unicode-{one}" for one in ("tr", "ar", "fa", "lt", "ja", "he", "ml", "bn"))]
)
@settings(deadline=None, max_examples=150)
@given(TEXTS)
@example("1½ 3º. 5ºº siglo XXI Sr. p.m. 15:30 1.234,5 %%")
@example("h\xadŉkß\u200d \u115fŉª \u115fetc.")
@example("siglo. V, İ\u0307 secolo. XX, l'N° _etc. 'Sr.' 1er´sra")
@example("-1.000.000 € 3/4/2024 d. 3. mai 2e 1:a")
def test_what_is_normalized_stays_as_it_is(name: str, text: str) -> None:
    rule = normalizer(name)
    assert rule(rule(text)) == rule(text)


@pytest.mark.parametrize("name", ["english", "open-asr-leaderboard"])
def test_whispers_english_is_not_idempotent_and_is_kept_so(name: str) -> None:
    rule = normalizer(name)
    assert (rule("5⑴"), rule(rule("5⑴"))) == ("5 one", "51")


@pytest.mark.parametrize("name", sorted(NORMALIZERS))
@settings(deadline=None, max_examples=30)
@given(TEXTS)
def test_explain_ends_with_what_the_normalizer_returns(name: str, text: str) -> None:
    steps = normalizer(name).explain(text)
    assert (steps[-1][1] if steps else text) == normalizer(name)(text)
    assert [step for step, _ in steps] == [step.name for step in normalizer(name).steps]


def lexicons() -> Iterator[object]:
    for line in (Path(__file__).parent / "lexicons.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            language, *words = line.split()
            yield pytest.param(language, set(words), id=language)


@pytest.mark.parametrize(("language", "words"), lexicons())
def test_different_words_of_a_language_stay_different(language: str, words: set[str]) -> None:
    same = defaultdict(set)
    rule = default_normalizer(language)
    for word in words:
        same[rule(word)].add(word)
    assert [found for found in same.values() if len(found) > 1] == []
    assert "" not in same
