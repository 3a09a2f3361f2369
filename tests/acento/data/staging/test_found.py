"""What a source holds at a moment: every input once, kept in little memory."""

import gc
import json
import multiprocessing
import pickle
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from sys import intern

import pytest

from acento.core.fingerprint import sha256
from acento.data.sources import SourceItem, open_source
from acento.data.sources.base import Source
from acento.data.staging import found
from acento.data.staging.found import FoundItem, SourceFile, find_inputs


@pytest.fixture
def folder(tmp_path):
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.wav").write_bytes(name.encode())
        (tmp_path / f"{name}.txt").write_text("Hola.")
    return tmp_path


@pytest.mark.parametrize(
    "item",
    [
        SourceItem("a", "x/wavs/a.wav", "Hola.", "wavs/a.wav", "train", "es", "Anna", "chilean"),
        SourceItem("a#t=1,2", "x/a.wav", "Hola.", "a.wav#t=1,2", start_s=1.0, length_s=1.0),
        SourceItem("a", "/elsewhere/b.wav", "Hola.", "a.wav"),
        SourceItem("a", "xa.wav", "Hola.", "a.wav"),
    ],
)
def test_an_item_is_kept_without_its_path_and_gives_it_back(item, tmp_path):
    item = replace(item, path=tmp_path / item.path)
    kept = FoundItem.of(item)
    for copy in (kept, pickle.loads(pickle.dumps(kept)), replace(kept)):
        for name in item.__dataclass_fields__:
            assert getattr(copy, name) == getattr(item, name)


def test_a_file_is_known_by_its_digest_size_and_time(folder):
    path = folder / "a.wav"
    status = path.stat()
    file = SourceFile(sha256(b"a"), status.st_size, status.st_mtime_ns)
    assert (file.sha256, file.size) == (sha256(b"a"), 1)
    assert pickle.loads(pickle.dumps(file)).is_still(path)
    path.write_bytes(b"ab")
    assert not file.is_still(path)
    path.unlink()
    assert not file.is_still(path)


@pytest.mark.parametrize("workers", [0, 3])
def test_items_are_sorted_by_id_each_with_its_own_file(folder, workers, monkeypatch):
    monkeypatch.setattr(found, "_AT_ONCE", 2)
    inputs = find_inputs(open_source(str(folder)), workers)
    assert [(item.id, file.sha256) for item, file in inputs.items] == [(uid, sha256(uid.encode())) for uid in "abc"]
    assert inputs.count == 3
    assert inputs.ids == {"a", "b", "c"}
    assert inputs.origins == {"a.wav", "b.wav", "c.wav"}


def test_a_file_with_many_stretches_is_hashed_once(folder, monkeypatch):
    monkeypatch.setattr(found, "_AT_ONCE", 2)
    lines = [json.dumps({"audio_filepath": "a.wav", "text": "x", "offset": n, "duration": 1}) for n in range(9)]
    (folder / "x.jsonl").write_text("\n".join(lines))
    hashed = []
    monkeypatch.setattr(found, "_hash", lambda path: hashed.append(path) or SourceFile("0", 1, 1))
    assert find_inputs(open_source(str(folder / "x.jsonl")), 0).count == 9
    assert hashed == [folder / "a.wav"]


class Long(Source):
    """So many clips, without a disk."""

    kind = "a long list"

    @classmethod
    def matches(cls, where):
        return bool(where)

    def items(self):
        from pathlib import Path

        for n in range(20_000):
            name = f"wavs/{n:08d}.wav"
            text = f"esta es la frase número {n}"
            yield SourceItem(name[:-4], Path("/corpus") / name, text, name, None, "es", f"speaker {n % 50}")


def _kept():
    """Return how many inputs were found, and the bytes that they are kept in."""
    find_inputs(Long("long"), 0)  # what is imported and cached on the way is not the clips'
    # nor is Python's table of interned strings: a Path interns its name, and the table grows by megabytes at a time
    names = [intern(item.path.name) for item in Long("long").items()]
    tracemalloc.start()
    inputs = find_inputs(Long("long"), 0)
    gc.collect()  # in a large process Python collects seldom, and what is to be collected is not kept
    held = tracemalloc.get_traced_memory()[0]
    assert len(names) == inputs.count
    return inputs.count, held


@pytest.mark.slow
def test_a_clip_takes_little_memory(monkeypatch):
    monkeypatch.setattr(found, "_hash", lambda path: SourceFile(sha256(str(path).encode()), 1 << 20, 1 << 60))
    # a process of its own has no threads of other tests, whose memory would be counted too
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as alone:
        count, kept = alone.submit(_kept).result()
    assert count == 20_000
    assert kept / count < 720, "bytes, some of them of tables that grow meanwhile; the whole of staging may take 1,024"
