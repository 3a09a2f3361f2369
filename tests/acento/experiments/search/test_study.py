"""A study is found again by its name, and only its own plan goes on with it."""

from pathlib import Path

import pytest

from acento.core.errors import InputError, StoreError
from acento.core.store import LocalStore
from acento.experiments.search.study import study_folder
from tests.acento.experiments.search.made_up_search import BASE, good, opened, plan, search

pytestmark = pytest.mark.slow


def test_a_search_goes_on_only_with_its_own_plan(tmp_path: Path) -> None:
    search(tmp_path, plan(about={"data": "1a"}), good, 1)
    with pytest.raises(InputError, match="begun with something else as the sampler"):
        opened(plan(about={"data": "1a"}, sampler="tpe"), tmp_path)
    with pytest.raises(InputError, match="as the data or the model; go on with"):
        opened(plan(about={"data": "2b"}), tmp_path)
    with pytest.raises(InputError, match="as the base recipe"):
        opened(plan(about={"data": "1a"}, base=BASE.with_values(epochs=2)), tmp_path)


def test_a_file_that_is_no_study_is_named(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_bytes(b"not a database, " * 100)
    with pytest.raises(StoreError, match=r"study\.db cannot be read or written \(file is not a database\)"):
        opened(plan(), tmp_path)


@pytest.mark.parametrize("url", ["nosuchdatabase://host/name", "not a url"])
def test_a_server_that_cannot_be_used_is_said(url: str) -> None:
    with pytest.raises(InputError, match="database"):
        opened(plan(), url)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(InputError) as caught:
        opened(plan(), "nosuchdatabase://me:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_study_lives_beside_the_jobs_in_a_local_store(tmp_path: Path) -> None:
    assert study_folder(LocalStore(tmp_path), "a-1") == tmp_path / "searches" / "a-1"
    with pytest.raises(InputError):
        study_folder(LocalStore(tmp_path), "../away")
