"""A model by its hub id, through the real ``snapshot_download`` and a stand-in for the hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import Files, Hub, serving
from tiny_ctc import make_mms
from tiny_whisper import make_whisper

from acento.core.errors import ModelError, TransientError
from acento.core.settings import settings
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve

ID = "owner/tiny"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return read(make_whisper(tmp_path_factory.mktemp("first")))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return read(make_whisper(tmp_path_factory.mktemp("second"), seed=5))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tmp_path / "hf", monkeypatch) as hub:
        yield hub


def read(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_commit_is_recorded_when_no_revision_is_named(hub: Hub, first: Files) -> None:
    repo = hub.repo(ID, first)
    found = resolve(ID)
    assert (found.id, found.revision, found.family.name) == (ID, repo.refs["main"], "whisper")
    assert (found.folder / "model.safetensors").read_bytes() == first["model.safetensors"]


def test_a_revision_is_a_branch_a_tag_or_a_commit_and_brings_its_own_bytes(
    hub: Hub, first: Files, second: Files
) -> None:
    repo = hub.repo(ID, first)
    old = repo.refs["main"]
    new = repo.commit(second, "main", "v2", "feature/x")
    for revision, commit, files in ((old, old, first), ("v2", new, second), ("feature/x", new, second)):
        found = resolve(ID, revision)
        assert found.revision == commit
        assert (found.folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert resolve(f"{ID}@v2") == resolve(ID)
    assert resolve(ID, old).digest != resolve(ID, new).digest


def test_only_what_loading_reads_is_downloaded(hub: Hub, first: Files) -> None:
    hub.repo(
        ID,
        {
            **first,
            "pytorch_model.bin": b"pickle",
            "modeling_x.py": b"raise SystemExit",
            "a/b.wav": b"x",
            "consolidated.safetensors": b"x",
        },
    )
    assert not {"pytorch_model.bin", "modeling_x.py", "a", "consolidated.safetensors"} & {
        path.name for path in resolve(ID).folder.iterdir()
    }


def test_of_a_thousand_languages_the_one_that_is_asked_for_is_downloaded_when_it_is_loaded(
    hub: Hub, tmp_path: Path
) -> None:
    files = read(make_mms(tmp_path / "mms"))
    del files["adapter.eng.safetensors"]
    hub.repo(ID, files)
    found = resolve(ID)
    assert not list(found.folder.glob("adapter.*"))
    found.family.load(found.folder, DecodeOptions(language="es")).close()
    assert [path.name for path in found.folder.glob("adapter.*")] == ["adapter.spa.safetensors"]
    with pytest.raises(ModelError, match=r"has no adapter\.eng\.safetensors"):
        found.family.load(found.folder, DecodeOptions(language="en"))


def test_a_language_that_is_not_here_needs_the_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo(ID, read(make_mms(tmp_path / "mms")))
    found = resolve(ID)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
    hub.fail("adapter", 503, times=100)
    with pytest.raises(TransientError, match="hub"):
        found.family.load(found.folder, DecodeOptions(language="es"))


def test_a_private_model_needs_a_token_that_may_read_it(
    hub: Hub, first: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repo(ID, first, private=True, readers={"hf_mine"})
    hub.tokens["hf_other"] = "stranger"
    for token in (None, "hf_other"):
        set_token(monkeypatch, token)
        with pytest.raises(ModelError, match=r"There is no model 'owner/tiny': .* \(a private one needs HF_TOKEN\)"):
            resolve(ID)
    set_token(monkeypatch, "hf_mine")
    assert resolve(ID).revision


def test_a_gated_model_needs_its_terms_accepted(hub: Hub, first: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo(ID, first, gated=True, readers={"hf_mine"})
    hub.tokens["hf_other"] = "stranger"
    for token in (None, "hf_other"):
        set_token(monkeypatch, token)
        with pytest.raises(ModelError, match=r"owner/tiny is gated: accept its terms on the hub, then set HF_TOKEN"):
            resolve(ID)
    set_token(monkeypatch, "hf_mine")
    assert resolve(ID).revision


def test_a_token_that_the_hub_never_gave_is_said_to_be_refused_and_is_not_shown(
    hub: Hub, first: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repo(ID, first)
    set_token(monkeypatch, "hf_secret")
    with pytest.raises(ModelError, match="hub refuses the token; set HF_TOKEN to one") as caught:
        resolve(ID)
    assert "hf_secret" not in str(caught.value)


def test_a_revision_that_is_not_there_is_said_to_be(hub: Hub, first: Files) -> None:
    hub.repo(ID, first)
    for revision in ("v9", "0" * 40):
        with pytest.raises(ModelError, match=f"owner/tiny has no revision '{revision}' on the Hugging Face hub"):
            resolve(ID, revision)


@pytest.mark.parametrize("name", ["owner/ti ny", "owner/-tiny-", "own\ner/ñ", "owner/" + "x" * 200])
def test_a_name_that_no_model_can_have_is_refused_before_the_hub_is_asked(hub: Hub, name: str) -> None:
    with pytest.raises(ModelError, match="is no id of the Hugging Face hub"):
        resolve(name)
    assert not hub.asked


def test_a_model_without_weights_is_refused(hub: Hub, first: Files) -> None:
    hub.repo(ID, {"config.json": first["config.json"], "model.onnx": b"x"})
    with pytest.raises(ModelError, match="owner/tiny has no weights"):
        resolve(ID)


def test_an_empty_model_is_refused(hub: Hub) -> None:
    hub.repo(ID, {"README.md": b"nothing yet"})
    with pytest.raises(ModelError, match="owner/tiny has no config"):
        resolve(ID)


def test_a_copy_is_used_when_the_hub_goes_away(hub: Hub, first: Files) -> None:
    hub.repo(ID, first)
    before = resolve(ID)
    hub.stop()
    assert resolve(ID) == before


def test_a_commit_that_is_in_the_cache_needs_no_network(hub: Hub, first: Files) -> None:
    commit = hub.repo(ID, first).refs["main"]
    resolve(ID)
    hub.asked.clear()
    assert resolve(ID, commit).revision == commit
    assert not hub.asked


def test_offline_a_copy_is_used(hub: Hub, first: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo(ID, first)
    before = resolve(ID)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert resolve(ID) == before
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set and no copy is in its cache"):
        resolve(ID, "v2")


def test_a_hub_that_is_not_there_or_ill_may_be_well_later(hub: Hub, first: Files) -> None:
    hub.repo(ID, first)
    hub.fail("/api/models", 503)
    with pytest.raises(TransientError, match=r"answers with an error \(503\)"):
        resolve(ID)
    assert resolve(ID).revision
    hub.stop()
    with pytest.raises(TransientError, match="the Hugging Face hub does not answer"):
        resolve("owner/other")


def test_a_download_that_is_cut_short_is_never_taken_for_a_whole_one(
    hub: Hub, first: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    files = {**first, "model.safetensors": first["model.safetensors"] + b" " * (1 << 17)}
    commit = hub.repo(ID, files).refs["main"]
    hub.fail("/lfs/", "cut", times=100)
    for revision in (None, commit):
        with pytest.raises(TransientError):
            resolve(ID, revision)
    hub.heal()
    assert (resolve(ID).folder / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_what_was_left_of_a_cut_download_is_no_copy(hub: Hub, first: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    hub.repo(ID, first)
    hub.fail("/model.safetensors", 500, times=100)
    hub.fail("/lfs/", "cut", times=100)
    with pytest.raises(TransientError):
        resolve(ID)
    hub.stop()
    with pytest.raises(TransientError, match="no copy is in its cache"):
        resolve(ID)


def set_token(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    settings.cache_clear()
