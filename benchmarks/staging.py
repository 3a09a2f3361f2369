"""Staging beside a plain decode and encode loop on every core, with the same libraries, in one run; and its memory.

    python benchmarks/staging.py [--clips 600] [--seconds 10] [--rate 44100] [--suffix wav] [--rounds 3] [--workers N]
    python benchmarks/staging.py --memory [--most 1000000]

The loop is what a person would write: one process for each core, each with its share of the files; soundfile decodes,
soxr resamples (by default at the quality that Acento uses), soundfile writes a FLAC file. It hashes nothing, checks
nothing, and waits for no disk. Both pay for starting their processes. The two take turns, so that a machine whose speed
drifts slows both. Prints hours of audio a minute for each, the CPU seconds that each used (which other work on the
machine moves less than the clock), and ``ratio: N``, the median over rounds.

``--memory`` prints the peak memory of staging 100 to 10,000 short clips, and of all that staging does beside the audio
(list, hash, decide, cut into chunks, fingerprint, card) for 100, 10,000 and 1,000,000 lines of a manifest, and the
bytes for each further clip.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LANGUAGE = "es"


def main() -> None:
    """Read the options and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=int, default=44_100)
    parser.add_argument("--suffix", choices=["wav", "flac", "ogg", "mp3"], default="wav")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=_cores())
    parser.add_argument("--quality", default="VHQ", help="of the loop's resampling; soxr's own default is HQ")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of speed")
    parser.add_argument("--most", type=int, default=1_000_000, help="lines of the longest manifest")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        CHILDREN[options.child[0]](*options.child[1:])
        return
    with tempfile.TemporaryDirectory(prefix="acento-benchmark-") as folder:
        if options.memory:
            memory(Path(folder), options.most)
        else:
            speed(Path(folder), options)


def speed(folder: Path, options: argparse.Namespace) -> None:
    """Stage the same clips by Acento and by the loop, in turns."""
    from acento.core.store import LocalStore
    from acento.data.staging import stage

    source = folder / "source"
    record(source, options)
    hours = options.clips * options.seconds / 3600
    size = sum(path.stat().st_size for path in source.iterdir()) / 1e6
    print(
        f"{options.clips} clips of {options.seconds:g} s at {options.rate} Hz ({options.suffix}, {size:.0f} MB), "
        f"{options.workers} processes on {_cores()} cores"
    )

    def acento(turn: int) -> None:
        result = stage(LocalStore(folder / f"store{turn}"), str(source), "speed", workers=options.workers)
        assert result.staged_now == options.clips, result

    def loop(turn: int) -> None:
        target = folder / f"flac{turn}"
        me = [sys.executable, __file__, "--child", "loop", str(source), str(target), options.quality]
        running = [subprocess.Popen([*me, str(n), str(options.workers)]) for n in range(options.workers)]
        assert [process.wait() for process in running] == [0] * options.workers
        assert len(list(target.iterdir())) == options.clips

    ways = {"acento": acento, "loop": loop}
    rows = []
    for turn in range(options.rounds):
        took, used = {}, {}
        for name in sorted(ways, reverse=bool(turn % 2)):
            wall, busy = time.perf_counter(), cpu()
            ways[name](turn)
            took[name], used[name] = time.perf_counter() - wall, cpu() - busy
        speeds = hours * 60 / took["acento"], hours * 60 / took["loop"]
        rows.append((*speeds, speeds[0] / speeds[1], used["loop"] / used["acento"]))
        print(
            f"  Acento {speeds[0]:6.1f} h/min, {used['acento']:5.1f} s of CPU   "
            f"loop {speeds[1]:6.1f} h/min, {used['loop']:5.1f} s of CPU   {rows[-1][2]:.2f} ({rows[-1][3]:.2f} by CPU)"
        )
    ours, theirs, ratio, by_cpu = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"Acento: {ours:.1f} hours of audio a minute")
    print(f"loop: {theirs:.1f} hours of audio a minute")
    print(f"ratio by CPU seconds: {by_cpu:.2f}")
    print(f"ratio: {ratio:.2f}")


