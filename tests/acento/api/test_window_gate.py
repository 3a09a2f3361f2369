"""The window gate before anything is transcribed: what cannot be judged; and its place in a specialization."""

from types import SimpleNamespace
from typing import Any

import pytest
from hollow_whisper import hollow_whisper
from registered import about, registered
from staged import staged_splits

from acento.api import specializing, windows
from acento.api.benchmarking import run_benchmark
from acento.api.specializing import run_steps
from acento.api.training import finetune_model
from acento.api.windows import check_windows
from acento.core.errors import AcentoError, InputError
from acento.core.store import LocalStore
from acento.models.windows import Fit
from acento.requests import SpecializeRequest, WindowsRequest

FIT = Fit(margin_s=0.5, shortest_s=1.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A data set, a guard, a model that was taught short windows, and two that were not."""
    root = tmp_path_factory.mktemp("world")
    store = LocalStore(root / "store")
    staged_splits(store, root / "clips", train=1, dev=1, test=2)
    staged_splits(store, root / "guard", train=0, dev=0, test=2, name="guard")
    registered(store, hollow_whisper(root / "taught", FIT.model_dump()), dataset="small@1")
    plain = hollow_whisper(root / "plain")
    registered(store, plain, name="plain", dataset="small@1")
    registered(store, plain, seed=1, name="letters", base=about().base | {"family": "ctc"})
    return store


def test_what_can_be_judged_is_let_pass_and_its_data_set_is_the_one_that_it_was_tuned_on(store: LocalStore) -> None:
    request = WindowsRequest(model="mini-santiago", guards=["guard"], window_bound=0.01)
    check_windows(store, request)
    question = windows.fix_question(store, request)
    assert (question.datasets, question.window_bound) == (["small@1", "guard@1"], 0.01)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"model": "plain"}, "plain@.* was not taught short windows, so that there is nothing to judge: train it with"),
        ({"model": "letters"}, "letters@.* is of the family 'ctc', which does not fill clips up to a window"),
        ({"model": "nobody"}, "There is no model 'nobody' in the registry"),
        ({"model": "mini-santiago@ffff"}, "has no version or alias 'ffff'"),
        ({"model": "mini-santiago", "test": "nothing"}, "There is no data set 'nothing'"),
        ({"model": "mini-santiago", "guards": ["small"]}, "small@1 is the test set; a guard is a set that must not"),
        ({"model": "mini-santiago", "guards": ["guard[accent=x]"]}, "accent 'x' is not in guard"),
    ],
)
def test_what_cannot_be_judged_is_said_before_anything_is_transcribed(
    store: LocalStore, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AcentoError, match=sentence):
        check_windows(store, WindowsRequest(**asked))


@pytest.mark.parametrize("bound", [-0.001, 1.0, 3])
def test_a_bound_below_nothing_or_of_everything_is_refused(bound: float) -> None:
    with pytest.raises(InputError, match=r"window_bound must be (at least 0|less than 1)"):
        WindowsRequest.of(model="m", window_bound=bound)
    with pytest.raises(InputError, match=r"window_bound must be (at least 0|less than 1)"):
        SpecializeRequest.of(dataset="d", base_model="b", window_bound=bound)


@pytest.mark.parametrize("fit", [FIT, None])
def test_a_specialization_judges_windows_first_and_then_the_model_as_it_is_used(fit: Fit | None) -> None:
    steps: list[str] = []

    def carry(step: Any, *args: Any) -> Any:
        if step is run_benchmark:
            steps.append(f"{args[0].window} {' '.join(args[0].models)}")
            return SimpleNamespace(run=f"run-{len(steps)}", leaderboard=SimpleNamespace(left_out={}))
        if step is windows.short_windows:
            return fit
        if step is specializing.fix_question:
            assert args[-1] == 0.01
            return SimpleNamespace(incumbent="base", datasets=["d@1"])
        if step is finetune_model:
            return SimpleNamespace(model="tuned", sentence="")
        if step is windows.judge_runs:
            steps.append(f"windows of {args[0]} by {args[2]} and {args[3]}")
            return None
        assert step is specializing.judge_run
        steps.append(f"judge {args[1]} by {args[0]}")
        return SimpleNamespace(offer=None, passed=False, promoted=False)

    request = SpecializeRequest(dataset="d", base_model="base", allow_invalid=True, window_bound=0.01)
    with pytest.raises(ValueError, match="Specialized"):  # what the stand-ins return is no verdict
        run_steps(request, carry)  # type: ignore[arg-type]
    between = [] if fit is None else ["full tuned", "fit tuned", "windows of tuned by run-2 and run-3"]
    last = ["auto base tuned", f"judge tuned by run-{2 + len(between)}"]
    assert steps == ["auto base", *between, *last]
