"""``acento cross-validate`` beside a real server: every clip tested once, the answer, bad input."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands import acento, api, is_one_sentence, newest_run
from servers import PrefectServer
from staged import staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.registry.versions import versions

pytestmark = pytest.mark.server

FOLDS = ("cross-validate", "-d", "small", "-b", "base", "--threads", "1", "--learning-rate", "1e-3", "--epochs", "2")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a base model and a store with a data set of three splits."""
    root = tmp_path_factory.mktemp("folds")
    make_whisper(root / "base", seed=4, window_s=2)
    staged_splits(LocalStore(root / "store"), root / "clips")
    return root


def test_every_clip_is_tested_once_by_both_models(prefect_server: PrefectServer, folder: Path) -> None:
    done = acento(prefect_server, folder, *FOLDS, "--folds", "3", "--by", "prompt")
    assert done.returncode == 0, done.stderr
    run = newest_run(prefect_server, "cross-validate")
    assert run["name"] == "3 folds of base on small"
    (file,) = (folder / "store/crossvalidations").glob("*/folds.json")
    report = json.loads(file.read_text())
    assert report["unit"] == "prompt"
    assert [row["clips"] for row in report["rows"]] == [6, 6, 6]
    assert all(row["learned"] + row["dev"] + row["clips"] == 18 for row in report["rows"])
    for name, who in (("base", "base"), ("tuned", "tuned")):
        table = pq.read_table(file.parent / f"{name}.parquet")
        assert len(set(table["id"].to_pylist())) == len(table) == 18
        errors = sum(sum(table[f"word_{kind}"].to_pylist()) for kind in ("substitutions", "insertions", "deletions"))
        words = sum(len(text.split()) for text in table["normalized_reference"].to_pylist())
        assert report[who]["wer"]["value"] == pytest.approx(errors / words), "pooled, and not averaged"
    assert report["delta"] == pytest.approx(report["tuned"]["wer"]["value"] - report["base"]["wer"]["value"])
    assert "3 folds of base on small" in done.stdout
    assert report["sentence"] in done.stdout
    assert "pooled" in done.stdout
    artifacts = {a["key"]: a for a in api(prefect_server, "artifacts", flow_runs={"id": {"any_": [run["id"]]}})}
    assert "| pooled | 18 | 18 |" in artifacts["3-folds-of-base-on-small"]["data"]
    assert not versions(LocalStore(folder / "store")), "the registry is not littered"

    again = acento(prefect_server, folder, *FOLDS, "--folds", "3", "--by", "prompt")
    assert again.stdout == done.stdout
    run = newest_run(prefect_server, "cross-validate")
    tasks = api(prefect_server, "task_runs", flow_runs={"id": {"any_": [run["id"]]}})
    assert [task["state_name"] for task in tasks if task["name"].startswith("finetune")] == ["Cached"] * 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--folds", "3"), "18 clips of 2 groups cannot make 3 folds"),
        (("--folds", "1"), "folds"),
        (("--folds", "2", "--by", "accent"), "by"),
    ],
)
def test_bad_input_gets_one_sentence(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    is_one_sentence(acento(prefect_server, folder, *FOLDS, *arguments), sentence)