def cpu() -> float:
    """Return the seconds of CPU that this process and its children that ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def record(folder: Path, options: argparse.Namespace) -> None:
    """Write clips of hummed noise, every one different, each with its transcript."""
    import soundfile

    folder.mkdir()
    samples = round(options.seconds * options.rate)
    rhythm = 0.5 + 0.5 * np.sin(np.arange(samples) * 2 * np.pi * 3 / options.rate)
    for number in range(options.clips):
        noise = np.random.default_rng(number).standard_normal(samples).cumsum()
        noise -= np.convolve(noise, np.ones(65) / 65, mode="same")
        soundfile.write(
            folder / f"{number:06d}.{options.suffix}", 0.2 * rhythm * noise / abs(noise).max(), options.rate
        )
        (folder / f"{number:06d}.txt").write_text(f"sentence number {number}")


def one_loop(source: str, target: str, quality: str, first: str, step: str) -> None:
    """Decode, resample and encode every ``step``-th file: the loop's child process."""
    import soundfile
    import soxr

    Path(target).mkdir(exist_ok=True)
    files = sorted(path for path in Path(source).iterdir() if path.suffix != ".txt")
    for path in files[int(first) :: int(step)]:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        resampled = soxr.resample(samples.mean(axis=1), rate, 16_000, quality=quality)
        pcm = np.clip(np.rint(resampled * 32768), -32768, 32767).astype(np.int16)
        soundfile.write(Path(target) / f"{path.stem}.flac", pcm, 16_000, format="FLAC", subtype="PCM_16")


def memory(folder: Path, most: int) -> None:
    """Print the peak memory of staging, each measured in a process of its own, without workers."""
    few, more, many = 100, 1_000, 10_000  # the first is less than a chunk, so it holds less at once than any other
    print("peak memory of staging, in one process (MB)")
    for kind, sizes in (("audio", (few, more, many)), ("manifest", (few, many, most))):
        peaks = []
        for clips in sizes:
            command = [sys.executable, __file__, "--child", kind, str(folder / f"{kind}{clips}"), str(clips)]
            peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            print(f"  {kind:8} {clips:9,} clips  {peaks[-1] / 1e6:8.1f}", flush=True)
        for a, b in ((0, 1), (1, 2))[: len(sizes) - 1]:
            each = (peaks[b] - peaks[a]) / (sizes[b] - sizes[a])
            print(f"  {kind:8} bytes for each further clip, from {sizes[a]:,} to {sizes[b]:,}: {each:.0f}")


def stage_audio(folder: str, clips: str) -> None:
    """Stage so many recordings of a third of a second, and print the peak of memory in bytes."""
    import soundfile

    from acento.core.store import LocalStore
    from acento.data.staging import stage

    source = Path(folder) / "source"
    source.mkdir(parents=True)
    for number in range(int(clips)):
        noise = 0.1 * np.random.default_rng(number).standard_normal(5_000)
        soundfile.write(source / f"{number:07d}.wav", noise, 16_000)
        (source / f"{number:07d}.txt").write_text(f"this is the sentence with the number {number}")
    stage(LocalStore(Path(folder) / "store"), str(source), "memory", language=LANGUAGE, workers=0)
    print(peak())


def stage_manifest(folder: str, clips: str) -> None:
    """Stage a manifest of so many lines, all but the audio: chunks come back as if they had been decoded."""
    import soundfile

    from acento.core.fingerprint import sha256
    from acento.core.store import LocalStore
    from acento.data import staging
    from acento.data.staging.chunk import StagedChunk
    from acento.data.staging.known import Known

    Path(folder).mkdir()
    soundfile.write(Path(folder) / "talk.wav", np.zeros(16_000), 16_000)
    with (Path(folder) / "manifest.jsonl").open("w", encoding="utf-8") as file:
        for number in range(int(clips)):
            row = {"audio_filepath": "talk.wav", "offset": number * 0.5, "duration": 0.5, "speaker": f"s{number % 500}"}
            file.write(json.dumps(row | {"text": f"this is the sentence with the number {number}"}) + "\n")

    def undecoded(_: object, chunks: list, __: int):
        for index, chunk in enumerate(chunks):
            key = chunk.key
            known = {
                one.item.id: Known.of(one.digest, one.split, sha256(one.item.id.encode()), key)
                for one in chunk.candidates
            }
            yield index, StagedChunk(key, 0.5 * len(known), (), known)

    staging.run_chunks = undecoded
    where = str(Path(folder) / "manifest.jsonl")
    result = staging.stage(LocalStore(Path(folder) / "store"), where, "memory", language=LANGUAGE, workers=0)
    assert result.staged_now == int(clips), result.rejected
    print(peak())


def peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the parent's memory too
        return 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


CHILDREN = {"loop": one_loop, "audio": stage_audio, "manifest": stage_manifest}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
