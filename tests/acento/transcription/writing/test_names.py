"""Names of outputs: distinct, the same in any order, and inside of their folder."""

import random

from hypothesis import given
from hypothesis import strategies as st

from acento.transcription.writing.names import output_stems

NAMES = st.text(st.sampled_from("aA./\\\0ñ- 1é:"), max_size=12) | st.sampled_from(
    ("talk.wav", "talk.mp3", "a/talk.wav", "TALK.WAV")
)


@given(st.lists(NAMES, max_size=8), st.randoms())
def test_names_are_distinct_whatever_the_order(names: list[str], chance: random.Random) -> None:
    found = output_stems(names)
    assert len({one.casefold() for one in found}) == len(names)
    mixed = chance.sample(list(enumerate(names)), len(names))
    again = dict(zip((index for index, _ in mixed), output_stems([name for _, name in mixed]), strict=True))
    if len(set(names)) == len(names):
        assert [again[index] for index in range(len(names))] == found


@given(st.lists(NAMES, max_size=8))
def test_names_stay_in_their_folder_and_are_names_everywhere(names: list[str]) -> None:
    for stem in output_stems(names):
        parts = stem.split("/")
        assert all(part and part not in (".", "..") and not part.startswith(".") for part in parts)
        assert not set('\0<>:"|?*\\') & set(stem)


def test_long_names_are_cut_but_stay_distinct() -> None:
    found = output_stems([f"{'ñ' * 300}.wav", f"{'ñ' * 301}.mp3"])
    assert len(set(found)) == 2
    assert all(len(one.encode()) <= 205 for one in found)
