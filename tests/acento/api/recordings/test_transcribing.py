"""A batch of recordings: every file has its row, what is done is skipped, and what was killed goes on."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import soundfile
from batches import asked, digests, talks, use_fakes
from fake_recognizer import FAKE

from acento.api.carrying import in_process
from acento.api.recordings import batches
from acento.api.recordings.batches import ledger_rows
from acento.api.recordings.transcribing import TranscribedBatch, run_steps
from acento.core import plugins
from acento.core.errors import InputError, ModelError, StoreError
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.data.words import Turn
from acento.diarization.job import TURNS, DiarizeJob, DiarizeResult, to_json
from acento.inference.runner import Runner, Worker
from acento.models.base import Transcript
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere
from acento.models.families import FAMILIES
from acento.requests import TranscribeRequest
from acento.transcription.outputs import document_of_row


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fakes(monkeypatch)
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def run(store: LocalStore, request: TranscribeRequest) -> TranscribedBatch:
    return run_steps(request, in_process(store))


def states(done: TranscribedBatch) -> dict[str, str]:
    return {Path(row.file).name: row.state for row in done.ledger}


def test_every_file_is_done_or_has_failed_with_a_reason(store: LocalStore, tmp_path: Path) -> None:
    done = run(store, asked(talks(tmp_path / "in", 5, damaged=2), tmp_path))
    assert done.counts == {"done": 5, "failed": 2, "skipped": 0, "waiting": 0}
    (failed, _) = [row for row in done.ledger if row.state == "failed"]
    assert (failed.reason, failed.sentence) == ("unreadable", "The file cannot be decoded.")
    assert (tmp_path / "out" / "talk000.txt").read_text() == "n3200\n"
    assert [*digests(tmp_path / "out")] == sorted(
        f"talk{n:03d}.{suffix}" for n in range(5) for suffix in ("json", "txt")
    )
    assert (tmp_path / "out" / "ledger.csv").read_text().count("\n") == 8


def test_the_same_again_skips_what_is_done_and_tries_again_what_failed(store: LocalStore, tmp_path: Path) -> None:
    request = asked(talks(tmp_path / "in", 2, damaged=1), tmp_path)
    before = run(store, request)
    files = digests(tmp_path / "out")
    again = run(store, request)
    assert again.counts == {"done": 0, "failed": 1, "skipped": 2, "waiting": 0}
    assert digests(tmp_path / "out") == files
    assert [row.file for row in ledger_rows(store, request)] == [row.file for row in before.ledger]


def test_what_is_new_or_changed_in_a_folder_is_done_and_the_rest_skipped(store: LocalStore, tmp_path: Path) -> None:
    request = asked(talks(tmp_path / "in", 3), tmp_path)
    run(store, request)
    talks(tmp_path / "in", 1, first=7)
    shutil.copyfile(tmp_path / "in" / "talk007.wav", tmp_path / "in" / "talk001.wav")
    done = run(store, request)
    assert states(done) == {
        "talk000.wav": "skipped",
        "talk001.wav": "done",
        "talk002.wav": "skipped",
        "talk007.wav": "done",
    }
    assert (tmp_path / "out" / "talk001.txt").read_text() == (tmp_path / "out" / "talk007.txt").read_text()


def test_another_option_is_other_work_and_other_formats_decode_nothing(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = talks(tmp_path / "in", 2)
    run(store, asked(folder, tmp_path))
    monkeypatch.setattr("acento.inference.engine.Engine.decode", lambda *_: pytest.fail("nothing is to be decoded"))
    done = run(store, asked(folder, tmp_path, formats="srt"))
    assert done.counts["done"] == 2
    assert (tmp_path / "out" / "talk001.srt").exists()


def test_what_a_person_changed_is_not_written_over(store: LocalStore, tmp_path: Path) -> None:
    folder = talks(tmp_path / "in", 2)
    run(store, asked(folder, tmp_path))
    (tmp_path / "out" / "talk000.txt").write_text("corrected\n")
    assert run(store, asked(folder, tmp_path)).counts["skipped"] == 2
    done = run(store, asked(folder, tmp_path, window_s=7.0))
    (failed,) = [row for row in done.ledger if row.state == "failed"]
    assert "talk000.txt is there with another content" in failed.sentence
    assert (tmp_path / "out" / "talk000.txt").read_text() == "corrected\n"


def test_a_format_that_was_not_asked_for_in_between_is_still_ours_to_write_over(
    store: LocalStore, tmp_path: Path
) -> None:
    folder = talks(tmp_path / "in", 1)
    run(store, asked(folder, tmp_path, formats="txt,srt"))
    before = (tmp_path / "out" / "talk000.srt").read_bytes()
    run(store, asked(folder, tmp_path, formats="txt"))
    _say_something_else(folder)
    assert run(store, asked(folder, tmp_path, formats="txt,srt")).counts["done"] == 1
    assert (tmp_path / "out" / "talk000.srt").read_bytes() != before


def test_what_was_written_before_a_file_that_a_person_changed_is_still_ours(store: LocalStore, tmp_path: Path) -> None:
    folder = talks(tmp_path / "in", 1)
    run(store, asked(folder, tmp_path, formats="txt,srt"))
    edited = tmp_path / "out" / "talk000.srt"
    edited.write_text("corrected\n")
    _say_something_else(folder)
    assert run(store, asked(folder, tmp_path, formats="txt,srt")).counts["failed"] == 1
    edited.unlink()
    _say_something_else(folder)
    assert run(store, asked(folder, tmp_path, formats="txt,srt")).counts["done"] == 1


def _say_something_else(folder: Path) -> None:
    """Double the length of the recording in a folder; the model of these tests writes how long it is."""
    path = folder / "talk000.wav"
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, np.tile(samples, 2), rate)


def test_files_of_one_name_have_outputs_of_two(store: LocalStore, tmp_path: Path) -> None:
    one, other = talks(tmp_path / "a", 1), talks(tmp_path / "b", 1)
    done = run(store, asked(one, tmp_path, paths=[str(one / "talk000.wav"), str(other / "talk000.wav")]))
    assert done.counts["done"] == 2
    assert len(digests(tmp_path / "out")) == 4


def test_a_window_that_the_model_refuses_fails_its_file_alone_and_is_tried_again(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(talks(tmp_path / "in", 3), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("fake_recognizer.FakeRecognizer.infer", _refusing(4000))
        done = run(store, request)
    assert states(done) == {"talk000.wav": "done", "talk001.wav": "failed", "talk002.wav": "done"}
    (failed,) = [row for row in done.ledger if row.state == "failed"]
    assert (failed.reason, failed.sentence) == (
        "not_decoded",
        "1 of its 1 windows could not be decoded: ValueError: cannot hear this",
    )
    assert run(store, request).counts == {"done": 1, "failed": 0, "skipped": 2, "waiting": 0}


def _refusing(samples: int):  # type: ignore[no-untyped-def]
    def infer(_: object, features: list[object]) -> list[int]:
        if any(len(window) == samples for window in features):  # type: ignore[arg-type]
            raise ValueError("cannot hear this")
        return [len(window) for window in features]  # type: ignore[arg-type]

    return infer


def test_where_nobody_speaks_the_row_says_so(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_recognizer.FakeRecognizer.finish", lambda _, tokens: [Transcript("") for _ in tokens])
    [row] = run(store, asked(talks(tmp_path / "in", 1), tmp_path)).ledger
    assert (row.state, row.reason, row.sentence) == ("done", "no_speech", "No speech was found in it.")


def test_a_disk_that_is_full_where_files_are_written_ends_the_batch_and_fails_no_file(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(talks(tmp_path / "in", 2), tmp_path)
    with monkeypatch.context() as patch:

        def full(path: Path, data: bytes) -> None:
            if path.name.endswith("talk000.txt.partial"):
                raise OSError(errno.ENOSPC, "No space left on device")
            path.write_bytes(data)

        patch.setattr("acento.core.output.local.write_synced", full)
        with pytest.raises(InputError, match=r"talk000.txt cannot be written \(No space .*: free some space"):
            run(store, request)
    assert [row.state for row in ledger_rows(store, request)] == ["waiting", "waiting"]
    monkeypatch.setattr("acento.inference.engine.Engine.decode", lambda *_: pytest.fail("nothing is to be decoded"))
    done = run(store, request)
    assert done.counts["done"] == 2
    assert all(row.inference_s for row in done.ledger), "decoded before it was ended, by the same batch"


def test_what_ends_a_batch_does_not_wait_for_the_import_of_a_long_recording(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Event()

    def add(_: object, source: str, *, on_block: Callable[[], None], **__: object) -> None:
        if source.endswith("talk000.wav"):
            begun.set()
            while True:
                on_block()
        assert begun.wait(60)
        raise StoreError("The disk is full.")

    monkeypatch.setattr("acento.transcription.steps.add_recording", add)
    monkeypatch.setattr("acento.api.recordings.transcribing.cores", lambda: 2)
    with pytest.raises(StoreError, match="full"):
        run(store, asked(talks(tmp_path / "in", 2), tmp_path))


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_decoded(
    store: LocalStore, tmp_path: Path
) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="out cannot be written"):
        run(store, asked(talks(tmp_path / "in", 1), tmp_path))
    assert list(store.list("recordings")) == []


def test_a_default_model_that_cannot_be_had_is_said_to_be_the_default(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "DEFAULT_MODEL", str(tmp_path / "usual"))
    (tmp_path / "in").mkdir()
    asked_for = asked(tmp_path / "in", tmp_path)
    with pytest.raises(ModelError, match=r"usual.*no model was named: name another one with --model"):
        batches.decoding_of(store, asked_for.model_copy(update={"model": None}))
    with pytest.raises(ModelError, match=r"^There is no [^:]*folder") as raised:
        batches.decoding_of(store, asked_for.model_copy(update={"model": str(tmp_path / "none")}))
    assert "no model was named" not in str(raised.value)


def test_the_usual_model_is_run_by_what_is_fast_on_a_processor_if_that_is_there_and_nobody_says_otherwise(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = asked(tmp_path, tmp_path).model_copy(update={"model": None})
    resolved: list[str] = []
    monkeypatch.setattr(batches, "resolve", lambda name: (resolved.append(name), resolve(str(tmp_path / "model")))[1])
    there = [None, None, None, "It is not installed."]
    monkeypatch.setattr(batches.extras, "missing", lambda *_: there[len(resolved)])
    batches.decoding_of(store, asked_for)
    batches.decoding_of(store, asked_for.model_copy(update={"engine": "transformers"}))
    batches.decoding_of(store, asked_for, Elsewhere())
    batches.decoding_of(store, asked_for)
    usual = batches.DEFAULT_MODEL
    assert resolved == [f"{usual}:ctranslate2-int8", usual, usual, usual]


@pytest.mark.parametrize(
    ("options", "beams"),
    [({}, 5), ({"beam_size": 2}, 2), ({"beam_size": 1}, 1), ({"temperatures": "0.2,0.4"}, 1)],
)
def test_a_family_has_its_own_beams_unless_somebody_says_how_many_or_texts_are_drawn(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], beams: int
) -> None:
    monkeypatch.setitem(FAMILIES, "fake", replace(FAKE, searches=True, beams=5))
    (tmp_path / "in").mkdir()
    assert batches.decoding_of(store, asked(tmp_path / "in", tmp_path, **options)).options.beam_size == beams


def test_a_format_that_nobody_knows_and_one_that_needs_speakers_are_refused(store: LocalStore, tmp_path: Path) -> None:
    folder = talks(tmp_path / "in", 1)
    with pytest.raises(InputError, match="There is no format 'pdf'"):
        run(store, asked(folder, tmp_path, formats="pdf"))
    with pytest.raises(InputError, match="The format rttm says who speaks: add --diarize"):
        run(store, asked(folder, tmp_path, formats="rttm"))


def test_the_documents_are_there_without_files(store: LocalStore, tmp_path: Path) -> None:
    done = run(store, asked(talks(tmp_path / "in", 2), tmp_path, formats=[]))
    assert not (tmp_path / "out").exists()
    texts = [document_of_row(store, done.batch, row).text for row in done.ledger]
    assert texts == ["n3200", "n4000"]


def diarized(runner: Runner, job: DiarizeJob, _: Worker, before: tuple[Turn, ...] = ()) -> DiarizeResult:
    """Stand in for the diarization: one speaker says all of a recording, after what others say."""
    result = DiarizeResult(key=job.key, name=job.name, seconds=job.seconds, turns=1, speakers=1, cached=False)
    with runner.store.publish(job.turns_key) as draft:
        turns = to_json([*before, Turn(before[-1].end if before else 0.0, job.seconds, "ana")])
        (draft.folder / TURNS).write_text(json.dumps(turns), encoding="utf-8")
        draft.info |= {"result": result.model_dump(mode="json")}
    return result


def execute_by(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[Runner, DiarizeJob, Worker], DiarizeResult]
) -> None:
    load = plugins.load
    target = plugins.EXECUTORS["diarize"]
    monkeypatch.setattr(plugins, "load", lambda name: function if name == target else load(name))


def test_of_two_halves_only_the_one_that_failed_is_repeated(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(talks(tmp_path / "in", 2), tmp_path, diarize=True, formats="txt,rttm")

    def failing(runner: Runner, job: DiarizeJob, worker: Worker) -> DiarizeResult:
        if job.seconds > 0.22:
            raise ValueError("no memory for the voices")
        return diarized(runner, job, worker)

    execute_by(monkeypatch, failing)
    done = run(store, request)
    assert states(done) == {"talk000.wav": "done", "talk001.wav": "failed"}
    (failed,) = [row for row in done.ledger if row.state == "failed"]
    assert (failed.reason, failed.sentence) == ("not_diarized", "no memory for the voices")
    assert (tmp_path / "out" / "talk000.txt").read_text() == "ana: n3200\n"

    monkeypatch.setattr("acento.inference.engine.Engine.decode", lambda *_: pytest.fail("nothing is to be decoded"))
    execute_by(monkeypatch, diarized)
    done = run(store, request)
    assert done.counts == {"done": 1, "failed": 0, "skipped": 1, "waiting": 0}
    assert [row.speakers for row in done.ledger] == [1, 1]
    assert " ana " in (tmp_path / "out" / "talk001.rttm").read_text()


def test_another_merge_of_words_and_turns_repeats_neither(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute_by(monkeypatch, partial(diarized, before=(Turn(0.0, 0.02, "bo"),)))
    folder = talks(tmp_path / "in", 1)
    done = run(store, asked(folder, tmp_path, diarize=True, formats="txt"))
    assert (tmp_path / "out" / "talk000.txt").read_text() == "ana: n3200\n"

    monkeypatch.setattr("acento.inference.engine.Engine.decode", lambda *_: pytest.fail("nothing is to be decoded"))
    execute_by(monkeypatch, lambda *_: pytest.fail("nobody is to be told apart"))
    again = asked(folder, tmp_path, diarize=True, formats="txt", merge="chunks")
    assert run(store, again).batch.work != done.batch.work
    assert (tmp_path / "out" / "talk000.txt").read_text() == "bo: n3200\n"


def test_a_voice_that_will_not_do_is_refused_before_anything_is_transcribed(store: LocalStore, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(80_000, np.int16), 16_000)
    voices = [f"ana={tmp_path / 'silent.wav'}"]
    with pytest.raises(InputError, match="Nobody speaks in the recording of the voice 'ana'"):
        run(store, asked(talks(tmp_path / "in", 1), tmp_path, diarize=True, voices=voices))
    more = [*voices, voices[0].replace("ana", "bo", 1)]
    with pytest.raises(InputError, match="The recording of the voice 'ana' is another voice's, too"):
        run(store, asked(tmp_path / "in", tmp_path, diarize=True, voices=more))
    assert not (tmp_path / "out" / "ledger.csv").exists()


def test_each_channel_is_a_speaker_where_call_centers_record_so(store: LocalStore, tmp_path: Path) -> None:
    samples = np.random.default_rng(3).integers(-9000, 9000, (16_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "call.wav", samples, 16_000)
    done = run(store, asked(tmp_path / "call.wav", tmp_path, channels="each", formats="txt"))
    assert done.ledger[0].speakers == 2
    assert (tmp_path / "out" / "call.txt").read_text() == "SPEAKER_00: n16000\n\nSPEAKER_01: n16000\n"


@pytest.mark.slow
def test_a_batch_of_500_files_with_20_that_are_damaged(store: LocalStore, tmp_path: Path) -> None:
    folder = talks(tmp_path / "in", 12, damaged=20)
    for number in range(480 - 12):
        (folder / f"copy{number:03d}.wav").hardlink_to(folder / f"talk{number % 12:03d}.wav")
    done = run(store, asked(folder, tmp_path, formats="txt"))
    assert done.counts == {"done": 480, "failed": 20, "skipped": 0, "waiting": 0}
    assert len(digests(tmp_path / "out")) == 480


def test_the_ledger_says_how_many_texts_were_taken_out_and_why(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit = "Subtítulos por la comunidad de Amara.org"
    monkeypatch.setattr("fake_recognizer.FakeRecognizer.finish", lambda _, tokens: [Transcript(credit) for _ in tokens])
    done = run(store, asked(talks(tmp_path / "in", 1), tmp_path))
    [row] = done.ledger
    assert row.removed == {"phrase": 1}
    assert (tmp_path / "out" / "talk000.txt").read_text().strip() == ""
    assert ",phrase 1," in (tmp_path / "out" / "ledger.csv").read_text()
