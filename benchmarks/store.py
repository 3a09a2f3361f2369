"""How fast bytes go through the store, beside what moves them without one: a copy with fsync, and plain s3fs.

    python benchmarks/store.py                    # a folder
    python benchmarks/store.py --s3 s3://bucket/prefix   # also an S3 bucket, by the usual AWS_… variables
    python benchmarks/store.py --moto             # also moto's server on this machine (for tests installed)

Publishing into a folder writes, syncs and hashes each byte, and reading hashes it; a plain copy does neither, unless it
is told to sync. Into S3 the same bytes go up in one artifact and come down to an empty folder, verified; s3fs puts and
gets the same files, and verifies nothing. The order changes from turn to turn, and the median counts.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from acento.core.store import LocalStore, Store, open_store
from acento.core.store.local import sync_file


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--files", type=int, default=4, help="how many files they are")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--s3", help="a URL such as s3://bucket/prefix; what is written there is removed again")
    parser.add_argument("--moto", action="store_true", help="start moto's server here and measure on it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="acento-store-") as scratch:
        root = Path(scratch)
        made = _make(root / "source", options.megabytes, options.files)
        megabytes = sum(path.stat().st_size for path in made.iterdir()) / 1e6
        print(f"{megabytes:.0f} MB in {options.files} files, {options.turns} turns, median")
        _report(megabytes, _folder(root, made, options.turns))
        if options.moto:
            with _moto() as url:
                _report(megabytes, _s3(root, made, options.turns, url))
        if options.s3:
            _report(megabytes, _s3(root, made, options.turns, options.s3))


def _make(folder: Path, megabytes: int, files: int) -> Path:
    """Write files of random bytes, which nothing can compress."""
    folder.mkdir()
    for number in range(files):
        (folder / f"{number}.bin").write_bytes(os.urandom(megabytes * 1_000_000 // files))
    return folder


def _folder(root: Path, made: Path, turns: int) -> dict[str, dict[str, list[float]]]:
    """Time a folder's store beside copying."""

    def copy() -> None:
        shutil.copytree(made, root / "copy")
        for path in (root / "copy").iterdir():
            sync_file(path)

    def publish() -> None:
        _publish(LocalStore(root / "store"), made)

    def read() -> None:
        LocalStore(root / "store").local_folder("parts/one")

    def read_plain() -> None:
        for path in made.iterdir():
            path.read_bytes()

    def clean() -> None:
        shutil.rmtree(root / "copy", ignore_errors=True)
        shutil.rmtree(root / "store", ignore_errors=True)

    writing = _times(turns, {"copy + fsync": copy, "publish (folder)": publish}, clean)
    clean()
    publish()
    reading = _times(turns, {"read every byte": read_plain, "local_folder (folder)": read}, lambda: None)
    clean()
    return {"writing to a folder": writing, "reading from a folder": reading}


def _s3(root: Path, made: Path, turns: int, url: str) -> dict[str, dict[str, list[float]]]:
    """Time a bucket's store beside s3fs."""
    import s3fs

    plain = s3fs.S3FileSystem(skip_instance_cache=True)
    bucket = url.removeprefix("s3://").rstrip("/")
    os.environ["ACENTO_CACHE"] = str(root / "cache")
    from acento.core.settings import settings

    settings.cache_clear()

    def put() -> None:
        plain.put(str(made), f"{bucket}/plain/", recursive=True)

    def publish() -> None:
        _publish(open_store(url), made)

    def get() -> None:
        plain.get(f"{bucket}/plain/", str(root / "got"), recursive=True)

    def read() -> None:
        open_store(url).local_folder("parts/one")

    def clean_copies() -> None:
        shutil.rmtree(root / "got", ignore_errors=True)
        shutil.rmtree(root / "cache", ignore_errors=True)

    def clean() -> None:
        clean_copies()
        plain.invalidate_cache()
        if plain.exists(f"{bucket}/plain"):
            plain.rm(f"{bucket}/plain", recursive=True)
        open_store(url).remove("parts/one")

    writing = _times(turns, {"s3fs put": put, "publish (s3)": publish}, clean)
    clean()
    put()
    publish()
    reading = _times(turns, {"s3fs get": get, "local_folder (s3)": read}, clean_copies)
    clean()
    return {f"writing to {url}": writing, f"reading from {url}": reading}


def _publish(store: Store, made: Path) -> None:
    """Publish the files, moved into the draft by hard links: what is measured is the store's own work."""
    with store.publish("parts/one") as draft:
        for path in made.iterdir():
            if isinstance(store, LocalStore):
                shutil.copyfile(path, draft.folder / path.name)
            else:
                os.link(path, draft.folder / path.name)


def _times(turns: int, ways: dict[str, Callable[[], None]], clean: Callable[[], None]) -> dict[str, list[float]]:
    """Return the seconds of each way, turn by turn."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns):
        for name, way in [*ways.items()][:: 1 if turn % 2 == 0 else -1]:
            clean()
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def _report(megabytes: float, tables: dict[str, dict[str, list[float]]]) -> None:
    """Print MB/s of each way, and how many times as fast as the first it is."""
    for title, ways in tables.items():
        print(f"\n{title}")
        first = statistics.median(next(iter(ways.values())))
        for name, seconds in ways.items():
            middle = statistics.median(seconds)
            spread = f"{megabytes / max(seconds):.0f}–{megabytes / min(seconds):.0f}"
            print(f"  {name:<24} {megabytes / middle:7.0f} MB/s  ({spread})  ×{first / middle:.2f}")


@contextmanager
def _moto() -> Iterator[str]:
    """Run moto's server, and let this process find it."""
    root = Path(__file__).resolve().parent.parent
    sys.path[:0] = [str(root / "tests/kit"), str(root / "infra/prefect-modal-worker/tests/kit")]
    from s3 import s3_serving

    with s3_serving() as server:
        os.environ.update(server.environment)
        yield f"s3://{server.bucket()}/benchmark"


if __name__ == "__main__":
    main()
