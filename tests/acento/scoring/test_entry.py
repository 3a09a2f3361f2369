"""The CSV files have the columns that users of the Chilean leaderboard know, and keep every character."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.core.errors import InputError
from acento.core.text import normalizer
from acento.scoring.entry import Conditions, Entry, ScoredRun, Speed, write_results
from acento.scoring.score import UtteranceResult, score_utterances, summarize

CHILEAN = normalizer("chilean-leaderboard")
SEED_SUMMARY = ["num_samples", "wer", "rtfx", "total_time", "total_audio_length"]
SEED_DETAILS = ["transcriptions", "original_text", "dataset", "split"]


def scored_run(*texts: tuple[str | None, str | None], model: str = "openai/whisper-tiny") -> ScoredRun:
    table = score_utterances(
        (
            UtteranceResult(
                id=f"clip-{index:03d}",
                reference=reference,
                hypothesis=hypothesis,
                error="out_of_memory" if hypothesis is None else None,
                split="test",
                speaker=None,
                accent="chilean",
                duration_s=1.5,
            )
            for index, (reference, hypothesis) in enumerate(texts)
        ),
        CHILEAN,
    )
    entry = Entry(
        model=model,
        revision="main",
        model_hash="1" * 64,
        dataset="santiago v2",
        dataset_fingerprint="f" * 64,
        split="test",
        limit=None,
        score=summarize(table, CHILEAN, resamples=50),
        speed=Speed(
            rtfx=12.3456,
            low=11.0,
            high=13.0,
            inference_s=4.5,
            conditions=Conditions(
                device="cpu", dtype="float32", threads=2, batch_size=8, backend="inline", placements=1
            ),
        ),
        run="run-1",
        when=datetime(2026, 11, 20, tzinfo=UTC),
    )
    return ScoredRun(entry, table, total_runtime_s=9.0)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_files_are_where_the_seed_puts_them(tmp_path: Path) -> None:
    summary, details = write_results(tmp_path, "Whisper_2026-11-20", [scored_run(("sí", "sí"))])
    assert summary == tmp_path / "results_summaries" / "results_summary_Whisper_2026-11-20.csv"
    assert details == tmp_path / "results" / "results_Whisper_2026-11-20.csv"


def test_the_summary_begins_with_the_columns_of_the_seed(tmp_path: Path) -> None:
    summary, _ = write_results(tmp_path, "job", [scored_run(("uno dos tres", "uno dos po"))])
    (row,) = read(summary)
    assert list(row)[:5] == SEED_SUMMARY
    assert [row[name] for name in SEED_SUMMARY] == ["1", "33.33", "12.35", "4.5", "1.5"]
    assert (row["job_id"], row["model_id"], row["dataset"], row["split"]) == (
        "job",
        "openai/whisper-tiny",
        "santiago v2",
        "test",
    )
    assert (row["substitutions"], row["failed"], row["normalizer"], row["device"]) == (
        "1",
        "0",
        "chilean-leaderboard-1",
        "cpu",
    )


def test_the_details_have_all_columns_of_the_summary_and_then_those_of_the_seed(tmp_path: Path) -> None:
    summary, details = write_results(tmp_path, "job", [scored_run(("¡Sí!", "sí"), ("no", ""))])
    (total,), rows = read(summary), read(details)
    assert set(total) <= set(rows[0])
    assert all(rows[0][name] == total[name] for name in total)
    place = list(rows[0]).index("transcriptions")
    assert list(rows[0])[place : place + 4] == SEED_DETAILS
    assert [row["transcriptions"] for row in rows] == ["sí", ""]
    assert [row["original_text"] for row in rows] == ["¡Sí!", "no"]
    assert [row["normalized_text"] for row in rows] == ["sí", "no"]
    assert [row["utterance_wer"] for row in rows] == ["0.0", "100.0"]


def test_failed_empty_and_unreferenced_utterances_can_be_told_apart(tmp_path: Path) -> None:
    _, details = write_results(tmp_path, "job", [scored_run(("sí", None), ("sí", ""), (None, "sí"))])
    failed, empty, unreferenced = read(details)
    assert (failed["status"], failed["error"], failed["utterance_wer"]) == ("failed", "out_of_memory", "")
    assert (empty["status"], empty["error"], empty["utterance_wer"]) == ("scored", "", "100.0")
    assert (unreferenced["status"], unreferenced["utterance_deletions"]) == ("no_reference", "")


def test_several_models_share_a_job(tmp_path: Path) -> None:
    runs = [scored_run(("sí", "sí"), model="a"), scored_run(("sí", "no"), ("no", "no"), model="b")]
    summary, details = write_results(tmp_path, "job", runs)
    assert [row["model_id"] for row in read(summary)] == ["a", "b"]
    assert [row["model_id"] for row in read(details)] == ["a", "b", "b"]


def test_an_undefined_rate_is_an_empty_cell(tmp_path: Path) -> None:
    summary, _ = write_results(tmp_path, "job", [scored_run((None, "sí"))])
    assert read(summary)[0]["wer"] == ""


@settings(max_examples=50, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
    | st.text(alphabet="\"'\n\r;,\t ñ¿😂\u2028=@", min_size=1, max_size=30)
)
def test_every_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    _, details = write_results(tmp_path_factory.mktemp("export"), "job", [scored_run((text, text), ("sí", "sí"))])
    rows = read(details)
    assert [row["original_text"] for row in rows] == [text, "sí"]
    assert [row["transcriptions"] for row in rows] == [text, "sí"]


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_results(tmp_path / "one", "job", [scored_run(("uno dos", "uno"))])
    second = write_results(tmp_path / "two", "job", [scored_run(("uno dos", "uno"))])
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("job_id", ["", "../up", "a/b", "a\\b", "line\nbreak", "x" * 300, "c:d"])
def test_a_job_id_that_is_no_file_name_is_refused(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(InputError, match="job id"):
        write_results(tmp_path, job_id, [scored_run(("sí", "sí"))])
    assert not list(tmp_path.iterdir())


def test_a_job_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results"):
        write_results(tmp_path, "job", [])
