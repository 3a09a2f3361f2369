"""A study in a store that is no local folder: a journal of small files, shared by processes without a database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import all_at_once

from acento.core.errors import InputError
from acento.core.store import LocalStore, open_store
from acento.experiments.search.outcome import read_outcome
from acento.experiments.search.study import open_study
from tests.acento.experiments.search.made_up_search import failing, good, opened, plan, search

pytestmark = pytest.mark.slow


@pytest.fixture(params=["local", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "s3":
        yield f"s3://{request.getfixturevalue('s3').bucket()}/p"
    else:
        yield str(tmp_path / "store")


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_in_three_calls_tries_what_one_call_in_a_file_tries(tmp_path: Path, sampler: str) -> None:
    whole = search(tmp_path / "file", plan(sampler=sampler), good, 11)
    store = LocalStore(tmp_path / "store")
    for trials in (3, 9, 11):
        parts = search(store, plan(sampler=sampler), good, trials)
    assert [row.params for row in parts.trials] == [row.params for row in whole.trials]
    assert [row.dev_wer for row in parts.trials] == [row.dev_wer for row in whole.trials]


def test_a_search_goes_on_only_with_its_own_plan(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    search(store, plan(), good, 1)
    with pytest.raises(InputError, match="begun with something else as the sampler"):
        opened(plan(sampler="tpe"), store)


def test_a_trial_that_failed_is_remembered_with_its_sentence(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    search(store, plan(), failing(ValueError("no luck"), lambda number: number == 1), 3)
    with open_study(plan(), store) as study:
        rows = read_outcome(study, "", None).trials
    assert [row.state for row in rows] == ["finished", "failed", "finished"]
    assert "no luck" in (rows[1].sentence or "")


def test_processes_at_the_same_search_share_its_trials(url: str) -> None:
    all_at_once(*2 * [lambda: search(open_store(url), plan(), good, 5)])
    with open_study(plan(), open_store(url)) as study:
        rows = read_outcome(study, "", 5).trials  # one more may have been asked for, and waits for a longer search
    assert [row.number for row in rows] == list(range(5))
    assert {row.state for row in rows} == {"finished"}
    assert len({str(row.params) for row in rows}) == 5
