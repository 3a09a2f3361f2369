"""A fine-tuning planned: what it is made of, and what cannot be trained, said at once."""

from pathlib import Path

import pytest
from fake_recognizer import FAKE, fake_model
from tiny_whisper import make_whisper
from training_set import training_job, training_set

from acento.core.errors import DataError, InputError, ModelError
from acento.core.store import LocalStore, Store
from acento.data.staging import stage
from acento.models import families
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.training.data.prepared import load_prepared
from acento.training.planning import model_width, plan_finetune
from acento.training.recipe import Recipe


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return LocalStore(tmp_path / "store")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_whisper(tmp_path_factory.mktemp("base") / "m", window_s=2)


def test_a_job_is_small_and_names_all_that_it_needs(store: Store, tmp_path: Path, folder: Path) -> None:
    card = training_set(store, tmp_path / "clips")
    job = training_job(store, card, folder)
    assert len(job.model_dump_json()) < 4096
    assert (job.dataset, job.language, job.train_clips, job.dev_clips, job.left_out) == ("lessons@1", "es", 6, 2, 0)
    assert type(job).model_validate_json(job.model_dump_json()) == job


def test_what_decides_the_weights_is_in_its_name_and_the_registry_is_not(
    store: Store, tmp_path: Path, folder: Path
) -> None:
    card = training_set(store, tmp_path / "clips")
    job = training_job(store, card, folder)
    assert training_job(store, card, folder).fingerprint == job.fingerprint
    others = [
        training_job(store, card, folder, learning_rate=2e-3),
        training_job(store, card, make_whisper(tmp_path / "other", window_s=2, seed=9)),
        job.model_copy(update={"options": DecodeOptions(threads=2)}),
        job.model_copy(update={"train": "prepared/other"}),
    ]
    assert len({job.fingerprint, *(other.fingerprint for other in others)}) == 5
    renamed = job.model_copy(update={"name": "other"})
    assert renamed.fingerprint == job.fingerprint
    assert renamed.result_key != job.result_key


@pytest.mark.parametrize(("counts", "missing"), [({"train": 0}, "train"), ({"dev": 0}, "dev")])
def test_without_a_train_or_a_dev_split_it_says_which(
    store: Store, tmp_path: Path, folder: Path, counts: dict[str, int], missing: str
) -> None:
    card = training_set(store, tmp_path / "clips", **counts)
    with pytest.raises(DataError, match=rf"lessons v1 has no {missing} split .* it has"):
        training_job(store, card, folder)


def test_a_family_that_cannot_be_tuned_names_those_that_can(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(families.FAMILIES, "fake", FAKE)
    card, model = training_set(store, tmp_path / "clips"), fake_model(tmp_path / "fake")
    with pytest.raises(ModelError, match=r"family 'fake' cannot be fine-tuned yet; these can: whisper"):
        training_job(store, card, model)


def test_clips_over_the_window_are_left_out_by_name(store: Store, tmp_path: Path, folder: Path) -> None:
    job = training_job(store, training_set(store, tmp_path / "clips", train=2, dev=1, seconds=1.92), folder)
    assert (job.train_clips, job.dev_clips, job.left_out) == (1, 1, 1)
    (out,) = load_prepared(store, job.train).left_out
    assert ("c02" in out.id, str(out.reason)) == (True, "too_long")


def test_clips_all_over_the_window_are_an_error(store: Store, tmp_path: Path, folder: Path) -> None:
    card = training_set(store, tmp_path / "clips", seconds=2.5)
    with pytest.raises(DataError, match=r"None of the 6 clips in split 'train' .* longer than the model's window"):
        training_job(store, card, folder)


def test_a_text_longer_than_the_decoder_can_write_is_left_out_by_name(
    store: Store, tmp_path: Path, folder: Path
) -> None:
    card = training_set(store, tmp_path / "clips", words=9)  # more than the 36 letters that remain of 40 labels
    with pytest.raises(DataError, match="longer than the model can write"):
        training_job(store, card, folder)


def test_several_languages_must_be_chosen_among(store: Store, tmp_path: Path, folder: Path) -> None:
    clips = tmp_path / "clips"
    training_set(store, clips)
    lists = clips / "train_files.csv"
    lists.write_text(lists.read_text().replace("es-CL", "sv-SE", 1))
    card = stage(store, str(clips), "mixed", workers=0).card
    with pytest.raises(InputError, match="give --language"):
        training_job(store, card, folder)


def test_a_name_that_cannot_be_a_models_is_refused(store: Store, tmp_path: Path, folder: Path) -> None:
    card = training_set(store, tmp_path / "clips")
    for name in ("a/b", "a@b", ""):
        with pytest.raises(InputError, match="name"):
            plan_finetune(store, card, resolve(str(folder)), Recipe(), name=name, options=DecodeOptions())


def test_the_width_decides_the_rate(folder: Path) -> None:
    assert model_width(resolve(str(folder))) == 32
