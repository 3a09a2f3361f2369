"""A dry run: what there is to do, how long and how dear; it changes nothing, and a budget refuses before all else."""

import json
from pathlib import Path

import pytest
from scored_runs import L40S, listed_run
from staged import staged
from tiny_whisper import make_whisper

import acento
from acento.api.benchmarking import plan_benchmark
from acento.api.estimating import check_budget, estimate_benchmark
from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.core.prices import shipped_prices
from acento.core.settings import settings
from acento.core.store import LocalStore
from acento.inference.benchmark import jobs, plan_transcription
from acento.inference.predictions import FILE, Prediction, attempt_key, write_predictions
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.devices import Elsewhere, device_name
from acento.registry.runs.expected_speed import expected_speed
from acento.requests import BenchmarkRequest

ELSEWHERE = Elsewhere(gpu="L40S")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LocalStore, str]:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    store = LocalStore(tmp_path / "store")
    staged(store, tmp_path / "clips", 6)
    return store, str(make_whisper(tmp_path / "model"))


def asked(model: str, **more: object) -> BenchmarkRequest:
    return BenchmarkRequest(models=[model], datasets=["demo"], compute="modal", **more)  # type: ignore[arg-type]


def measured(store: LocalStore, model: str, rtfx: float = 10.0, run: str = "before") -> None:
    """Let the model have been measured on an L40S."""
    digest = resolve(model).digest
    entry = listed_run(store, run, model, dataset="other v1", rtfx=rtfx)
    body = [
        {"entry": {**entry.model_dump(mode="json"), "model_hash": digest, "family": "whisper"}, "score": "scores/x"}
    ]
    store.remove(f"runs/{run}")
    with store.publish(f"runs/{run}") as draft:
        (draft.folder / "entries.json").write_text(json.dumps(body))


def everything(store: LocalStore) -> dict[str, float]:
    return {one.key: one.modified for one in store.walk()}


def test_it_counts_the_work_and_changes_nothing(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model)
    before = everything(store)
    found = estimate_benchmark(store, asked(model), ELSEWHERE)
    (work,) = found.work
    assert (work.clips, work.parts, work.parts_done, work.known) == (6, 1, 0, True)
    assert work.audio_hours * 3600 == pytest.approx(sum(0.2 + 0.05 * number for number in range(6)))
    assert everything(store) == before


def test_what_was_measured_is_what_is_expected_and_the_rest_is_a_guess(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model, rtfx=10)
    found = estimate_benchmark(store, asked(model), ELSEWHERE)
    chosen, seconds = found.chosen, found.work[0].audio_hours * 3600
    assert (chosen.device, chosen.basis, chosen.why) == ("L40S", "measured", "measured in 1 run")
    assert chosen.minutes == pytest.approx(seconds / 10 / 60)
    assert chosen.dollars == pytest.approx(seconds / 10 / 3600 * 1.9512)
    others = {one.device: one for one in found.expected if not one.chosen}
    assert {"T4", "L4", "A100-40GB", "A100-80GB", "H100", "H200", "B200"} <= set(others)
    assert {one.basis for one in others.values()} == {"guess"}
    assert others["H200"].minutes == pytest.approx(chosen.minutes * 864 / 4800)
    assert "guess" in found.to_markdown()
    assert "measured in 1 run" in str(found)


def test_parts_in_the_store_are_not_counted_and_repeats_are(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model, rtfx=10)
    once = estimate_benchmark(store, asked(model), ELSEWHERE).chosen.minutes
    assert once is not None
    assert estimate_benchmark(store, asked(model, repeats=3), ELSEWHERE).chosen.minutes == pytest.approx(3 * once)
    options = DecodeOptions(device_type="cuda", dtype="bfloat16", threads=1)
    what = plan_transcription(store, acento.load_dataset("demo").card, resolve(model), split="test", options=options)
    (job,) = jobs(store, what)
    with store.publish(attempt_key(job.key, 1)) as draft:
        write_predictions(draft.folder / FILE, [Prediction(f"c{number:02d}", "uno") for number in range(6)])
    found = estimate_benchmark(store, asked(model), ELSEWHERE)
    assert (found.work[0].parts_done, found.chosen.minutes, found.chosen.dollars) == (1, 0, 0)
    assert found.chosen.why == "all is in the store"
    assert estimate_benchmark(store, asked(model, repeats=3), ELSEWHERE).chosen.minutes == pytest.approx(2 * once)


