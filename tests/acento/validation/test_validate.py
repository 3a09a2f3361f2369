"""Each check finds what it is for, names the clips at fault, and leaves the others alone; the verdict is kept."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from faults import killed_at_every_write, tree
from made_up import clip, good, make_set, speech
from tiny_whisper import make_whisper

from acento.core.errors import InputError
from acento.core.store import LocalStore
from acento.data.dataset import Card
from acento.data.utterance import SCHEMA
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.resolver import resolve
from acento.validation.suite import DEFAULT_SUITE, load_suite
from acento.validation.validate import validate
from acento.validation.verdict import InvalidDataError, ValidationVerdict, latest_verdict, require_valid


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Make a Whisper with a window of 4 s and labels of at most 40 tokens, one for each letter."""
    return resolve(str(make_whisper(tmp_path_factory.mktemp("model") / "tiny")))


def flac(samples: np.ndarray, rate: int, folder: Path) -> dict[str, Any]:
    soundfile.write(folder / "clip.flac", samples, rate)
    return {"bytes": (folder / "clip.flac").read_bytes(), "path": None}


def faulty(folder: Path) -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    """Return clips that each have one thing wrong, and for each check the ids that it has to find."""
    rows: list[dict[str, Any]] = []
    at_fault: dict[str, set[str]] = {}

    def add(seed: int, *checks: str, samples: np.ndarray | None = None, **facts: Any) -> None:
        rows.append(clip(seed, samples=samples, **facts))
        for check in checks:
            at_fault.setdefault(check, set()).add(rows[-1]["id"])

    add(20, "unique-ids")
    add(20, "unique-ids", text="otra frase dicha con la misma voz")
    add(21, "split-names", split="validation")
    add(22, "audio-readable", audio={"bytes": clip(22)["audio"]["bytes"][:200], "path": None})
    add(23, "audio-readable", audio={"bytes": None, "path": None})
    add(24, "sample-rate", audio=flac(speech(24)[::2], 8_000, folder))
    add(25, "length", duration_s=2.5)
    add(26, "duration", "usual-duration", samples=speech(26, 0.05), text="a")
    add(27, "usual-duration", samples=speech(27, 0.4), text="sí, claro")
    add(28, "clipping", "some-clipping", "level", samples=30 * speech(28))
    add(29, "some-clipping", samples=5.02 * speech(29))
    add(30, "silence", "some-silence", "noise", samples=speech(30, 4, noise=0) * (np.arange(64_000) < 1_600))
    add(31, "some-silence", samples=speech(31, 4) * (np.arange(64_000) < 24_000))
    add(32, "level", samples=0.01 * speech(32))
    add(33, "noise", samples=speech(33, noise=0.1))
    add(34, "text", text=None)
    add(35, "text", text="… ¿?")
    add(36, "possible-rate", "usual-rate", text="palabra " * 20)
    add(37, "usual-rate", text="sí no")
    add(38, "script", "one-script", text="добрый день, как вы поживаете")
    add(39, "one-script", text="una cаsа de mаderа muy grаnde")  # its vowels are Cyrillic
    add(40, "audio-in-one-split")
    add(41, "audio-in-one-split", samples=speech(40), split="test")
    add(42, text="La misma frase, leída dos veces.")
    add(43, "prompts-apart", split="test", text="la misma frase leída dos veces")
    add(44, speaker="Ana")
    add(45, "speakers-apart", split="dev", speaker="Ana")
    add(46, "label-length", text="abcdefghi jabcdefghi jabcdefghi jabcdef")
    add(47, text="abcdefghi jabcdefghi jabcdefghi abcd")  # 36 letters and 4 marks: 40 tokens
    add(48, "model-window", samples=speech(48, 4.5), text="abcdefghi jabcdefghi jabc")
    return rows, at_fault


@dataclass(frozen=True)
class Judged:
    """A verdict, and what it was to find."""

    store: LocalStore
    verdict: ValidationVerdict
    at_fault: dict[str, set[str]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, model: Checkpoint) -> Judged:
    """Judge a data set with every fault in it, for a model with small limits."""
    folder = tmp_path_factory.mktemp("faults")
    store = LocalStore(folder / "store")
    rows, at_fault = faulty(folder)
    card = make_set(store, [good(), rows])
    return Judged(store, validate(store, card, model=model).verdict, at_fault)


@pytest.mark.parametrize("check", [check.name for check in load_suite().checks])
def test_a_check_finds_its_clips_and_no_other(judged: Judged, check: str) -> None:
    (found,) = [one for one in judged.verdict.checks if one.name == check]
    wanted = judged.at_fault.get(check, set())
    if check == "label-length":  # of this model, texts with more than 36 letters and spaces
        assert wanted <= set(found.examples)
        assert "c47" not in found.examples
        return
    assert set(found.examples) == wanted
    assert found.ok == (not wanted)
    assert found.unexpected == len(found.examples)


