"""The commands in a Kaldi ``wav.scp``, run only where the user allows them: each writes one recording."""

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from acento.data.sources.base import RejectReason

TIME_LIMIT_S = 600
_STREAMED = 0x7FFF_0000
"""Sizes from here on are what programs write into a header of a WAV that goes to a pipe."""


def run_command(
    recording: str, command: str, folder: Path, path: Path, time_limit_s: float = TIME_LIMIT_S
) -> Path | tuple[RejectReason, str]:
    """Run a command where its relative paths exist, and return its output as a file; or why it is of no use."""
    what = f"The command of the recording {recording}"
    with path.open("wb") as output, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["bash", "-c", f"set -o pipefail\n{command}"],
            cwd=_place_of(command, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = process.wait(time_limit_s)
        except subprocess.TimeoutExpired:
            return RejectReason.UNREADABLE, f"{what} has not ended after {time_limit_s:g} s."
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # nothing that it started stays
            process.wait()
        said.seek(0)
        words = said.read(4096).decode("utf-8", "replace").strip().splitlines()
    if code:
        detail = f"{what} failed with exit code {code}" + (f" ({words[-1].rstrip('.')})." if words else ".")
        return RejectReason.UNREADABLE, detail
    if path.stat().st_size == 0:
        return RejectReason.EMPTY, f"{what} gave no bytes."
    _write_true_sizes(path)
    return path


def _place_of(command: str, folder: Path) -> Path:
    """Return the data directory, or the nearest folder above it in which a relative path of the command exists."""
    try:
        words = [word for word in shlex.split(command) if not word.startswith(("/", "-")) and "\0" not in word]
    except ValueError:
        words = []
    for base in (folder, *folder.absolute().parents[:-1]):
        for word in words:
            with suppress(OSError):
                if ("/" in word or "." in word.strip(".")) and (base / word).is_file():
                    return base
    return folder


def _write_true_sizes(path: Path) -> None:
    """Write into the header of a WAV from a pipe how long it is, where the program could not know it."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        head = file.read(1 << 16)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return
        position = 12
        while position + 8 <= len(head):
            name, declared = head[position : position + 4], int.from_bytes(head[position + 4 : position + 8], "little")
            if name == b"data":
                if declared >= _STREAMED or declared == 0:
                    for at, value in ((4, size - 8), (position + 4, size - position - 8)):
                        file.seek(at)
                        file.write(min(value, 0xFFFF_FFFF).to_bytes(4, "little"))
                return
            position += 8 + declared + declared % 2
