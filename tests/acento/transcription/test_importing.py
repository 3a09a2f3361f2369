"""Recordings come into the store whole or not at all, once, and what cannot be used is told with a reason."""

import io
import os
import signal
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile
from faults import tree
from forked import ended, fork

from acento.core.audio.decoders.stream import AudioError
from acento.core.audio.recording import decode
from acento.core.errors import InputError, StoreError, may_pass
from acento.core.store import LocalStore
from acento.data.recordings.fetch import UnreachableError
from acento.data.recordings.inputs import find_inputs
from acento.data.recordings.recording import AUDIO, RecordingReader, load_speech
from acento.data.sources.archives import download
from acento.transcription import importing
from acento.transcription.importing import add_recording
from tests.acento.core.audio.audio_files import by_ffmpeg, by_soundfile, hum


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


def stereo(rate: int = 44_100) -> bytes:
    return bytes(by_soundfile(np.stack([hum(3.0, rate), 0.3 * hum(3.0, rate, 1)], 1), rate, "WAV"))


def film(*, sound: bool) -> bytes:
    """Return an MP4 with a picture, and with sound or without."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        video = out.add_stream("mpeg4", rate=10, width=64, height=64)
        audio = out.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for _ in range(10):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        out.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(hum(1.024, 48_000)[None, :49_152], format="fltp", layout="mono")
            frame.sample_rate = 48_000
            for part in [*av.AudioResampler("fltp", "mono", 48_000, 1024).resample(frame), None]:
                out.mux(audio.encode(part))
    return file.getvalue()


def test_a_recording_is_what_decoding_gives_with_the_speech_in_it(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(stereo())
    found = add_recording(store, path)
    assert (found.duration_s, found.channels) == (3.0, 1)
    samples = RecordingReader(store).read(found.key, 0, 0.0, 9.0)
    np.testing.assert_array_equal(samples * 32768, decode(path))
    assert load_speech(store, found.key).shape == (94, 1)


def test_each_channel_is_kept_where_that_is_asked_for(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(stereo(16_000))
    found, mixed = add_recording(store, path, each_channel=True), add_recording(store, path)
    assert (found.channels, mixed.channels, load_speech(store, found.key).shape) == (2, 1, (94, 2))
    assert found.key != mixed.key
    for channel in (0, 1):
        samples = RecordingReader(store).read(found.key, channel, 0.0, 9.0)
        np.testing.assert_array_equal(samples * 32768, decode(path, channel=channel))


def test_channels_that_cancel_one_another_leave_the_louder_one(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "inverted.wav"
    path.write_bytes(by_soundfile(np.stack([0.9 * hum(2.0), -hum(2.0)], 1), 16_000, "WAV"))
    samples = RecordingReader(store).read(add_recording(store, path).key, 0, 0.0, 9.0)
    np.testing.assert_array_equal(samples * 32768, decode(path, channel=1))


def test_a_films_sound_track_is_taken(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film(sound=True))
    assert add_recording(store, path).duration_s == pytest.approx(1.0, abs=0.1)


def test_the_same_bytes_are_found_again_and_nothing_is_decoded(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(stereo())
    (tmp_path / "b.wav").write_bytes(stereo())
    first = add_recording(store, tmp_path / "a.wav")
    monkeypatch.setattr(importing, "decode_blocks", None)
    assert add_recording(store, tmp_path / "b.wav") == first


def test_a_recording_that_was_damaged_in_the_store_is_made_again(store: LocalStore, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(stereo())
    key = add_recording(store, path).key
    whole = tree(store.root)
    audio = store.root / key / AUDIO
    audio.write_bytes(audio.read_bytes()[:-1] + b"!")
    add_recording(LocalStore(store.root), path)
    assert tree(store.root) == whole


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_recording(store: LocalStore, tmp_path: Path) -> None:
    peaks = []
    for minutes in (1, 6):
        with soundfile.SoundFile(tmp_path / f"{minutes}.wav", "w", 16_000, 1) as file:
            for second in range(60 * minutes):
                file.write(np.full(16_000, second, np.int16))
        tracemalloc.start()
        add_recording(store, tmp_path / f"{minutes}.wav")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2_000_000  # five minutes are 10 MB


def swapped(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


def m4a() -> bytes:
    return bytes(by_ffmpeg(hum(1.0, 48_000), 48_000, "ipod", "aac"))


BAD: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "no bytes": (lambda: b"", "empty", "the file has no bytes"),
    "text": (lambda: b"hello " * 99, "not_audio", "neither audio nor video of a kind that is known"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), "not_audio", "neither audio nor video"),
    "silent film": (lambda: film(sound=False), "no_audio", "the file has no sound track"),
    "cut": (lambda: stereo()[:90_000], "truncated", "the file is cut short"),
    "cut m4a": (lambda: m4a()[:5_000], "truncated", "the file is cut short"),
    "damaged flac": (lambda: b"fLaC" + bytes(range(256)) * 40, "unreadable", "the file cannot be decoded"),
    "encrypted": (lambda: swapped(m4a(), b"mp4a", b"enca"), "protected", r"encrypted \(common encryption\)"),
    "from itunes": (lambda: swapped(m4a(), b"mp4a", b"drms"), "protected", r"encrypted \(Apple FairPlay\)"),
    "from audible": (lambda: swapped(m4a(), b"mp4a", b"aavd"), "protected", r"encrypted \(Audible\)"),
    "old audible": (lambda: b"\0\0\1\0\x57\x90\x75\x36" + bytes(99), "protected", r"encrypted \(Audible\)"),
    "wma": (
        lambda: bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(14)
        + bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
        "protected",
        r"encrypted \(Windows Media DRM\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_has_a_reason_and_leaves_nothing(name: str, store: LocalStore, tmp_path: Path) -> None:
    data, reason, sentence = BAD[name]
    path = tmp_path / f"{name}.bin"
    path.write_bytes(data())
    with pytest.raises(AudioError, match=sentence) as caught:
        add_recording(store, path)
    assert caught.value.reason == reason
    assert str(caught.value).startswith(f"{path}: ")
    assert not set(tree(store.root)) - {"tmp"}


def test_more_channels_than_a_flac_file_holds_are_refused_one_by_one_and_mixed(
    store: LocalStore, tmp_path: Path
) -> None:
    path = tmp_path / "array.wav"
    path.write_bytes(by_soundfile(np.stack([hum(0.5)] * 9, 1), 16_000, "WAV"))
    with pytest.raises(AudioError, match="has 9 channels, and at most 8") as caught:
        add_recording(store, path, each_channel=True)
    assert caught.value.reason == "too_many_channels"
    assert add_recording(store, path).channels == 1


NO_FILES = {"none.wav": "not_found", "": "no_permission", "/dev/null": "not_audio", "x" * 999: "unreadable"}


@pytest.mark.parametrize(("path", "reason"), NO_FILES.items())
def test_what_is_no_file_is_told(path: str, reason: str, store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        add_recording(store, tmp_path / path)
    assert caught.value.reason == reason


def test_a_file_that_may_not_be_read_is_told(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.wav").write_bytes(stereo())
    monkeypatch.setattr(importing, "sha256_file", refuse)
    with pytest.raises(AudioError, match="cannot be read \\(Permission denied\\)") as caught:
        add_recording(store, tmp_path / "a.wav")
    assert caught.value.reason == "no_permission"


@pytest.mark.parametrize("cut", [False, True])
def test_a_file_that_grows_while_it_is_read_is_left_to_the_next_run(
    cut: bool, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = tmp_path / "growing.wav", importing.decode_blocks
    path.write_bytes(stereo()[: 90_000 if cut else None])

    def growing(*args: object, **options: object) -> object:
        with path.open("ab") as file:
            file.write(stereo()[90_000:])
        yield from real(*args, **options)

    monkeypatch.setattr(importing, "decode_blocks", growing)
    with pytest.raises(AudioError, match="changed while it was read") as caught:
        add_recording(store, path)
    assert caught.value.reason == "changed"
    assert not set(tree(store.root))
    monkeypatch.setattr(importing, "decode_blocks", real)
    path.write_bytes(stereo())
    assert add_recording(store, path).duration_s == 3.0


def test_a_kill_in_the_middle_leaves_nothing_and_the_next_run_ends_as_one_that_never_was(
    store: LocalStore, tmp_path: Path
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(stereo())
    calm = LocalStore(tmp_path / "calm")
    key = add_recording(calm, path).key

    def killed() -> None:
        def kill(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        importing._check_unchanged = kill
        add_recording(store, path)

    assert ended(fork(killed)) == -signal.SIGKILL
    assert not set(tree(store.root))
    assert add_recording(LocalStore(store.root), path).key == key
    assert tree(store.root) == tree(calm.root)
    assert not list((store.root / "tmp").iterdir())


def test_a_full_disk_is_the_stores_and_not_the_recordings_fault(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise soundfile.LibsndfileError(2)

    (tmp_path / "a.wav").write_bytes(stereo())
    monkeypatch.setattr(soundfile.SoundFile, "write", fails)
    with pytest.raises(soundfile.LibsndfileError):
        add_recording(store, tmp_path / "a.wav")
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\)"):
        add_recording(store, tmp_path / "a.wav")
    assert not set(tree(store.root))


def test_stdin_and_a_pipe_are_read_to_their_end(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.wav").write_bytes(stereo())
    known = add_recording(store, tmp_path / "a.wav")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stereo()), isatty=lambda: False))
    assert add_recording(store, "-") == known
    os.mkfifo(tmp_path / "pipe")
    child = fork(lambda: (tmp_path / "pipe").write_bytes(stereo()))
    assert add_recording(store, tmp_path / "pipe") == known
    assert ended(child) == 0
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(InputError, match="Nothing is piped"):
        add_recording(store, "-")


def test_web_addresses_are_fetched_and_what_fails_there_tells_whether_it_may_pass(
    store: LocalStore, web: SimpleNamespace, temporary: Path
) -> None:
    (web.folder / "a talk.wav").write_bytes(stereo())
    (web.folder / "page").write_text("<!DOCTYPE html><html>", encoding="utf-8")
    assert add_recording(store, f"{web.url}/a talk.wav?token=secret").duration_s == 3.0
    failed: Counter[tuple[str, bool]] = Counter()
    for name in ("none.wav", "page", "status503.wav", "status403.wav?token=secret"):
        with pytest.raises((AudioError, UnreachableError)) as caught:
            add_recording(store, f"{web.url}/{name}")
        assert "secret" not in str(caught.value)
        failed[caught.value.reason, may_pass(caught.value)] += 1
    assert failed == {("unreachable", False): 2, ("unreachable", True): 1, ("not_audio", False): 1}
    assert not list(temporary.iterdir())


def test_what_lies_in_a_bucket_is_listed_with_stamps_and_fetched(
    store: LocalStore, bucket: Callable[..., None]
) -> None:
    for key in ("talks/2026/a.wav", "talks/b.wav", "talks/notes.txt", "talks/.hidden.wav"):
        bucket(key, stereo())
    found = find_inputs(["s3://clips/talks/"])
    assert [one.place for one in found] == ["2026/a.wav", "b.wav"]
    assert all(one.stamp for one in found)
    assert add_recording(store, found[0].location).duration_s == 3.0
    assert [one.place for one in find_inputs(["s3://clips/talks/notes.txt"])] == ["notes.txt"]
    before = found[1].stamp
    bucket("talks/b.wav", stereo(16_000))
    assert find_inputs(["s3://clips/talks/b.wav"])[0].stamp != before
    with pytest.raises(InputError, match="no audio or video at 's3://clips/none'"):
        find_inputs(["s3://clips/none"])
