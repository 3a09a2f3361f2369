"""Scores written in batches are those made in memory, byte for byte, in whatever order the results come."""

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.scoring import score, stored
from acento.scoring.score import UtteranceResult, score_utterances, summarize
from acento.scoring.stored import SCORE, UTTERANCES, write_score, write_utterances

RULE = normalizer("basic")


def results(count: int, words: int = 3) -> Iterator[UtteranceResult]:
    """Yield clips of every kind, sorted by id."""
    rng = random.Random(0)
    for place in range(count):
        said = " ".join(rng.choices(["Sí,", "no.", "uno", "Dos", "tres"], k=rng.randint(1, 2 * words)))
        heard = rng.choice([said, said.lower(), said + " tres" * 9, "", "uno"])
        kind = rng.random()
        yield UtteranceResult(
            id=f"{place:05d}",
            reference=None if kind < 0.05 else "" if kind < 0.1 else said,
            hypothesis=None if kind > 0.95 else heard,
            error="model_error: no" if kind > 0.95 else None,
            split="test",
            speaker=rng.choice(["ana", "eva", None]),
            accent=rng.choice(["north", "south"]),
            duration_s=rng.choice([0.5, 3.0, None]),
        )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make batches of 5 clips, row groups of 10, and sort 20 clips at a time."""
    monkeypatch.setattr(score, "BATCH", 5)
    for name, value in (("BATCH", 5), ("GROUP", 2), ("SORTED", 2)):
        monkeypatch.setattr(stored, name, value)


def written(folder: Path, rows: list[UtteranceResult]) -> Path:
    folder.mkdir()
    write_score(folder, iter(rows), RULE, resamples=50)
    return folder


def test_files_are_the_same_bytes_as_those_made_in_memory(tmp_path: Path) -> None:
    rows = list(results(300))
    table = score_utterances(rows, RULE)
    pq.write_table(table, tmp_path / UTTERANCES)
    expected = summarize(table, RULE, resamples=50).model_dump_json(indent=1)
    for name in ("sorted", "shuffled"):
        folder = written(tmp_path / name, rows)
        assert (folder / UTTERANCES).read_bytes() == (tmp_path / UTTERANCES).read_bytes()
        assert (folder / SCORE).read_text(encoding="utf-8") == expected
        random.Random(1).shuffle(rows)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("count", [0, 1, 10, 101])
def test_many_row_groups_hold_the_table_sorted_by_id(tmp_path: Path, count: int) -> None:
    rows = list(results(count))
    table = score_utterances(rows, RULE)
    expected = summarize(table, RULE, resamples=50).model_dump_json(indent=1)
    for name in ("sorted", "shuffled"):
        folder = written(tmp_path / name, rows)
        assert pq.read_table(folder / UTTERANCES).equals(table, check_metadata=True)
        assert pq.ParquetFile(folder / UTTERANCES).num_row_groups == max(1, -(-count // 10))
        assert (folder / SCORE).read_text(encoding="utf-8") == expected
        assert {file.name for file in folder.iterdir()} == {UTTERANCES, SCORE}
        random.Random(1).shuffle(rows)


@pytest.mark.usefixtures("small")
def test_ids_that_are_there_twice_and_clips_without_a_text_are_refused(tmp_path: Path) -> None:
    rows = list(results(40))
    with pytest.raises(InputError, match="1 utterance ids occur more than once: 00003"):
        write_utterances(tmp_path / "twice", [*rows, rows[3]], RULE)
    rows[7] = replace(rows[7], hypothesis=None, error=None)
    with pytest.raises(InputError, match=r"neither a hypothesis nor an error.*: 00007"):
        write_utterances(tmp_path / "missing", rows, RULE)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "BATCH", 16)
    monkeypatch.setattr(stored, "GROUP", 1)
    write_utterances(tmp_path / "warm", results(20), RULE)
    arrow: list[int] = []

    def watched(count: int) -> Iterator[UtteranceResult]:
        for result in results(count, words=200):
            arrow.append(pa.total_allocated_bytes())
            yield result

    peaks = []
    for count in (64, 256):
        arrow.clear()
        tracemalloc.start()
        write_utterances(tmp_path / "texts", watched(count), RULE)
        peaks.append((tracemalloc.get_traced_memory()[1], max(arrow) - arrow[0]))
        tracemalloc.stop()
    (python, table), (python_of_more, table_of_more) = peaks
    assert python_of_more < 1.3 * python
    assert table_of_more < 1.5 * table
