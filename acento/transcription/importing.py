"""Recordings into the store: decoded to 16 kHz, searched for speech, whole or not at all.

A recording is named by its bytes and how it was imported, so the same bytes are found again, whatever they are called,
and nothing is decoded. Memory does not grow with its length.
"""

import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Final, Self

import numpy as np
import soundfile

from acento.core.audio.containers.protected import protection
from acento.core.audio.containers.signatures import HEAD, is_sound
from acento.core.audio.decoders.stream import AudioError, NoAudioError
from acento.core.audio.recording import CancelingChannelsError, decode_blocks
from acento.core.fingerprint import fingerprint, sha256_file
from acento.core.store import Store
from acento.data.recordings.fetch import local_file, shown
from acento.data.recordings.recording import AUDIO, MOST_CHANNELS, SPEECH, Recording, Samples, load_recording
from acento.data.utterance import SAMPLE_RATE
from acento.inference.vad import VERSION as VAD
from acento.inference.vad.level import Loudness

_VERSION: Final = 1
"""Raised by hand when the same bytes may give other samples."""
_BLOCK_S: Final = 16.0
_LITTLE: Final = 64 << 20
"""Bytes: a disk with less is full."""


def add_recording(
    store: Store,
    source: str | PathLike[str],
    *,
    each_channel: bool = False,
    on_block: Callable[[], None] = lambda: None,
) -> Recording:
    """Return a recording of the store, after it was decoded and searched for speech if it is not there yet.

    Args:
        store: where it is kept.
        source: a path, an ``s3://`` or web address, or ``-`` for stdin.
        each_channel: keep every channel, to be transcribed one by one; else all are mixed to one.
        on_block: called after each block of some seconds; what it raises ends the import, and nothing of it is kept.

    Raises:
        AudioError: it cannot be used; its ``reason`` is ``empty``, ``truncated``, ``unreadable``, ``not_audio``,
            ``no_audio`` (a film without a sound track), ``protected`` (encrypted), ``changed`` (while it was read),
            ``too_many_channels``, ``not_found``, ``no_permission`` or ``unreachable``.
        UnreachableError: a server does not give it now; trying later may help.
        StoreError: the store, or the folder for temporary files, has no room.
    """
    location = fspath(source)
    try:
        with local_file(location, on_block) as path:
            return _imported(store, path, each_channel, on_block)
    except AudioError as error:
        sentence, name = str(error), shown(location)
        named = sentence if name in sentence else f"{name}: {sentence[0].lower()}{sentence[1:]}"
        raise AudioError(named, error.reason) from error


@dataclass(frozen=True, slots=True)
class _State:
    """What changes with a file's bytes."""

    file: int
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at a file.

        Raises:
            AudioError: there is none, or it may not be looked at.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(error) from error
        if not stat.S_ISREG(status.st_mode):
            what = "a folder that cannot be searched" if stat.S_ISDIR(status.st_mode) else "no file but a device"
            raise AudioError(f"It is {what}.", "no_permission" if stat.S_ISDIR(status.st_mode) else "not_audio")
        return cls(status.st_ino, status.st_size, status.st_mtime_ns)


def _imported(store: Store, path: Path, each_channel: bool, on_block: Callable[[], None]) -> Recording:
    """Return the recording of a file of this machine."""
    before = _State.of(path)
    try:
        digest = _digest(path, before)
        about = {"version": _VERSION, "vad": VAD, "sha256": digest, "each_channel": each_channel}
        key = f"recordings/{fingerprint(about)}"
        if store.find(key, verify=True) is None:
            _check_sound(path)
            with store.publish(key) as draft, _on_disk(draft.folder):
                channels, frames = _keep_audio(draft.folder, path, each_channel, on_block)
                draft.info |= {"sha256": digest, "channels": channels, "duration_s": frames / SAMPLE_RATE}
                _check_unchanged(path, before)
        _check_unchanged(path, before)
    except AudioError:
        _check_unchanged(path, before)
        raise
    return load_recording(store, key)


