"""What windows a version is used with: what it was taught, unless the gate's last answer refused that."""

import time
from pathlib import Path

import pytest
from evidence_tables import evidence
from hollow_whisper import hollow_whisper
from registered import registered

from acento.core.errors import DamagedError, InputError
from acento.core.store import LocalStore
from acento.core.store.upkeep.garbage import find_garbage
from acento.core.store.upkeep.usage import survey
from acento.models.checkpoints.resolver import resolve
from acento.models.windows import Fit
from acento.registry.gate.windows import WindowVerdict, decide_windows, keep_verdict, window_verdict
from acento.registry.model_version import ModelVersion, export_key
from acento.registry.versions import find_version

FIT = Fit(margin_s=0.5, shortest_s=2.0)
FULL, SHORT = [3, 4, 2, 5] * 10, [1, 2, 1, 2] * 10


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStore:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    return LocalStore(tmp_path / "store")


@pytest.fixture
def taught(store: LocalStore, tmp_path: Path) -> ModelVersion:
    return registered(store, hollow_whisper(tmp_path / "taught", FIT.model_dump()))


def passed(**facts: object) -> WindowVerdict:
    return decide_windows(evidence(FULL, SHORT), fit=FIT, resamples=200).model_copy(update=facts)


def refused(**facts: object) -> WindowVerdict:
    return decide_windows(evidence(SHORT, FULL), fit=FIT, resamples=200).model_copy(update=facts)


def test_a_version_that_was_not_judged_is_used_as_it_was_taught(store: LocalStore, taught: ModelVersion) -> None:
    assert taught.window == FIT
    assert window_verdict(store, taught) is None
    assert not resolve(taught.id).full_only


def test_a_version_that_was_not_taught_has_full_windows_only(store: LocalStore, tmp_path: Path) -> None:
    plain = registered(store, hollow_whisper(tmp_path / "plain"))
    assert plain.window is None
    assert not resolve(plain.id).full_only


def test_a_refusal_is_kept_and_obeyed_from_another_process_on_too(store: LocalStore, taught: ModelVersion) -> None:
    verdict = refused(created="2026-11-29T07:00:00+00:00", runs=("full", "short"))
    digest = resolve(taught.id).digest
    keep_verdict(store, taught, verdict)
    fresh = LocalStore(store.root)
    again = find_version(fresh, taught.title)
    assert window_verdict(fresh, again) == verdict
    assert again.window is None
    found = resolve(taught.id)
    assert found.full_only
    assert found.digest == digest  # the texts with full windows are in the store already
    assert taught.folder_key + "/windows/000001.json" in store.list_files(taught.folder_key + "/windows")


def test_an_export_is_used_as_its_version_is(store: LocalStore, taught: ModelVersion) -> None:
    with store.publish(export_key(taught, "safetensors-float32")) as draft:
        for path in taught.path.iterdir():
            if not path.name.startswith("_"):
                (draft.folder / path.name).write_bytes(path.read_bytes())
    assert not resolve(f"{taught.id}:safetensors-float32").full_only
    keep_verdict(store, taught, refused())
    assert resolve(f"{taught.id}:safetensors-float32").full_only


def test_the_last_answer_holds_and_the_very_same_is_kept_once(store: LocalStore, taught: ModelVersion) -> None:
    first = keep_verdict(store, taught, refused(created="first"))
    assert keep_verdict(store, taught, refused(created="second")) == first
    assert len(list(store.list_files(f"{taught.folder_key}/windows"))) == 1
    keep_verdict(store, taught, passed())
    assert taught.window == FIT
    assert not resolve(taught.id).full_only
    keep_verdict(store, taught, refused())
    assert taught.window is None


def test_an_answer_is_no_garbage(store: LocalStore, taught: ModelVersion) -> None:
    keep_verdict(store, taught, refused())
    collected = find_garbage(store, grace_s=0, now=time.time() + 3600)
    assert not [one.key for one in collected.doomed if one.key.startswith("models/")]
    assert any(key.endswith("windows/000001.json") for group in survey(store).values() for key in group.files)


def test_other_versions_are_not_touched(store: LocalStore, taught: ModelVersion, tmp_path: Path) -> None:
    other = registered(store, hollow_whisper(tmp_path / "other", FIT.model_dump()), seed=1)
    keep_verdict(store, taught, refused())
    assert other.window == FIT


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"passed": "yes"}', b'{"fit": {}}'])
def test_an_answer_that_cannot_be_read_is_said_to_be(store: LocalStore, taught: ModelVersion, data: bytes) -> None:
    assert store.create_exclusive(f"{taught.folder_key}/windows/000001.json", data)
    for ask in (lambda: taught.window, lambda: window_verdict(store, taught), lambda: resolve(taught.id)):
        with pytest.raises(DamagedError, match=r"windows/000001.json in .* cannot be read; remove it"):
            ask()


def test_a_version_without_a_store_has_no_window_to_look_up(taught: ModelVersion) -> None:
    made = ModelVersion(taught.name, taught.version, taught.key, taught.about)
    with pytest.raises(InputError, match="is not in a store yet"):
        _ = made.window
