"""Recordings of the store: any stretch of any channel comes back sample for sample, or one sentence."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_recordings import put_recording

from acento.core.errors import DamagedError, InputError, StoreError
from acento.core.store import LocalStore
from acento.core.store.transfer import copy_artifacts
from acento.data.recordings.recording import AUDIO, Recording, RecordingReader, load_recording, load_speech

LENGTH = 16_000 * 5 + 123


def noise(channels: int = 1) -> np.ndarray:
    return np.random.default_rng(channels).integers(-9_000, 9_000, (LENGTH, channels), dtype=np.int16)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def stereo(store: LocalStore) -> Recording:
    return put_recording(store, noise(2))


@pytest.fixture(scope="module")
def reader(store: LocalStore) -> RecordingReader:
    return RecordingReader(store)


def test_a_recording_is_described_without_its_audio(store: LocalStore, stereo: Recording) -> None:
    assert load_recording(store, stereo.key) == stereo
    assert (stereo.duration_s, stereo.channels) == (LENGTH / 16_000, 2)
    assert load_speech(store, stereo.key).shape == (157, 2)


@settings(deadline=None)
@given(st.data())
def test_every_stretch_is_read_sample_for_sample(
    reader: RecordingReader, stereo: Recording, data: st.DataObject
) -> None:
    first, length = data.draw(st.integers(-9, LENGTH - 1)), data.draw(st.integers(10, LENGTH + 99))
    channel = data.draw(st.integers(0, 1))
    read = reader.read(stereo.key, channel, first / 16_000, (first + length) / 16_000)
    assert read.dtype == np.float32
    whole = noise(2)[:, channel] / np.float32(32768)
    np.testing.assert_array_equal(read, whole[max(first, 0) : first + length])


@pytest.mark.parametrize("seconds", [0.5, 1.7, 5.0, 60.0])
def test_blocks_are_the_channel_from_start_to_end(store: LocalStore, stereo: Recording, seconds: float) -> None:
    blocks = list(RecordingReader(store).blocks(stereo.key, 1, seconds))
    assert {len(block) for block in blocks[:-1]} <= {round(seconds * 16_000)}
    np.testing.assert_array_equal(np.concatenate(blocks), noise(2)[:, 1] / np.float32(32768))


def test_threads_that_share_a_reader_do_not_mix_what_they_read(store: LocalStore, stereo: Recording) -> None:
    reader, whole = RecordingReader(store), noise(2) / np.float32(32768)
    wanted = [(start / 10, channel) for start in range(40) for channel in (0, 1)]
    with ThreadPoolExecutor(4) as threads:
        read = threads.map(lambda one: reader.read(stereo.key, one[1], one[0], one[0] + 1.0), wanted)
    for (start, channel), samples in zip(wanted, read, strict=True):
        np.testing.assert_array_equal(samples, whole[round(start * 16_000) :][:16_000, channel])


def test_what_is_not_there_is_named(store: LocalStore, stereo: Recording) -> None:
    reader = RecordingReader(store)
    with pytest.raises(InputError, match=r"has no channel 2: it has 2 channels, counted from 0"):
        reader.read(stereo.key, 2, 0.0, 1.0)
    with pytest.raises(InputError, match=r"has nothing from 6 to 7 s: it lasts 5\.00769 s"):
        reader.read(stereo.key, 0, 6.0, 7.0)
    with pytest.raises(InputError, match="hold no sample"):
        list(reader.blocks(stereo.key, 0, 0.0))
    with pytest.raises(StoreError, match="is not in the store"):
        reader.read("recordings/0", 0, 0.0, 1.0)
    with pytest.raises(StoreError, match="is not in the store"):
        load_recording(store, "recordings/0")
    with store.publish("recordings/1") as draft:
        draft.info["duration_s"] = 1.0
    with pytest.raises(DamagedError, match="is no recording"):
        load_recording(store, "recordings/1")


def test_audio_that_changed_on_the_disk_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    key = put_recording(store, noise()).key
    path = tmp_path / key / AUDIO
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedError, match="is damaged"):
        RecordingReader(store).read(key, 0, 0.0, 1.0)


def test_a_recording_is_carried_whole_to_another_store(store: LocalStore, stereo: Recording, tmp_path: Path) -> None:
    there = LocalStore(tmp_path)
    copy_artifacts(store, there, [stereo.key])
    assert load_recording(there, stereo.key) == stereo
    shutil.rmtree(tmp_path / stereo.key)
    assert there.find(stereo.key) is None
