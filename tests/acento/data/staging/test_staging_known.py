"""What staging remembers of a clip is the same whether a worker tells it or the store is read again."""

from pathlib import Path

import pytest
from recordings import put

from acento.core.errors import DamagedError
from acento.core.fingerprint import fingerprint_rows
from acento.core.store import LocalStore
from acento.data.dataset import load_card
from acento.data.sources import open_source
from acento.data.staging import stage
from acento.data.staging.chunk import StagingOptions, pack, stage_chunk
from acento.data.staging.found import find_inputs
from acento.data.staging.known import content_of, read_known
from acento.data.staging.plan import decide

OPTIONS = {"language": "es", "split_by": "auto", "seed": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        put(tmp_path / "recordings", f"c{number}", number)
    return tmp_path / "recordings"


def test_a_chunk_tells_of_its_clips_what_its_part_says(folder: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    work = decide(find_inputs(open_source(str(folder)), 0), {}, (), OPTIONS)
    (chunk,) = pack(work.candidates, StagingOptions())
    first, again = stage_chunk(store, chunk), stage_chunk(store, chunk)
    assert len(first.known) == 5
    assert first.known == again.known == read_known(store, [chunk.key])
    assert first == again


@pytest.mark.parametrize("workers", [0, 3])
def test_parts_are_verified_as_they_are_read_by_any_number_of_threads(
    folder: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.data.staging.chunk.CHUNK_CLIPS", 1)
    store = LocalStore(tmp_path / "store")
    stage(store, str(folder), "demo", workers=0)
    keys = [part.key for part in load_card(store, "demo").parts]
    assert sorted(read_known(LocalStore(store.root), keys, workers)) == [f"c{number}" for number in range(5)]
    path = store.root / keys[3] / "clips.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DamagedError):
        read_known(LocalStore(store.root), keys, workers)


def test_the_digest_of_all_clips_is_that_of_their_rows_in_any_order(folder: Path, tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    stage(store, str(folder), "demo", workers=0)
    clips = list(read_known(store, [part.key for part in load_card(store, "demo").parts]).values())
    rows = [f"{clip.content.hex()}:{clip.split}" for clip in clips]
    assert content_of(clips) == content_of(reversed(clips)) == fingerprint_rows(rows)
