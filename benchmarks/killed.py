"""A long recording of human clips, transcribed in one go, and killed three times: the files are compared.

``kill -9`` goes to the whole process group, at a random moment while the recording is imported, while it is decoded,
and while its files are written. Usage: ``python benchmarks/killed.py OUT [--hours 3] [--model NAME]``.
"""

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from long_recordings import real

FORMATS = ("txt", "srt", "json")


def command(recording: Path, model: str, out: Path) -> list[str]:
    """Return what transcribes a recording in Spanish into a folder."""
    asked = ["-m", model, "--language", "es", "-f", ",".join(FORMATS), "-o", str(out)]
    return [sys.executable, "-m", "flows.cli", "transcribe", str(recording), *asked]


def killed_when(begin: list[str], store: Path, ready: Callable[[], bool], within_s: float) -> None:
    """Run a command, and kill it and all its processes a random moment after something is so."""
    process = subprocess.Popen(begin, env=os.environ | {"ACENTO_STORE": str(store)}, start_new_session=True)
    while not ready():
        if process.poll() is not None:
            raise SystemExit("it ended before it could be killed")
        time.sleep(0.005)
    time.sleep(random.uniform(0, within_s))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def parts(store: Path) -> dict[str, int]:
    """Return the parts that are decoded, and when each was."""
    return {path.parent.name: path.stat().st_mtime_ns for path in store.glob("jobs/*/attempt-*")}


def ledger(out: Path) -> list[dict[str, str]]:
    """Return the rows of a ledger without what the clock said."""
    with (out / "ledger.csv").open(encoding="utf-8", newline="") as file:
        return [{name: cell for name, cell in row.items() if name != "rtfx"} for row in csv.DictReader(file)]


def main() -> None:
    """Print what was done when, and whether all is equal."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("out", type=Path)
    options.add_argument("--hours", type=float, default=3.0)
    options.add_argument("--model", default="demo:whisper-mini")
    asked = options.parse_args()
    asked.out.mkdir(parents=True)
    recording = real(asked.out, "es", asked.hours * 60)
    straight, stopped = asked.out / "straight", asked.out / "killed"
    one_go = command(recording.path, asked.model, straight)
    subprocess.run(one_go, env=os.environ | {"ACENTO_STORE": str(asked.out / "store-1")}, check=True)
    whole = len(parts(asked.out / "store-1"))

    store, begin = asked.out / "store-2", command(recording.path, asked.model, stopped)
    killed_when(begin, store, lambda: any(store.glob("tmp/**/audio.flac")), 3)
    print(f"killed while importing: {len([*store.glob('recordings/*')])} recordings in the store", flush=True)
    killed_when(begin, store, lambda: len(parts(store)) >= max(1, whole // 4), 3)
    before = parts(store)
    print(f"killed while decoding: {len(before)} of {whole} parts done", flush=True)
    killed_when(begin, store, lambda: any(stopped.glob("*.txt")), 0.1)
    print(f"killed while writing: {sorted(path.name for path in stopped.iterdir())} are there", flush=True)
    subprocess.run(begin, env=os.environ | {"ACENTO_STORE": str(store)}, check=True)

    after = parts(store)
    again = [name for name, when in before.items() if after[name] != when]
    print(f"decoded: {len(after)} parts, of those that were done before {len(again)} again")
    files = [f"{recording.path.stem}.{name}" for name in FORMATS]
    equal = [(straight / name).read_bytes() == (stopped / name).read_bytes() for name in files]
    print(f"equal: {dict(zip(files, equal, strict=True))}, ledger: {ledger(straight) == ledger(stopped)}")
    if again or len(after) != whole or not all(equal) or ledger(straight) != ledger(stopped):
        raise SystemExit("it did not end equal")


if __name__ == "__main__":
    main()