def test_more_workers_are_quicker_and_cost_the_same(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model)
    one, four = (estimate_benchmark(store, asked(model, num_requests=n), ELSEWHERE).chosen for n in (1, 4))
    assert four.minutes == pytest.approx(one.minutes / 4)
    assert four.dollars == pytest.approx(one.dollars)


def test_a_model_of_the_hub_that_was_not_downloaded_is_not_downloaded(
    place: tuple[LocalStore, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = place

    def download(*_: object) -> None:
        raise AssertionError("something was downloaded")

    monkeypatch.setattr("acento.models.checkpoints.places.download", download)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    found = estimate_benchmark(store, asked("someone/never-seen-whisper"), ELSEWHERE)
    assert (found.work[0].known, found.work[0].clips) == (False, 6)
    assert found.chosen.basis == "unknown"
    assert found.chosen.minutes is None
    assert "?" in str(found)


def test_this_machine_has_no_price_unless_its_owner_gives_one(
    place: tuple[LocalStore, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, model = place
    here = L40S.model_copy(update={"device": device_name("cpu"), "backend": "inline"})
    entry = listed_run(store, "here", model, dataset="other v1", rtfx=2, conditions=here)
    assert entry.model == model
    request = BenchmarkRequest(models=[model], datasets=["demo"], device="cpu", budget=0.5)
    found = expected_speed(
        [entry], shipped_prices(), device_name("cpu"), model=model, model_hash=fingerprint(model), family=None
    )
    assert (found.rtfx, found.basis) == (pytest.approx(2), "measured")
    assert estimate_benchmark(store, request).chosen.dollars is None
    with pytest.raises(InputError, match="cannot be kept, as nobody knows how fast"):
        check_budget(store, request)
    prices = tmp_path / "prices.toml"
    prices.write_text(f'[mine]\nusd_per_hour = 0.1\nper = "core"\ndevices = ["{device_name("cpu")}"]\n')
    monkeypatch.setenv("ACENTO_PRICES", str(prices))
    settings.cache_clear()
    assert estimate_benchmark(store, request).chosen.device == "mine"


def test_a_budget_refuses_before_anything_begins(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model, rtfx=0.001)
    before = everything(store)
    with pytest.raises(
        InputError, match=r"expected to cost \$1\.\d\d on L40S \(measured in 1 run\), more than the budget of \$0\.10"
    ):
        plan_benchmark(store, asked(model, budget=0.1), ELSEWHERE)
    assert everything(store) == before
    check_budget(store, asked(model, budget=5.0), ELSEWHERE)
    planned = plan_benchmark(store, asked(model, budget=5.0), ELSEWHERE)
    assert planned.transcriptions


def test_a_budget_without_a_price_or_a_speed_says_what_is_lacking(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model)
    with pytest.raises(InputError, match=r"budget of \$1\.00 cannot be kept, as nobody knows how fast this is on V100"):
        check_budget(store, asked(model, budget=1.0), Elsewhere(gpu="V100"))


def test_a_job_id_is_taken_up_again_with_another_budget(place: tuple[LocalStore, str]) -> None:
    store, model = place
    measured(store, model)
    first = plan_benchmark(store, asked(model, job_id="mine", budget=5.0), ELSEWHERE)
    assert plan_benchmark(store, asked(model, job_id="mine"), ELSEWHERE).run == first.run
    with pytest.raises(InputError, match="belongs to another request"):
        plan_benchmark(store, asked(model, job_id="mine", repeats=2), ELSEWHERE)


def test_a_request_of_an_older_version_is_taken_up_again(place: tuple[LocalStore, str]) -> None:
    store, model = place
    plan_benchmark(store, asked(model, job_id="old"), ELSEWHERE)
    path = store.root / "requests" / "old.json"
    body = json.loads(path.read_text())
    del body["request"]["repeats"]
    path.write_text(json.dumps(body))
    assert plan_benchmark(store, asked(model, job_id="old"), ELSEWHERE).run == "old"