def _digest(path: Path, state: _State) -> str:
    """Return the SHA-256 of a file that has bytes."""
    if not state.size:
        raise AudioError("The file has no bytes.", "empty")
    try:
        return sha256_file(path)
    except OSError as error:
        raise _unreadable(error) from error


def _check_sound(path: Path) -> None:
    """See that a file is not encrypted."""
    try:
        way = protection(path)
    except OSError as error:
        raise _unreadable(error) from error
    if way is not None:
        raise AudioError(f"The file is encrypted ({way}): only its seller's programs can play it.", "protected")


def _check_unchanged(path: Path, before: _State) -> None:
    if _State.of(path) != before:
        raise AudioError(
            "The file changed while it was read: it is taken by the next run, when it is whole.", "changed"
        )


def _keep_audio(folder: Path, path: Path, each_channel: bool, on_block: Callable[[], None]) -> tuple[int, int]:
    """Write a recording's audio and where it is speech; return how many channels and samples of each it has."""
    channel = None
    while True:
        try:
            loudness = _decoded(folder / AUDIO, path, each_channel, channel, on_block)
            break
        except CancelingChannelsError as found:
            channel = found.channel
        except NoAudioError as error:
            raise AudioError("The file has no sound track.", "no_audio") from error
        except AudioError as error:
            if error.reason != "unreadable" or _seems_sound(path):
                raise
            raise AudioError("The file is neither audio nor video of a kind that is known.", "not_audio") from error
    from acento.inference.vad.detect import speech_of

    speech = [speech_of(_channel(folder / AUDIO, number, on_block), one.gain) for number, one in enumerate(loudness)]
    np.save(folder / SPEECH, np.stack(speech, axis=1))
    return len(loudness), soundfile.info(folder / AUDIO).frames


def _decoded(
    to: Path, path: Path, each_channel: bool, channel: int | None, on_block: Callable[[], None]
) -> list[Loudness]:
    """Write a recording as FLAC; return how loud each of its channels is."""
    loudness, count = list[Loudness](), 0
    with ExitStack() as stack:
        for block in decode_blocks(path, each_channel=each_channel, channel=channel):
            samples = block.reshape(len(block), -1)
            if not loudness:
                channels = samples.shape[1]
                if channels > MOST_CHANNELS:
                    what = f"The file has {channels} channels, and at most {MOST_CHANNELS} are transcribed one by one"
                    raise AudioError(f"{what}: mix them, or choose some.", "too_many_channels")
                loudness = [Loudness() for _ in range(channels)]
                file = stack.enter_context(soundfile.SoundFile(to, "w", SAMPLE_RATE, channels, "PCM_16", format="FLAC"))
            file.write(samples)
            count += len(samples)
            for one, column in zip(loudness, samples.T, strict=True):
                one.add(column.astype(np.float32) / np.float32(32768))
            on_block()
    if soundfile.info(to).frames != count:
        raise RuntimeError(f"{to} did not become whole")
    return loudness


def _channel(path: Path, number: int, on_block: Callable[[], None]) -> Iterator[Samples]:
    """Yield a channel of an audio file in blocks."""
    for block in soundfile.blocks(path, round(_BLOCK_S * SAMPLE_RATE), dtype="float32", always_2d=True):
        yield block[:, number]
        on_block()


def _seems_sound(path: Path) -> bool:
    with path.open("rb") as file:
        return is_sound(file.read(HEAD))


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    """Let a full disk be told as one: libsndfile says only that it did not write."""
    try:
        yield
    except (RuntimeError, AssertionError) as error:
        if shutil.disk_usage(folder).free < _LITTLE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def _unreadable(error: OSError) -> AudioError:
    """Return why a file cannot be read, as a reason."""
    codes = {
        errno.ENOENT: "not_found",
        errno.ENOTDIR: "not_found",
        errno.EACCES: "no_permission",
        errno.EPERM: "no_permission",
    }
    return AudioError(
        f"The file cannot be read ({error.strerror or error}).", codes.get(error.errno or 0, "unreadable")
    )
