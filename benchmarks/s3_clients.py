"""Three ways to speak to S3, at speed, at races and at faults: the store (on s3fs), s3fs alone, and obstore.

    python benchmarks/s3_clients.py                        # moto's server on this machine (for tests installed)
    python benchmarks/s3_clients.py --clients store s3fs

s3fs and obstore do what the store asks for in the shortest way that they offer, with as many tries.
All meet the same server and the same faults; the order changes from turn to turn, the median counts, and ratios are to
the first client's. Faults are made by a proxy: requests answered 500 or 503, answers lost, requests and answers cut.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kit"))

from s3 import Faults, S3Server, fault_proxy, s3_serving

TRIES = 8
THREADS = 4
PART = 16 << 20
FAULTS = {"error": 0.05, "lost": 0.05, "cut_request": 0.05, "cut_response": 0.05}


class StoreObjects:
    """The store's own objects."""

    def __init__(self, url: str) -> None:
        """Name the place."""
        from acento.core.store.s3 import S3Objects

        self._objects = S3Objects(url)
        self.get, self.create = self._objects.get, self._objects.put_new
        self.put_file, self.get_file = self._objects.put_file, self._objects.get_file

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        return [found.key for found in self._objects.list(folder)]


class S3fs:
    """s3fs: one file system a process, its own retries and botocore's, no cache of lists."""

    def __init__(self, url: str) -> None:
        """Name the place."""
        import s3fs

        self._root = url.removeprefix("s3://")
        self._fs = s3fs.S3FileSystem(
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            skip_instance_cache=True,
            use_listings_cache=False,
            max_concurrency=THREADS,
            config_kwargs={"retries": {"total_max_attempts": TRIES, "mode": "standard"}, "max_pool_connections": 32},
        )
        self._fs.retries = TRIES

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes."""
        with suppress(FileNotFoundError):
            return bytes(self._fs.cat_file(f"{self._root}/{key}"))
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Create an object where there is none; know one's own after a lost answer."""
        me = uuid.uuid4().hex
        try:
            self._fs.pipe_file(f"{self._root}/{key}", data, mode="create", Metadata={"acento-writer": me})
        except FileExistsError:
            return bool(self._fs.metadata(f"{self._root}/{key}").get("acento-writer") == me)
        return True

    def put_file(self, key: str, path: Path) -> None:
        """Upload a file."""
        self._fs.put_file(str(path), f"{self._root}/{key}", chunksize=PART)

    def get_file(self, key: str, path: Path, _: int) -> None:
        """Download a file."""
        self._fs.get_file(f"{self._root}/{key}", str(path))

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        return [name.removeprefix(f"{self._root}/") for name in self._fs.find(f"{self._root}/{folder}")]


class Obstore:
    """obstore: the object_store of Rust, its own retries."""

    def __init__(self, url: str) -> None:
        """Name the place."""
        from obstore.store import S3Store

        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self._store = S3Store(
            bucket,
            prefix=prefix,
            endpoint=os.environ["AWS_ENDPOINT_URL"],
            region="us-east-1",
            client_options={"allow_http": True},
            retry_config={"max_retries": TRIES - 1},
        )

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes."""
        with suppress(FileNotFoundError):
            return bytes(self._store.get(key).bytes())
        return None

    def create(self, key: str, data: bytes) -> bool:
        """Create an object where there is none; know one's own after a lost answer."""
        from obstore.exceptions import AlreadyExistsError

        me = uuid.uuid4().hex
        try:
            self._store.put(key, data, mode="create", attributes={"acento-writer": me}, use_multipart=False)
        except AlreadyExistsError:
            return bool(self._store.get(key).attributes.get("acento-writer") == me)
        return True

    def put_file(self, key: str, path: Path) -> None:
        """Upload a file."""
        self._store.put(key, path, chunk_size=PART, max_concurrency=THREADS)

    def get_file(self, key: str, path: Path, size: int) -> None:
        """Download a file, in parts side by side."""
        parts = [(start, min(start + PART, size)) for start in range(0, size, PART)]
        data = self._store.get_ranges(key, starts=[a for a, _ in parts], ends=[b for _, b in parts], coalesce=0)
        with path.open("wb") as file:
            for one in data:
                file.write(one)

    def names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        return [found["path"] for page in self._store.list(folder) for found in page]


