"""``acento draft`` beside a real Prefect server: a list to review, worst first, and what a person decided on it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from commands import acento, api, is_one_sentence, newest_run
from servers import PrefectServer

from acento.core.audio.recording import decode
from acento.data.demo import demo_clips, wav_bytes

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a recording of three sentences, and one that is damaged."""
    root = tmp_path_factory.mktemp("draft")
    (root / "radio").mkdir()
    pause = np.zeros(16_000, np.int16)
    samples = np.concatenate([part for clip in demo_clips()[:3] for part in (pause, decode(wav_bytes(clip)), pause)])
    soundfile.write(root / "radio" / "monday.flac", samples, 16_000)
    (root / "radio" / "broken.flac").write_bytes((root / "radio" / "monday.flac").read_bytes()[:9000])
    return root


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def facts(stdout: str) -> dict[str, str]:
    return {line[:11].strip(): line[11:].strip() for line in stdout.splitlines()}


def markdown(server: PrefectServer, run: Any) -> str:
    found = api(server, "artifacts", artifacts={"flow_run_id": {"any_": [run["id"]]}})
    return "\n".join(str(one["data"]) for one in found)


def test_recordings_become_a_list_and_what_is_marked_a_data_set(prefect_server: PrefectServer, folder: Path) -> None:
    made = acento(
        prefect_server, folder, "draft", "radio", "--name", "radio", "-m", "demo:whisper-mini", "--language", "es"
    )
    assert made.returncode == 1, made.stderr  # one file has failed
    assert "broken.flac failed." in made.stderr
    assert "acento draft --name radio --reviewed radio-review.csv" in made.stdout
    path = folder / "radio-review.csv"
    rows = rows_of(path)
    assert len(rows) >= 3
    sure = [float(row["confidence"]) for row in rows]
    assert sure == sorted(sure)
    assert f"| utterances | {len(rows)} |" in markdown(prefect_server, newest_run(prefect_server, "draft"))
    rows[0] |= {"action": "correct", "new_text": "luis ha trabajado"}
    rows[1]["action"] = "keep"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, rows[0], delimiter=";")
        table.writeheader()
        table.writerows(rows)
    done = acento(prefect_server, folder, "draft", "--name", "radio", "--reviewed", "radio-review.csv")
    assert done.returncode == 0, done.stderr
    said = facts(done.stdout)
    assert said["reviewed"] == f"kept 1, corrected 1, dropped 0, accepted 0, not reviewed {len(rows) - 2}"
    assert (said["data set"], said["staged now"]) == ("radio v1", "2")
    shown = acento(prefect_server, folder, "datasets", "show", "radio")
    assert "not_reviewed" in shown.stdout
    again = acento(prefect_server, folder, "draft", "--name", "radio", "--reviewed", "radio-review.csv")
    assert "radio v1 (cached: nothing new)" in again.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("radio", "--reviewed", "x.csv"), "not both"),
        (("nowhere",), "nowhere"),
        (("--reviewed", "none.csv"), "none.csv"),
        (("radio", "--out", "radio"), "is a folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    prefect_server: PrefectServer, folder: Path, options: tuple[str, ...], sentence: str
) -> None:
    done = acento(prefect_server, folder, "draft", "--name", "other", *options)
    is_one_sentence(done, sentence)
