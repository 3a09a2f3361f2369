"""The examples in the docstrings of the front door, on a few clips of the demo and the models that come with Acento."""

import doctest
import inspect
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import acento
from acento.core.settings import settings
from acento.data.demo import demo_clips, write_demo

FUNCTIONS = (
    "stage",
    "load_dataset",
    "benchmark",
    "leaderboard",
    "estimate",
    "compare",
    "compare_runs",
    "load_model",
    "transcribe",
    "draft",
    "caption",
    "export",
    "validate",
    "finetune",
    "promote",
    "search",
    "specialize",
    "judge_windows",
    "shorten",
)
"""In an order in which each finds what those before it made."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a folder with recordings of all splits and a clip, and work in it."""
    folder = tmp_path_factory.mktemp("front-door")
    write_demo(folder / "recordings", clips=demo_clips()[::31])
    clip = min((folder / "recordings").glob("chilean-dev-*.wav"))
    shutil.copy(clip, folder / "clip.wav")
    shutil.copy(clip, folder / "recordings" / "lonely.wav")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ACENTO_STORE", str(folder / "store"))
        settings.cache_clear()
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_example_does_what_it_shows(name: str, folder: Path) -> None:
    names = {one: getattr(acento, one) for one in acento.__all__}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(acento, name), name, globs=names)
    assert example.examples, f"{name} has no example"
    said: list[str] = []
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    outcome = doctest.DocTestRunner(optionflags=options).run(example, out=said.append)
    assert not outcome.failed, "".join(said)
    assert folder.is_dir()


def test_importing_the_front_door_imports_nothing_heavy_and_lists_it_all() -> None:
    script = (
        "import sys; before = set(sys.modules); import acento; "
        "print(sorted(name for name in set(sys.modules) - before if name.startswith('acento'))); print(dir(acento))"
    )
    imported, names = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert imported == "['acento', 'acento.core', 'acento.core.heap', 'acento.core.plugins']"
    for name in acento.__all__:
        assert f"'{name}'" in names


def test_the_scoring_imports_no_model_code() -> None:
    script = "import sys; from acento.scoring import score_texts, compare_texts; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "acento.models", "acento.inference", "pyarrow"} & {*modules}


def test_a_name_that_is_not_there_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="module 'acento' has no attribute 'teleport'"):
        _ = acento.teleport  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name", ["benchmark", "finetune", "judge_windows", "search", "shorten", "specialize", "stage", "validate"]
)
def test_every_parameter_is_in_the_signature_and_described(name: str) -> None:
    function = getattr(acento, name)
    parameters = inspect.signature(function).parameters
    assert len(parameters) > 3
    assert "options" not in parameters
    for parameter in parameters:
        assert f"        {parameter}: " in function.__doc__


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"stratgy": "lora"}, "There is no parameter 'stratgy'; there are base, data, "),
        ({"strategy": "hope"}, "strategy must be 'encoder', 'full', 'decoder', 'lora' or 'last-n'; got 'hope'."),
        ({"threads": 0}, "threads must be at least 1; got 0."),
        ({"compute": "modal"}, "finetune runs in this process and takes no 'compute'; commands do."),
    ],
)
def test_a_wrong_option_is_one_sentence_before_anything_begins(asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(acento.AcentoError) as raised:
        acento.finetune("demo:whisper-mini", "mine", **asked)
    assert str(raised.value).startswith(sentence)
