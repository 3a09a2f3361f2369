"""Benchmarks by beams and with second tries, from what was asked to what is on the board."""

from pathlib import Path

import pytest
from benchmarked import asked
from staged import staged
from tiny_ctc import make_ctc
from tiny_whisper import make_whisper

import acento
from acento.api.benchmarking import plan_benchmark, run_benchmark
from acento.core.errors import InputError, ModelError
from acento.core.store import LocalStore
from acento.inference.benchmark import jobs, predictions
from acento.inference.predictions import digest
from acento.registry.runs.leaderboards import leaderboard
from infra.compute import InlineCompute

TEMPERATURES = "0,0.4,0.8"


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_whisper(tmp_path_factory.mktemp("whisper") / "m", window_s=2, seed=2))


def test_beams_and_temperatures_are_in_the_jobs_and_make_others_of_them(in_parts: LocalStore, whisper: str) -> None:
    def planned(**told: object) -> tuple[str, ...]:
        (what,) = plan_benchmark(in_parts, asked(whisper, **told)).transcriptions
        made = jobs(in_parts, what)
        assert {job.options.beam_size for job in made} == {told.get("beam_size", 1)}
        assert {job.options.temperatures for job in made} == {(0.0, 0.4, 0.8) if "temperatures" in told else ()}
        return tuple(job.key for job in made)

    ways = [{}, {"beam_size": 2}, {"temperatures": TEMPERATURES}, {"beam_size": 2, "temperatures": TEMPERATURES}]
    assert len({planned(**way) for way in ways}) == len(ways)
    assert planned() == planned(beam_size=1)


@pytest.mark.slow
def test_drawn_texts_are_the_same_whatever_workers_and_batches(
    whisper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.families.whisper.fallback.LEAST_LIKELY", -0.42)
    digests = set()
    for number, (workers, batch) in enumerate([(1, 2), (3, 2), (1, 6)]):
        other = LocalStore(tmp_path / f"store{number}")
        staged(other, tmp_path / "clips", 6)
        request = asked(whisper, temperatures=TEMPERATURES, gpu_batch_size=batch)
        (what,) = plan_benchmark(other, request).transcriptions
        list(InlineCompute(other).run(jobs(other, what), workers=workers))
        digests.add(digest(predictions(other, what)))
    assert len(digests) == 1


@pytest.mark.slow
def test_greedy_and_by_beams_a_model_is_on_the_board_twice(in_parts: LocalStore, whisper: str) -> None:
    run_benchmark(in_parts, asked(whisper))
    run_benchmark(in_parts, asked(whisper, beam_size=3))
    run_benchmark(in_parts, asked(whisper, beam_size=3))
    (board,) = leaderboard(in_parts).boards
    assert {row.label for row in board.rows} == {whisper, f"{whisper} (3 beams)"}
    assert [row.rtfx_comparable for row in board.rows].count(True) == 1
    assert {row["decoding"] for row in leaderboard(in_parts).to_rows()} == {None, "3 beams"}


def test_a_family_that_does_not_search_is_left_out_with_the_reason(
    in_parts: LocalStore, whisper: str, tmp_path: Path
) -> None:
    ctc = str(make_ctc(tmp_path / "ctc"))
    finished = run_benchmark(in_parts, asked(ctc, whisper, beam_size=2))
    assert "Only a Whisper searches by beams" in finished.leaderboard.left_out[ctc]
    with pytest.raises(InputError, match="does not compute in int8"):
        run_benchmark(in_parts, asked(ctc, dtype="int8"))


def test_a_loaded_model_searches_and_says_what_it_cannot(whisper: str, tmp_path: Path) -> None:
    with acento.load_model(whisper, language="es", beam_size=3, temperatures=[0, 0.5]) as model:
        assert (model.options.beam_size, model.options.temperatures) == (3, (0.0, 0.5))
    with pytest.raises(InputError, match="Temperatures are numbers"):
        acento.load_model(whisper, temperatures="hot")
    with pytest.raises(InputError, match="beam_size must be at least 1; got 0"):
        acento.load_model(whisper, beam_size=0)
    with pytest.raises(InputError, match="begin the temperatures with 0"):
        acento.load_model(whisper, beam_size=2, temperatures=[0.5])
    with pytest.raises(ModelError, match="leave out the beam size"):
        acento.load_model(str(make_ctc(tmp_path / "ctc")), beam_size=2)
