"""Prepared data is what was staged, whole or absent, and names whatever it leaves out."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recordings import put
from staged import staged

from acento.core.audio.recording import decode_flac, encode_flac
from acento.core.errors import DamagedError, DataError, StoreError
from acento.core.store import Store
from acento.core.store.local import LocalStore
from acento.data.dataset import Card, load_card, read_clips
from acento.data.staging import stage
from acento.inference.plan import PlannedClip
from acento.inference.transcribe import ClipReader
from acento.models.trainable import Needs
from acento.training.augment.waveform import speech_frames
from acento.training.data.prepare import PreparedRef, prepare
from acento.training.data.prepared import LeftOutReason, load_prepared

NEEDS = Needs(family="whisper", labels="tokenizer-1", window_s=30.0, max_labels=20)


def labels(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def prepared(store: Store, card: Card, needs: Needs = NEEDS, split: str = "test") -> PreparedRef:
    return prepare(store, card, split, needs, labels, lambda *_: None)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def card(store: LocalStore, tmp_path: Path) -> Card:
    return staged(store, tmp_path / "source")


def test_examples_are_in_the_order_of_ids_with_labels_and_groups(store: LocalStore, card: Card) -> None:
    found = load_prepared(store, prepared(store, card).key)
    assert [example.id for example in found.examples] == [f"c{number:02d}" for number in range(6)]
    assert found.examples[3].text == "uno dos 3"
    assert found.examples[3].labels == tuple(labels("uno dos 3"))
    assert (found.examples[3].speaker, found.examples[3].accent, found.examples[3].language) == (
        "s1",
        "chilean",
        "es",
    )
    assert found.left_out == []


def test_audio_is_to_the_bit_what_benchmarking_reads(store: LocalStore, card: Card) -> None:
    found = load_prepared(store, prepared(store, card).key)
    read = ClipReader(store)
    for at, row in enumerate(sorted(read_clips(store, card), key=lambda row: row.utterance.id)):
        clip = row.utterance
        planned = PlannedClip(clip.id, clip.duration_s, clip.audio_sha256, row.part, row.row)
        audio = found.audio(at)
        assert audio.dtype == np.float32
        assert len(audio) == found.examples[at].samples
        np.testing.assert_array_equal(audio, read(planned))


def test_every_16_bit_sample_survives_flac_and_floating_point() -> None:
    every = np.arange(-32768, 32768).astype(np.int16)
    heard = decode_flac(encode_flac(every))
    back = (heard * np.float32(32768)).astype("<i2")
    np.testing.assert_array_equal(back, every)
    np.testing.assert_array_equal(back.astype(np.float32) / np.float32(32768), heard)


def test_speech_has_a_value_for_each_10_ms(store: LocalStore, card: Card) -> None:
    found = load_prepared(store, prepared(store, card).key)
    assert found.examples[0].samples == 3200
    assert speech_frames(found.audio(0)).tolist() == [True] * 20  # noise without a pause


def test_it_counts_clips_seconds_and_progress(store: LocalStore, card: Card) -> None:
    calls: list[tuple[int, int]] = []
    ref = prepare(store, card, "test", NEEDS, labels, lambda done, total: calls.append((done, total)))
    assert (ref.clips, ref.left_out, ref.split) == (6, 0, "test")
    assert ref.seconds == pytest.approx(sum(0.2 + 0.05 * number for number in range(6)))
    assert calls == [(done, 6) for done in range(1, 7)]


def test_the_second_time_it_is_taken_from_the_store(store: LocalStore, card: Card) -> None:
    first, again = prepared(store, card), prepared(store, card)
    assert (first.cached, again.cached) == (False, True)
    assert again == first.model_copy(update={"cached": True})


@pytest.mark.parametrize(
    "change",
    [{"family": "moonshine"}, {"labels": "tokenizer-2"}, {"window_s": 20.0}, {"max_labels": 19}, {"language": "es"}],
)
def test_what_the_model_needs_is_part_of_the_key(store: LocalStore, card: Card, change: dict[str, object]) -> None:
    other = prepared(store, card, NEEDS.model_copy(update=change))
    assert not other.cached
    assert other.key != prepared(store, card).key


def test_bytes_do_not_depend_on_how_the_data_set_is_cut_into_parts(tmp_path: Path) -> None:
    at_once, in_two = LocalStore(tmp_path / "at-once"), LocalStore(tmp_path / "in-two")
    staged(in_two, tmp_path / "source", clips=3)
    grown = staged(in_two, tmp_path / "source", clips=3, first=3)
    whole = staged(at_once, tmp_path / "source", clips=0, first=6)
    assert (len(whole.parts), len(grown.parts)) == (1, 2)
    assert whole.fingerprint == grown.fingerprint
    markers = []
    for store, card in ((at_once, whole), (in_two, grown)):
        artifact = store.find(prepared(store, card).key)
        assert artifact is not None
        markers.append((artifact.key, artifact.to_json()))  # the marker has the digest of every file
    assert markers[0] == markers[1]

    backwards = grown.model_copy(update={"parts": grown.parts[::-1]})
    in_two.remove(markers[1][0])
    artifact = in_two.find(prepared(in_two, backwards).key)
    assert artifact is not None
    assert artifact.to_json() == markers[0][1]


@pytest.fixture
def troubled(store: LocalStore, tmp_path: Path) -> Card:
    """Four clips that cannot be learned from and, in ``dev``, one that can; all of ``train`` cannot."""
    folder = tmp_path / "troubled"
    rows = [
        ("silent", "…", "es", 0.3, "dev"),
        ("russian", "привет", "es", 0.3, "dev"),
        ("long", "uno", "es", 0.9, "dev"),
        ("wordy", "uno dos tres cuatro cinco", "es", 0.3, "dev"),
        ("good", "uno", "es", 0.5, "dev"),
        ("long-too", "dos", "es", 0.9, "train"),
        ("russian-too", "пока", "es", 0.3, "train"),
        ("greek", "γεια", None, 0.3, "test"),
    ]
    for number, (uid, _, _, seconds, _) in enumerate(rows):
        put(folder, uid, number, None, seconds=seconds)
    for split in ("train", "dev", "test"):
        lines = [f"{uid},{uid}.wav,{text},{language or ''}" for uid, text, language, _, s in rows if s == split]
        (folder / f"{split}_files.csv").write_text("\n".join(["uid,file_name,text,language", *lines]) + "\n")
    return stage(store, str(folder), "troubled", workers=0).card


SHORT = NEEDS.model_copy(update={"window_s": 0.5})


def test_clips_that_cannot_be_learned_from_are_left_out_by_name(store: LocalStore, troubled: Card) -> None:
    ref = prepared(store, troubled, SHORT, "dev")
    found = load_prepared(store, ref.key)
    assert [example.id for example in found.examples] == ["good"]  # exactly as long as the window
    assert (ref.clips, ref.left_out) == (1, 4)
    assert {out.id: out.reason for out in found.left_out} == {
        "silent": LeftOutReason.NO_TEXT,
        "russian": LeftOutReason.OTHER_SCRIPT,
        "long": LeftOutReason.TOO_LONG,
        "wordy": LeftOutReason.LABEL_TOO_LONG,
    }
    said = {out.id: out.sentence for out in found.left_out}
    assert said["long"] == "It lasts 0.90 s, and the model hears 0.5 s: cut it."
    assert said["wordy"] == "Its text has 25 tokens, and the model can write 20: cut it in two."
    assert said["russian"] == "Its text is in CYRILLIC letters, which es is not written in."


def test_a_text_with_more_labels_than_its_audio_has_frames_is_left_out(store: LocalStore, troubled: Card) -> None:
    needs = NEEDS.model_copy(update={"frames_per_s": 6.0, "max_labels": 40})
    left_out = load_prepared(store, prepared(store, troubled, needs, "dev").key).left_out
    said = {out.id: out.sentence for out in left_out if out.reason is LeftOutReason.AUDIO_TOO_SHORT}
    assert said == {"wordy": "Its text takes 25 frames, and its 0.30 s have 1: is it cut off?"}
    wider = needs.model_copy(update={"frames_per_s": 90.0})
    kept = {example.id for example in load_prepared(store, prepared(store, troubled, wider, "dev").key).examples}
    assert {"good", "wordy"} <= kept


def test_between_two_labels_that_are_the_same_a_frame_is_needed(store: LocalStore, troubled: Card) -> None:
    def same(text: str) -> list[int]:
        return [7] * len(text)

    for rate, left_out in ((9.9, 1), (10.0, 0)):  # "uno" in half a second: three labels and two frames between
        needs = SHORT.model_copy(update={"frames_per_s": rate, "labels": "all the same", "max_labels": 3})
        ref = prepare(store, troubled, "dev", needs, same, lambda *_: None) if not left_out else None
        if ref is None:
            with pytest.raises(DataError, match="with audio too short for its text"):
                prepare(store, troubled, "dev", needs, same, lambda *_: None)
        else:
            assert ref.clips == 1


def test_a_text_that_the_vocabulary_cannot_write_is_left_out_by_name(store: LocalStore, card: Card) -> None:
    def without_digits(text: str) -> list[int]:
        if "3" in text:
            raise DataError("Its text has '3', which the model's vocabulary cannot write.")
        return labels(text)

    ref = prepare(store, card, "test", NEEDS, without_digits, lambda *_: None)
    assert [(out.id, out.reason, out.sentence) for out in load_prepared(store, ref.key).left_out] == [
        ("c03", LeftOutReason.UNWRITABLE, "Its text has '3', which the model's vocabulary cannot write.")
    ]


def test_a_family_without_a_window_takes_any_length(store: LocalStore, troubled: Card) -> None:
    ref = prepared(store, troubled, NEEDS.model_copy(update={"window_s": None}), "dev")
    assert "long" in {example.id for example in load_prepared(store, ref.key).examples}


def test_nothing_left_says_why_and_stores_nothing(store: LocalStore, troubled: Card) -> None:
    with pytest.raises(DataError, match="None of the 2 clips in split 'train' of troubled v1") as caught:
        prepared(store, troubled, SHORT, "train")
    assert "1 with audio longer than the model's window" in str(caught.value)
    assert "long-too: It lasts 0.90 s" in str(caught.value)
    assert list(store.list("prepared")) == []


def test_script_is_judged_by_the_models_language_where_the_clip_names_none(store: LocalStore, troubled: Card) -> None:
    assert prepared(store, troubled, split="test").clips == 1
    with pytest.raises(DataError, match="GREEK letters, which es is not written in"):
        prepared(store, troubled, NEEDS.model_copy(update={"language": "es"}), "test")


def test_a_split_that_is_not_there_is_named(store: LocalStore, card: Card) -> None:
    with pytest.raises(DataError, match=r"no clips in split 'dev'; it has test \(6\)"):
        prepared(store, card, split="dev")


def test_a_rate_that_is_not_staged_is_refused(store: LocalStore, card: Card) -> None:
    with pytest.raises(DataError, match="8000 Hz"):
        prepared(store, card, NEEDS.model_copy(update={"sample_rate": 8000}))


def test_a_data_part_that_holds_other_clips_is_damage(store: LocalStore, card: Card, tmp_path: Path) -> None:
    other = staged(store, tmp_path / "other", first=10, clips=6, name="other")
    clips = store.local_path(card.parts[0].key, "clips.parquet")
    foreign = store.local_path(other.parts[0].key, "clips.parquet").read_bytes()

    class Exchanged(LocalStore):
        opened = 0

        def local_path(self, key: str, name: str) -> Path:
            path = super().local_path(key, name)
            if path != clips:
                return path
            self.opened += 1  # the first time for what the clips are, then for their audio
            if self.opened > 1:
                path = tmp_path / "foreign.parquet"
                path.write_bytes(foreign)
            return path

    with pytest.raises(DamagedError, match="is not the clip that the data set names"):
        prepared(Exchanged(store.root), card)
    assert list(store.list("prepared")) == []


_KILLED = """
import os, signal, sys
from pathlib import Path
from acento.core.store.local import LocalStore
from acento.data.dataset import load_card
from acento.models.trainable import Needs
from acento.training.data.prepare import prepare
store = LocalStore(Path(sys.argv[1]))
def on_progress(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
needs = Needs.model_validate_json(sys.argv[2])
prepare(store, load_card(store, "demo"), "test", needs, lambda text: [ord(c) for c in text], on_progress)
"""


@pytest.mark.slow
def test_a_killed_preparation_leaves_nothing_and_is_done_again(store: LocalStore, card: Card) -> None:
    assert load_card(store, "demo") == card
    command = [sys.executable, "-c", _KILLED, str(store.root), NEEDS.model_dump_json()]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert list(store.list("prepared")) == []
    ref = prepared(store, card)
    assert not ref.cached
    assert len(load_prepared(store, ref.key).examples) == 6


def test_damaged_samples_are_never_learned_from_and_preparing_again_mends_them(store: LocalStore, card: Card) -> None:
    ref = prepared(store, card)
    audio = store.root / ref.key / "audio.i2"
    whole = audio.read_bytes()
    audio.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(DamagedError):
        load_prepared(LocalStore(store.root), ref.key)
    assert not prepared(LocalStore(store.root), card).cached
    assert audio.read_bytes() == whole


def test_what_was_not_prepared_cannot_be_opened(store: LocalStore) -> None:
    with pytest.raises(StoreError, match="not in the store"):
        load_prepared(store, "prepared/unknown")