def test_rows_name_every_clip_at_fault_with_its_value_and_source(judged: Judged) -> None:
    with judged.store.local_path(judged.verdict.key, "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["check"], row["id"]) for row in rows} >= {(c, i) for c, ids in judged.at_fault.items() for i in ids}
    (long,) = [row for row in rows if row["check"] == "model-window"]
    assert long == {
        "id": "c48",
        "check": "model-window",
        "severity": "warning",
        "value": "4.5",
        "split": "train",
        "source": "c48.wav",
    }


def test_the_page_shows_the_clips_and_refers_to_nothing_outside(judged: Judged) -> None:
    folder = judged.store.local_path(judged.verdict.key, "index.html").parent
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(https?:)?//\w", text), path
        assert "@import" not in text
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'(?:href|src)="([^"]*)"', html)) == {"rows.csv", "suite.yaml"}
    assert "default-src 'none'" in html
    assert html.count("<svg") == 8
    assert "c48" in html
    assert "failed" in html


def test_what_comes_from_the_data_cannot_be_markup(store: LocalStore) -> None:
    rows = [*good(), clip(20, id="<script>alert(1)</script>", text="", split="<b>")]
    verdict = validate(store, make_set(store, [rows])).verdict
    html = store.local_path(verdict.key, "index.html").read_text(encoding="utf-8")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<b></text>" not in html


def test_a_set_with_nothing_wrong_passes_without_a_warning(store: LocalStore) -> None:
    verdict = validate(store, make_set(store, [good(0, 5), good(5, 5)])).verdict
    assert [check.name for check in verdict.checks if not check.ok] == []
    assert verdict.passed
    assert verdict.left_out == ("label-length", "model-window")


@pytest.mark.slow
def test_a_set_for_benchmarks_alone_passes_and_one_without_test_clips_does_not(store: LocalStore) -> None:
    only_test = validate(store, make_set(store, [[clip(n, "test") for n in range(4)]], "one")).verdict
    assert only_test.passed
    assert [check.name for check in only_test.warnings] == ["train-and-dev-splits"]
    assert only_test.warnings[0].sentence == (
        "Fine-tuning needs train and dev clips, and the data set is without dev, train; stage with --split-by or add "
        "some."
    )
    without = validate(store, make_set(store, [[clip(n, "train") for n in range(4)]], "two")).verdict
    assert [check.name for check in without.errors] == ["test-split"]
    assert without.errors[0].sentence == "The test split is empty; stage with --split-by or add test clips."


def test_parts_that_lack_a_column_or_have_another_type_are_named(store: LocalStore) -> None:
    schema = SCHEMA.remove(SCHEMA.get_field_index("accent"))
    schema = schema.set(schema.get_field_index("speaker"), pa.field("speaker", pa.large_string()))
    card = make_set(store, [good()], schema=schema)
    (schema_check,) = [check for check in validate(store, card).verdict.checks if check.name == "schema"]
    assert schema_check.unexpected == 10
    assert set(schema_check.values) == {"speaker, accent"}


def changed(path: Path, old: str, new: str) -> Path:
    text = DEFAULT_SUITE.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_users_copy_changes_a_bound_a_severity_and_a_share(store: LocalStore, tmp_path: Path) -> None:
    rows = [*good(), clip(20, text=None), clip(21, samples=speech(21, 0.4), text="sí, claro")]
    card = make_set(store, [rows])
    assert not validate(store, card).verdict.passed
    text = "column: letters, min_value: 1}\n    severity: error"
    lenient = validate(store, card, changed(tmp_path / "a.yaml", text, text.replace("error", "warning"))).verdict
    assert lenient.passed
    assert {"text", "usual-duration"} <= {check.name for check in lenient.warnings}
    strict = validate(store, card, changed(tmp_path / "b.yaml", "min_value: 0.1, max_value: 3600", "min_value: 0.5"))
    (duration,) = [check for check in strict.verdict.checks if check.name == "duration"]
    assert (duration.ok, duration.examples) == (False, ("c21",))
    some = changed(tmp_path / "c.yaml", "column: letters, min_value: 1}", "column: letters, min_value: 1, mostly: 0.9}")
    (text_check,) = [check for check in validate(store, card, some).verdict.checks if check.name == "text"]
    assert (text_check.ok, text_check.unexpected) == (True, 1)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: default", "name: [", "is not YAML"),
        ("checks:", "tests:", "checks: Field required"),
        ("severity: error", "severity: fatal", "check schema, severity: Input should be 'error' or 'warning'"),
        ("name: unique-ids", "name: schema", "more than one check called schema"),
        (
            "expect_column_values_to_be_unique",
            "expect_column_values_to_be_nice",
            "has no expect_column_values_to_be_nice",
        ),
        ("{column: id}", "{column: uid}", "there is no column 'uid'; there is id, duration_s"),
        ("{column: id}", "{}", "cannot have these arguments (column: field required)"),
        ("max_value: 3600}", "max_valeu: 3600}", "cannot have these arguments (max_valeu: extra fields not permitted)"),
        ("min_value: 0.1, max", "min_value: little, max", "check duration"),
        ("max_value: {$PARAMETER: window_s}", "max_value: {$PARAMETER: window}", "no model has a limit 'window'"),
        (
            "column: letters, min_value: 1}",
            "column: text, max_value: 1}",
            "Check text (expect_column_values_to_be_between)",
        ),
    ],
)
def test_a_bad_suite_is_one_sentence(store: LocalStore, tmp_path: Path, old: str, new: str, sentence: str) -> None:
    card = make_set(store, [good(0, 2)])
    with pytest.raises(InputError) as error:
        validate(store, card, changed(tmp_path / "bad.yaml", old, new))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read (No such file"), (b"\xff\xfe", "is not UTF-8"), (b"", "needs `name:` and `checks:`")],
)
def test_a_suite_that_is_no_file_is_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "suite.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(sentence)):
        load_suite(path)


