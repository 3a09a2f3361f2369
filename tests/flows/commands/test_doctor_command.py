"""``acento validate --doctor`` beside a real Prefect server, and its findings given to ``acento datasets mend``."""

import csv
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands import acento
from made_up import clip, good, make_set
from servers import PrefectServer
from tiny_whisper import make_whisper

from acento.core.store import LocalStore
from acento.data.dataset import load_card, read_clips

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with two base models, and a store with a data set one of whose texts is in another script."""
    root = tmp_path_factory.mktemp("doctor")
    make_whisper(root / "tiny")
    make_whisper(root / "english", multilingual=False)
    store = LocalStore(root / "store")
    make_set(store, [[*good(), clip(20, "test", text="добрый день, как вы поживаете")]], "bad")
    make_set(store, [good()], "good")
    make_set(store, [[clip(n, text=None) for n in range(3)]], "untold")
    return root


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Copy it, so that each test has a store of its own."""
    return shutil.copytree(prepared, tmp_path / "work")


def printed(done: subprocess.CompletedProcess[str], name: str) -> str:
    """Return a fact that a command printed."""
    found = re.search(rf"^{name} +(.+)$", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return found[1]


def artifacts(server: PrefectServer, key: str) -> list[dict[str, Any]]:
    """Return the artifacts that the server keeps under a key."""
    body = {"artifacts": {"key": {"any_": [key]}}}
    found: list[dict[str, Any]] = (
        httpx.post(f"{server.url}/artifacts/filter", json=body, timeout=30).raise_for_status().json()
    )
    return found


def test_the_findings_of_a_failed_set_are_shown_and_mend_it(prefect_server: PrefectServer, folder: Path) -> None:
    done = acento(prefect_server, folder, "validate", "bad", "--doctor", "tiny")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Data set bad v1 failed validation")
    assert printed(done, "doctor").endswith("tiny")
    assert "c20" in Path(printed(done, "listen")).read_text(encoding="utf-8")
    findings = Path(printed(done, "decide"))
    with findings.open(encoding="utf-8", newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    assert "wrong_language" in found["c20"]["kinds"]
    assert printed(done, "findings") == f"{len(found)} of 11 clips"
    assert "datasets mend bad --from findings.csv" in artifacts(prefect_server, "doctor-bad-1")[0]["data"]

    again = acento(prefect_server, folder, "validate", "bad", "--doctor", "tiny")
    assert "(cached: examined before)" in printed(again, "doctor")

    decided = folder / "decided.csv"
    decided.write_text("id,suggested_action,new_text\nc20,mend,buen día y cómo están\n", encoding="utf-8")
    mended = acento(prefect_server, folder, "datasets", "mend", "bad", "--from", "decided.csv")
    assert mended.returncode == 0, mended.stderr
    assert printed(mended, "data set") == "bad v2"
    store = LocalStore(folder / "store")
    texts = {row.utterance.id: row.utterance.text for row in read_clips(store, load_card(store, "bad"))}
    assert (len(texts), texts["c20"]) == (11, "buen día y cómo están")
    assert acento(prefect_server, folder, "validate", "bad").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("good", "--doctor"), 2, "'--doctor' requires an argument"),
        (("good", "--language", "es"), 2, "the models of --model and --doctor, and none is named"),
        (("good", "--doctor", "nope"), 1, "There is no model folder nope"),
        (("good", "--doctor", "english"), 1, "English-only and cannot be told language 'es'"),
        (
            ("good", "--doctor", "tiny", "--language", "de"),
            1,
            "does not know language 'de' (German); it knows en, es, sv",
        ),
        (("untold", "--doctor", "tiny"), 1, "Data set untold v1 has no reference text"),
    ],
)
def test_a_doctor_that_cannot_begin_says_why_in_one_sentence(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    done = acento(prefect_server, folder, "validate", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert sentence in re.sub(r"[\s│]+", " ", done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    assert not list((folder / "store" / "doctor").glob("*"))
