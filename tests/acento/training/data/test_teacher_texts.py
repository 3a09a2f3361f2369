"""Data prepared with the texts that a model wrote: the clips' own play no part, and what cannot be learned is named."""

from pathlib import Path

import pytest
from recordings import put

from acento.core.errors import DataError
from acento.core.store.local import LocalStore
from acento.data.dataset import Card
from acento.data.sources import SourceOptions
from acento.data.staging import stage
from acento.inference.predictions import Prediction
from acento.models.trainable import Needs
from acento.training.data.prepare import PreparedRef, prepare
from acento.training.data.prepared import LeftOutReason, load_prepared
from acento.training.data.teacher import TeacherTexts

NEEDS = Needs(family="whisper", labels="tokenizer-1", window_s=30.0, max_labels=20, language="es")
IDS = ("c0", "c1", "c2", "c3", "c4")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def card(store: LocalStore, tmp_path: Path) -> Card:
    """Stage five clips, of which one has a transcript, in the split ``train``."""
    folder = tmp_path / "train"
    for number, uid in enumerate(IDS):
        put(folder, uid, number, text="un texto" if uid == "c1" else None, seconds=0.5)
    options = SourceOptions(untranscribed=True, into_split="train")
    return stage(store, str(folder), "calls", language="es", workers=0, source_options=options).card


def heard(**texts: str | None) -> TeacherTexts:
    return TeacherTexts.of(
        Prediction(uid, text) if text is not None else Prediction(uid, None, error="model_error", detail="it broke")
        for uid, text in texts.items()
    )


def prepared(store: LocalStore, card: Card, texts: TeacherTexts | None) -> PreparedRef:
    return prepare(store, card, "train", NEEDS, lambda text: [ord(one) for one in text], lambda *_: None, texts)


def test_the_teachers_texts_stand_in_for_all_texts(store: LocalStore, card: Card) -> None:
    ref = prepared(store, card, heard(c0="hola", c1="otra cosa", c2="sí", c3="no", c4="qué"))
    found = load_prepared(store, ref.key)
    assert [example.text for example in found.examples] == ["hola", "otra cosa", "sí", "no", "qué"]
    assert found.examples[0].labels == tuple(map(ord, "hola"))
    assert found.left_out == []


def test_clips_that_it_was_not_asked_for_are_neither_learned_from_nor_left_out(store: LocalStore, card: Card) -> None:
    ref = prepared(store, card, heard(c2="sí", c4="qué"))
    assert (ref.clips, ref.left_out) == (2, 0)


def test_what_nothing_can_be_learned_from_is_left_out_with_its_reason(store: LocalStore, card: Card) -> None:
    ref = prepared(store, card, heard(c0="hola", c1="sí po " * 9, c2=None, c3="", c4="привет"))
    found = load_prepared(store, ref.key)
    assert [example.id for example in found.examples] == ["c0"]
    assert ref.left_out == 4
    assert {out.id: out.reason for out in found.left_out} == {
        "c1": LeftOutReason.RUNAWAY,
        "c2": LeftOutReason.FAILED,
        "c3": LeftOutReason.NO_TEXT,
        "c4": LeftOutReason.OTHER_SCRIPT,
    }
    assert "it broke" in found.left_out[1].sentence


def test_other_texts_are_other_data_and_the_same_are_found_again(store: LocalStore, card: Card) -> None:
    first, own = prepared(store, card, heard(c0="hola", c1="sí")), prepared(store, card, None)
    other = prepared(store, card, heard(c0="hola", c1="no"))
    again = prepared(store, card, heard(c1="sí", c0="hola"))
    assert len({first.key, own.key, other.key}) == 3
    assert again == first.model_copy(update={"cached": True})
    assert [example.text for example in load_prepared(store, own.key).examples] == ["un texto"]


def test_where_no_text_can_be_learned_it_says_why(store: LocalStore, card: Card) -> None:
    with pytest.raises(DataError, match=r"the 2 clips .* 1 with no text by the teacher; 1 with a text by"):
        prepared(store, card, heard(c0=None, c1="sí po " * 9))
