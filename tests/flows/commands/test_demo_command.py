"""``acento demo``: the whole road, on what ships; and what the shipped models must show."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import PrefectServer

from acento.core.store import LocalStore
from acento.models.checkpoints.resolver import resolve
from acento.registry.card.report import latest_report
from acento.registry.promotion import current
from flows.demo import MODELS

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(prefect_server: PrefectServer, folder: Path) -> str:
    return demo(prefect_server, folder)


def demo(server: PrefectServer, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "demo"],
        cwd=folder,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def scores(folder: Path) -> dict[str, Any]:
    """Return the score of each model of the first run."""
    run = min((folder / ".acento" / "runs").iterdir())
    return {row["entry"]["model"]: row["entry"]["score"] for row in json.loads((run / "entries.json").read_text())}


def test_it_ends_with_a_leaderboard_by_accent_and_says_that_its_speech_is_synthetic(shown: str) -> None:
    for words in ("WER % by accent", "chilean", "neutral", "synthetic"):
        assert words in shown


def test_every_family_that_is_installed_stands_on_one_leaderboard(shown: str, folder: Path) -> None:
    assert shown
    ran = {model for model in MODELS if resolve(model).family.missing() is None}
    assert set(scores(folder)) == ran
    assert {"demo:whisper-mini", "demo:whisper-micro", "demo:moonshine-mini", "demo:parakeet-mini"} <= ran


def test_every_clip_is_accounted_for(shown: str, folder: Path) -> None:
    assert shown
    for score in scores(folder).values():
        assert (score["overall"]["scored"], score["overall"]["failed"]) == (450, 0)
        groups = score["groups"]["accent"]
        assert {accent: group["scored"] for accent, group in groups.items()} == {"chilean": 150, "neutral": 300}


def test_the_larger_model_hears_neutral_speech_and_not_the_accent(shown: str, folder: Path) -> None:
    assert shown
    groups = scores(folder)["demo:whisper-mini"]["groups"]["accent"]
    assert groups["neutral"]["wer"]["value"] < 0.15
    assert groups["chilean"]["wer"]["value"] >= 0.25


def test_the_smaller_model_is_worse(shown: str, folder: Path) -> None:
    assert shown
    found = scores(folder)
    assert (
        found["demo:whisper-micro"]["overall"]["wer"]["value"] > found["demo:whisper-mini"]["overall"]["wer"]["value"]
    )


def test_specialized_it_errs_half_as_much_on_the_accent_and_the_guard_holds(shown: str, folder: Path) -> None:
    assert "is production now" in shown
    store = LocalStore(folder / ".acento")
    production = current(store, "whisper-mini-demo")
    assert production is not None
    report = latest_report(store, production)
    assert report is not None
    assert report.report.gate is not None
    verdict = report.report.gate
    assert verdict.passed
    before, after = verdict.test.incumbent.value, verdict.test.candidate.value
    assert before is not None
    assert after is not None
    assert after <= before / 2
    assert verdict.test.high is not None
    assert verdict.test.high < 0
    (guard,) = verdict.guards
    assert guard.upper is not None
    assert guard.upper <= 0.02
    assert (verdict.test.clips, guard.clips) == (150, 300)


def test_a_second_time_nothing_is_computed_again(shown: str, prefect_server: PrefectServer, folder: Path) -> None:
    assert shown
    before = sorted((folder / ".acento" / "measurements").rglob("*.json"))
    demo(prefect_server, folder)
    assert sorted((folder / ".acento" / "measurements").rglob("*.json")) == before
    assert len(list((folder / ".acento" / "datasets" / "demo").iterdir())) == 1