CLIENTS: dict[str, Callable[[str], Any]] = {"store": StoreObjects, "s3fs": S3fs, "obstore": Obstore}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=[*CLIENTS])
    parser.add_argument("--objects", type=int, default=100, help="small objects")
    parser.add_argument("--megabytes", type=int, default=64, help="of the large file")
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with s3_serving() as server, tempfile.TemporaryDirectory(prefix="acento-s3-") as scratch:
        os.environ.update(server.environment)
        races = [_race(name, server) for name in options.clients]  # first: no client has threads yet
        large = Path(scratch) / "large"
        large.write_bytes(os.urandom(options.megabytes << 20))
        times: dict[str, dict[str, list[float]]] = {}
        for turn in range(options.turns):
            for name in options.clients[turn % len(options.clients) :] + options.clients[: turn % len(options.clients)]:
                for what, seconds in _speed(CLIENTS[name], server, options.objects, large).items():
                    times.setdefault(what, {}).setdefault(name, []).append(seconds)
        print(f"| seconds (ratio to {options.clients[0]}) | {' | '.join(options.clients)} |")
        print("|---|" + "---:|" * len(options.clients))
        for what, each in times.items():
            first = statistics.median(each[options.clients[0]])
            cells = [
                f"{statistics.median(each[name]):.2f} ({statistics.median(each[name]) / first:.2f})" for name in each
            ]
            print(f"| {what} | {' | '.join(cells)} |")
        print(f"| who of 16 racers was told to have created the key, in each of 10 races | {' | '.join(races)} |")
        faults = [_faults(CLIENTS[name], server, options.objects) for name in options.clients]
        for what in faults[0]:
            print(f"| {what} | {' | '.join(said[what] for said in faults)} |")
        forks = [_after_fork(CLIENTS[name], server) for name in options.clients]
        print(f"| used, and then used in a forked process | {' | '.join(forks)} |")


def _speed(make: Callable[[str], Any], server: S3Server, count: int, large: Path) -> dict[str, float]:
    client, found = make(f"s3://{server.bucket()}/p"), {}
    client.get("warm")

    def timed(what: str, do: Callable[[], object]) -> None:
        began = time.perf_counter()
        do()
        found[what] = time.perf_counter() - began

    def each(do: Callable[[int], object]) -> None:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(do, range(count)))

    timed(f"create {count} objects, one by one", lambda: [client.create(f"one/{n}", b"x" * 300) for n in range(count)])
    timed(f"create {count} objects, {THREADS} threads", lambda: each(lambda n: client.create(f"a/{n}", b"x" * 300)))
    timed(f"read {count} objects, one by one", lambda: [client.get(f"a/{n}") for n in range(count)])
    timed(f"poll {count} times for what is not there", lambda: [client.get(f"b/{n}") for n in range(count)])
    timed("list them 10 times", lambda: [client.names("a") for _ in range(10)])
    megabytes, copy = large.stat().st_size >> 20, large.with_name(uuid.uuid4().hex)
    timed(f"upload {megabytes} MiB", lambda: client.put_file("large", large))
    timed(f"download {megabytes} MiB", lambda: client.get_file("large", copy, large.stat().st_size))
    assert copy.read_bytes() == large.read_bytes()
    copy.unlink()
    return found


def _racer(name: str, url: str, start: Any, results: Any) -> None:
    client = CLIENTS[name](url)
    client.get("warm")
    won = []
    for number in range(10):
        start.wait(timeout=120)
        try:
            won.append(client.create(f"race/{number}", b"x"))
        except Exception:
            won.append(None)
    results.put(won)


def _race(name: str, server: S3Server) -> str:
    """Return how many of 16 processes were told to have created a key, race by race."""
    context = multiprocessing.get_context("fork")
    start, results, url = context.Barrier(16), context.Queue(), f"s3://{server.bucket()}/p"
    racers = [context.Process(target=_racer, args=(name, url, start, results)) for _ in range(16)]
    for racer in racers:
        racer.start()
    won = [results.get(timeout=300) for _ in racers]
    for racer in racers:
        racer.join()
    errors = sum(each is None for one in won for each in one)
    return " ".join(str(sum(one[n] is True for one in won)) for n in range(10)) + (
        f" ({errors} errors)" if errors else ""
    )


def _faults(make: Callable[[str], Any], server: S3Server, count: int) -> dict[str, str]:
    """Return how often a client was wrong, or gave up, where a fifth of all requests fail."""
    wrong, gave_up, lists = 0, 0, 0
    bucket = server.bucket()
    with fault_proxy(server, Faults(seed=1, **FAULTS)) as proxy:
        os.environ["AWS_ENDPOINT_URL"] = proxy.endpoint
        client = make(f"s3://{bucket}/p")
        began = time.perf_counter()
        for n in range(count):
            try:
                wrong += not client.create(f"a/{n}", b"x" * 300)
                wrong += client.create(f"a/{n}", b"other")
                wrong += client.get(f"a/{n}") != b"x" * 300
            except Exception:
                gave_up += 1
            try:
                lists += len(client.names("a")) < n + 1 - gave_up
            except Exception:
                gave_up += 1
        took = time.perf_counter() - began
        requests = len(proxy.requests)
    os.environ["AWS_ENDPOINT_URL"] = server.endpoint
    return {
        f"faults in 20 % of requests: seconds for {count} × (create, create again, read, list)": f"{took:.1f}",
        "… requests": str(requests),
        "… answers that were wrong": str(wrong),
        "… lists that were not whole and looked so": str(lists),
        "… calls that gave up": str(gave_up),
    }


def _after_fork(make: Callable[[str], Any], server: S3Server) -> str:
    client = make(f"s3://{server.bucket()}/p")
    client.create("a", b"x")
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os._exit(0 if client.get("a") == b"x" else 1)
        os._exit(2)
    for _ in range(200):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "works" if status == 0 else "fails"
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hangs"


if __name__ == "__main__":
    main()