@pytest.mark.slow
def test_the_same_again_is_found_and_another_model_suite_or_version_is_not(
    store: LocalStore, model: Checkpoint, tmp_path: Path
) -> None:
    card = make_set(store, [good()])
    first = validate(store, card)
    again = validate(store, card)
    assert (first.cached, again.cached) == (False, True)
    assert again.verdict == first.verdict
    comments = changed(tmp_path / "same.yaml", "  # The manifest", "  # Its rows")
    assert validate(store, card, comments).cached
    assert not validate(store, card, model=model).cached
    assert not validate(store, card, changed(tmp_path / "other.yaml", "min_value: -45", "min_value: -50")).cached
    assert not validate(store, make_set(store, [good(), good(10, 5)], version=2)).cached


@pytest.mark.slow
def test_a_set_that_failed_is_used_only_when_allowed_and_the_last_validation_counts(
    store: LocalStore, tmp_path: Path
) -> None:
    card = make_set(store, [[*good(), clip(20, text=None)]])
    assert require_valid(store, card) == "not validated"
    failed = validate(store, card).verdict
    with pytest.raises(InvalidDataError) as error:
        require_valid(store, card)
    assert error.value.key == failed.key
    for words in ("made-up v1 failed validation", "text: ", "(c20)", "--allow-invalid"):
        assert words in str(error.value)
    assert require_valid(store, card, allow_invalid=True) == "failed, used all the same"
    text = "column: letters, min_value: 1}\n    severity: error"
    lenient = changed(tmp_path / "a.yaml", text, text.replace("error", "warning"))
    validate(store, card, lenient)
    assert require_valid(store, card) == "passed"
    validate(store, card)
    assert latest_verdict(store, card) == failed
    newer = make_set(store, [good()], version=2)
    assert require_valid(store, newer) == "not validated"


@pytest.mark.slow
def test_killed_at_any_write_and_run_again_it_ends_as_one_that_never_was(tmp_path: Path) -> None:
    card: Card = make_set(LocalStore(tmp_path / "prepared"), [good(0, 2), [clip(2, text=None)]])
    numbers: Iterator[int] = iter(range(1000))

    def make_root() -> Path:
        return shutil.copytree(tmp_path / "prepared", tmp_path / f"store{next(numbers)}")

    def run(root: Path) -> None:
        validate(LocalStore(root), card, workers=0)

    def what_it_left(root: Path) -> dict[str, str]:
        found = tree(root)
        notes = [name for name in found if name.startswith("verdicts/") and name.endswith(".json")]
        assert len(notes) == 1
        note = json.loads((root / notes[0]).read_text())
        return {**{name: d for name, d in found.items() if name not in notes}, "note": note["validation"]}

    straight = make_root()
    run(straight)  # also imports, which a forked child cannot do beside threads
    for where, root in killed_at_every_write(run, make_root):
        assert what_it_left(root) == what_it_left(straight), where
        shutil.rmtree(root)


@pytest.mark.slow
def test_its_library_leaves_spark_alone() -> None:
    # where Spark's client part lacks a package it ends a process that was started by `python -c`
    code = (
        "import sys; from acento.validation.checking import great_expectations; great_expectations();"
        "print([name for name in sys.modules if name.partition('.')[0] == 'pyspark'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
