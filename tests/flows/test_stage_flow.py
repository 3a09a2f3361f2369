"""The flow ``stage`` and its task: what travels on, what is tried again, what is shown."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.artifacts import Artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.states import Failed
from recordings import put

import tasks.artifacts
import tasks.data
from acento.api import data as staging_module
from acento.api.data import StagedDataset
from acento.core import progress
from acento.core.errors import AcentoError, DataError, InputError, TransientError
from acento.core.store import open_store
from acento.data.dataset import load_card
from acento.requests import StageRequest
from flows.runtime import embedded
from flows.stage import stage
from tasks.artifacts import artifact_key, markdown_table, progress_artifact
from tasks.data import stage_source
from tasks.policy import run_task, worth_retrying


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder of four good clips and a damaged one, and use a store beside it."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("ACENTO_WORKERS", "1")
    folder = tmp_path / "recordings"
    for number in range(4):
        put(folder, f"clip-{number}", seed=number)
    (folder / "bad.wav").write_bytes(b"RIFF, they say")
    (folder / "bad.txt").write_text("mala", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def _session() -> Iterator[None]:
    """Run an embedded server for the tests of this module that run flows."""
    with embedded.session(tags=["test"]):
        yield


@pytest.fixture
def client(_session: None) -> Iterator[SyncPrefectClient]:
    """Ask the embedded server."""
    with get_client(sync_client=True) as client:
        yield client


@pytest.mark.server
@pytest.mark.usefixtures("_session")
def test_the_task_returns_a_small_reference(source: Path, tmp_path: Path) -> None:
    reference = stage_source.fn(StageRequest(source=str(source), name="santiago", language="es"))
    card = load_card(open_store(str(tmp_path / "store")), "santiago")
    assert (reference.title, reference.fingerprint, reference.key) == ("santiago v1", card.fingerprint, card.key)
    assert (reference.found, reference.staged_now, reference.already_there) == (5, 4, 0)
    assert reference.rejected == {"unreadable": 1}
    assert reference.new_version
    assert len(reference.model_dump_json()) < 1000
    assert StagedDataset.model_validate_json(reference.model_dump_json()) == reference


@pytest.mark.server
@pytest.mark.usefixtures("_session")
def test_what_is_there_already_is_a_state_named_cached(source: Path) -> None:
    first = stage_source.fn(StageRequest(source=str(source), name="santiago"))
    state: Any = stage_source.fn(StageRequest(source=str(source), name="santiago"))
    assert (state.name, state.type.value) == ("Cached", "COMPLETED")
    again = state.data
    assert (again.title, again.fingerprint, again.new_version) == (first.title, first.fingerprint, False)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (TransientError("the network is down"), True),
        (ConnectionError(), True),
        (TimeoutError(), True),
        (DataError("no such folder"), False),
        (AcentoError("?"), False),
        (ValueError("a bug"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error: Exception, again: bool) -> None:
    assert worth_retrying(stage_source, None, Failed(data=error)) is again  # type: ignore[arg-type]


def test_keys_of_artifacts_are_what_prefect_accepts() -> None:
    assert artifact_key("stage", "Mi_Corpus v2.1") == "stage-mi-corpus-v2-1"
    assert artifact_key("ñ") == "artifact"


def test_cells_of_a_table_stay_in_their_cells() -> None:
    assert markdown_table([["a|b\nc"]], header=["x"]).splitlines()[-1] == "| a\\|b c |"


def test_without_a_run_progress_goes_nowhere() -> None:
    with progress_artifact("key", "Nothing"):
        progress.report("step", 1, 2)


def test_wrong_parameters_are_refused_before_anything_runs() -> None:
    with pytest.raises(InputError, match="split_by must be 'auto', 'speaker' or 'prompt'; got 'weather'"):
        stage.validate_parameters({"source": "x", "name": "y", "split_by": "weather"})


@pytest.mark.server
def test_the_flow_stages_and_then_finds_it_done(source: Path, client: SyncPrefectClient) -> None:
    first = stage(str(source), "santiago", language="es")
    again = stage(str(source), "santiago")
    assert (first.new_version, again.new_version) == (True, False)
    assert again.fingerprint == first.fingerprint
    runs = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate({"name": {"any_": ["stage santiago"]}}))
    assert [run.state_name for run in runs] == ["Completed", "Completed"]
    assert all("test" in run.tags for run in runs)


@pytest.mark.server
@pytest.mark.usefixtures("_session")
def test_a_network_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    calls = _failing(monkeypatch, TransientError("the network is down"), times=2)
    impatient = stage_source.with_options(retry_delay_seconds=0.1)
    assert run_task(impatient, StageRequest(source=str(source), name="santiago")).staged_now == 4
    assert len(calls) == 3


@pytest.mark.server
@pytest.mark.usefixtures("_session")
def test_bad_input_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    calls = _failing(monkeypatch, DataError("There is no such folder."), times=9)
    with pytest.raises(DataError, match="There is no such folder"):
        stage(str(source), "santiago")
    assert len(calls) == 1


@pytest.mark.server
@pytest.mark.usefixtures("_session")
def test_progress_is_an_artifact_updated_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[float, float]] = []
    update = tasks.artifacts.update_progress_artifact
    monkeypatch.setattr(
        tasks.artifacts,
        "update_progress_artifact",
        lambda artifact, percent, description: (
            sent.append((time.monotonic(), percent)),
            update(artifact, percent, description),
        ),
    )

    @flow
    def slow() -> None:
        with progress_artifact("slow-progress", "Slowly", "crawl"):
            for number in range(25):
                progress.report("crawl", number, 25, "steps")
                progress.report("what runs at the same time", 25 - number, 25)
                time.sleep(0.1)

    slow()
    assert len(sent) >= 2
    *regular, last = (moment for moment, _ in sent)
    assert all(later - sooner >= 0.9 for sooner, later in pairwise(regular)), "and the end is said at once"
    assert last >= regular[-1]
    assert sent[-1][1] == 100
    assert [percent for _, percent in sent] == sorted(percent for _, percent in sent)
    artifact = Artifact.get("slow-progress")
    assert artifact is not None
    assert (artifact.data, artifact.description) == (100, "Slowly: done")


def _failing(monkeypatch: pytest.MonkeyPatch, error: Exception, times: int) -> list[str]:
    """Make the library's staging fail so many times; returns the list of its calls."""
    real, calls = staging_module.stage_data, []

    def staging(*args: Any, **kwargs: Any) -> Any:
        calls.append("call")
        if len(calls) <= times:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(staging_module, "stage_data", staging)
    return calls
