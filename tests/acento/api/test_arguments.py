"""What a person gives the functions of the front door: another function's result, a path, or something wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import acento
from acento.core.settings import settings
from acento.data.demo import demo_clips, write_demo

MICRO = "demo:whisper-micro"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with recordings and a store with the data set ``mine``, and work in it."""
    folder = tmp_path_factory.mktemp("arguments")
    write_demo(folder / "recordings", clips=demo_clips()[::60])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ACENTO_STORE", str(folder / "store"))
        settings.cache_clear()
        acento.stage(Path("recordings"), name="mine", language="es")
        yield folder


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return min((folder / "recordings").glob("*.wav"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[acento.LoadedModel]:
    assert folder.is_dir()
    with acento.load_model(MICRO, language="es", threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: acento.stage(5, "x"), "5 names nothing"),  # type: ignore[arg-type]
        (lambda: acento.stage(["recordings"], "x"), "['recordings'] names nothing"),  # type: ignore[arg-type]
        (lambda: acento.load_dataset(None), "None names nothing"),  # type: ignore[arg-type]
        (lambda: acento.validate(5), "5 names nothing"),  # type: ignore[arg-type]
        (lambda: acento.benchmark(None, "mine"), "None names nothing"),  # type: ignore[arg-type]
        (lambda: acento.benchmark([MICRO, 5], "mine"), "5 names nothing"),  # type: ignore[list-item]
        (lambda: acento.benchmark("", "mine"), "The name of a model is empty"),
        (lambda: acento.compare(MICRO, MICRO, ["mine"]), "['mine'] names nothing"),  # type: ignore[arg-type]
        (lambda: acento.finetune([MICRO], "mine"), "['demo:whisper-micro'] names nothing"),  # type: ignore[arg-type]
        (lambda: acento.load_version(5), "5 names nothing"),  # type: ignore[arg-type]
        (lambda: acento.promote(None), "None names nothing"),  # type: ignore[arg-type]
        (lambda: acento.load_model(None), "None names nothing"),  # type: ignore[arg-type]
        (lambda: acento.load_model(MICRO, language=5), "language must be text; got 5."),  # type: ignore[arg-type]
        (lambda: acento.load_model(MICRO, dtype="int3"), "dtype must be 'float32', 'bfloat16', 'float16' or 'int8'"),  # type: ignore[arg-type]
        (lambda: acento.load_model(MICRO, threads=0), "threads must be at least 1; got 0."),
        (lambda: acento.load_model(MICRO, threads=-3), "threads must be at least 1; got -3."),
        (lambda: acento.compare(MICRO, MICRO, "mine", draw="x"), "draw must be 'clips' or 'speakers'; got 'x'."),  # type: ignore[arg-type]
        (lambda: acento.validate("mine", language="es"), "A language is what a model is told, and none is named"),
        (lambda: acento.finetune(MICRO, "mine", epochs=3), "There is no parameter 'epochs'; there are base, data, "),
        (
            lambda: acento.benchmark(MICRO, "mine", datasets="x"),
            "There is no parameter 'datasets'; there are models, ",
        ),
        (lambda: acento.scoring.score_texts("abc", "abd"), "references must be a list of texts; got 'abc'."),
        (lambda: acento.scoring.score_texts(["a"], [None]), "hypotheses must hold texts; got None."),  # type: ignore[list-item]
        (lambda: acento.scoring.compare_texts(None, [], []), "references must be a list of texts; got None."),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_one_sentence(call: Callable[[], Any], sentence: str, folder: Path) -> None:
    assert folder.is_dir()
    with pytest.raises(acento.AcentoError) as raised:
        call()
    assert str(raised.value).startswith(sentence)


def test_what_a_function_returned_names_it_everywhere(folder: Path) -> None:
    data = acento.load_dataset("mine")
    assert acento.load_dataset(data) == acento.load_dataset(data.id) == data
    shared = folder / "suite.yaml"
    shared.write_text("name: own\nchecks: []\n", encoding="utf-8")
    with pytest.raises(acento.AcentoError, match=r"suite\.yaml"):  # a suite that is not right, and yet a path
        acento.validate(data, suite=shared)
    with pytest.raises(acento.AcentoError, match="There is no data set 'other'"):
        acento.specialize(MICRO, data, guards=(data, Path("other")))
    board = acento.benchmark((name for name in [MICRO]), {data.id}, limit=1)
    assert [row.entry.model for row in board.boards[0].rows] == [MICRO]


def test_reading_a_data_set_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from acento.core.store.local import LocalStore

    def fail(_: object) -> None:
        pytest.fail("load_dataset tried whether the store can be written")

    assert folder.is_dir()
    monkeypatch.setattr(LocalStore, "check_writable", fail)
    assert acento.load_dataset("mine").name == "mine"


@pytest.mark.parametrize("wrong", [5, None, b"clip.wav", [5], np.zeros(3), {"a": 1}.get])
def test_what_is_no_recording_is_said(wrong: Any, model: acento.LoadedModel) -> None:
    with pytest.raises(acento.AcentoError, match="is no recording: give the path of an audio file"):
        model.transcribe(wrong)


@pytest.mark.parametrize("size", [0, -1, 1.5, "a"])
def test_a_batch_holds_at_least_one_window(size: Any, model: acento.LoadedModel, clip: Path) -> None:
    with pytest.raises(acento.AcentoError, match="batch_size must be"):
        model.transcribe([clip, clip], batch_size=size)


def test_a_closed_model_says_so_and_may_be_closed_again(clip: Path) -> None:
    model = acento.load_model(MICRO, language="es", threads=1)
    assert model.transcribe(clip).text
    model.close()
    model.close()
    with pytest.raises(acento.AcentoError, match="Model demo:whisper-micro is closed: load it again"):
        model.transcribe(clip)
