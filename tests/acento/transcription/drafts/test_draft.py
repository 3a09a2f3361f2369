"""Passages of recordings become the utterances of a draft, each with its stretch and how sure the model is of it."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.data.document import Document, Passage
from acento.data.words import Word
from acento.transcription.drafts.confidence import confidence_of, reason_of
from acento.transcription.drafts.draft import MARGIN_S, DraftSource, keep_draft, load_draft, utterances_of


def source_of(*passages: Passage, duration_s: float = 100.0, name: str = "talk") -> DraftSource:
    return DraftSource(
        name, f"{name}.wav", "recordings/0", Document(f"{name}.wav", duration_s, passages, language="es")
    )


def spoken(start: float, *probabilities: float) -> Passage:
    words = tuple(Word(f"w{n}", start + n, start + n + 0.5, one) for n, one in enumerate(probabilities))
    return Passage(start, words[-1].end, " ".join(word.text for word in words), words)


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 5)), min_size=1, max_size=20), st.floats(0, 1))
def test_utterances_hold_their_passages_and_do_not_overlap(drawn, rest):
    passages, at = [], 0.0
    for gap, length in drawn:
        passages.append(Passage(at + gap, at + gap + length, "po"))
        at = passages[-1].end
    found = list(utterances_of(source_of(*passages, duration_s=at + rest)))
    assert len(found) == len(passages)
    for one, passage in zip(found, passages, strict=True):
        assert one.start - 0.006 <= passage.start <= one.start + MARGIN_S + 0.006
        assert one.end - MARGIN_S - 0.006 <= passage.end <= one.end + 0.006
    edges = [(one.start, one.end) for one in found]
    assert all(before[1] <= after[0] + 0.011 for before, after in pairwise(edges))
    assert edges[0][0] >= 0
    assert edges[-1][1] <= at + rest + 0.006


def test_channels_have_edges_of_their_own():
    both = (Passage(1, 2, "a", channel=0), Passage(1.5, 2.5, "b", channel=1), Passage(2.1, 3, "c", channel=0))
    assert [(one.id, one.channel) for one in utterances_of(source_of(*both))] == [
        ("talk#t=0.8,2.05&channel=0", 0),
        ("talk#t=1.3,2.7&channel=1", 1),
        ("talk#t=2.05,3.2&channel=0", 0),
    ]


def test_a_speaker_is_one_of_his_recording():
    [one] = utterances_of(source_of(Passage(1, 2, "a", speaker="SPEAKER_00", language="pt")))
    assert (one.speaker, one.language) == ("talk/SPEAKER_00", "pt")


def test_confidence_is_that_of_words_else_of_tokens():
    assert confidence_of(spoken(0, 0.6, 0.6)) == pytest.approx(0.6)
    assert confidence_of(spoken(0, 0.9, 0.4)) == pytest.approx(0.5464)
    assert confidence_of(spoken(0, *[0.98] * 9, 0.1)) < confidence_of(spoken(0, *[0.8] * 10)), "one word is wrong"
    assert confidence_of(spoken(0, 0.9, 0.0)) < 0.05
    assert confidence_of(Passage(0, 1, "ya", logprob=-0.5)) == pytest.approx(0.6065)
    assert confidence_of(Passage(0, 1, "ya")) is None


def test_the_reason_names_words_that_the_model_is_unsure_of():
    assert reason_of(spoken(0, 0.9, 0.4, 0.2)) == "unsure of: w1, w2"
    assert reason_of(spoken(0, *[0.1] * 7)) == "unsure of: w0, w1, w2, w3, w4 and 2 more"
    assert reason_of(spoken(0, 0.9)) == ""


def test_a_draft_has_the_worst_first_and_is_the_same_again(tmp_path: Path):
    store = LocalStore(tmp_path)
    heard = [
        *utterances_of(source_of(spoken(0, 0.9), spoken(5, 0.2))),
        *utterances_of(source_of(spoken(0, 0.5), name="b")),
    ]
    draft = keep_draft(store, "santiago", "openai/whisper-base", heard)
    assert [one.id for one in draft.utterances] == ["talk#t=4.8,5.7", "b#t=0,0.7", "talk#t=0,0.7"]
    assert keep_draft(store, "santiago", "openai/whisper-base", heard[::-1]) == draft
    assert load_draft(store, draft.id) == draft
    assert draft.seconds == pytest.approx(2.3)
    with pytest.raises(InputError, match="There is no draft 0000 in"):
        load_draft(store, "0000")
