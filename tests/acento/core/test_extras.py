"""Optional dependencies: one sentence for each that is missing, and all of them in ``pyproject.toml``."""

import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from servers import ROOT

from acento.core.errors import InputError
from acento.core.extras import EXTRAS, Extra, missing, needed_by, require

OPTIONAL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_installs_what_is_looked_for(extra: Extra) -> None:
    distribution, _ = EXTRAS[extra]
    assert distribution in {Requirement(one).name for one in OPTIONAL[extra]}


def test_the_extra_all_has_all_of_them_and_none_is_in_the_plain_install() -> None:
    (everything,) = map(Requirement, OPTIONAL["all"])
    assert everything.extras == set(EXTRAS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    plain = {Requirement(one).name for one in project["dependencies"]}
    assert not plain & {distribution for distribution, _ in EXTRAS.values()}


def test_what_is_installed_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "search", ("pytest", "pytest"))
    assert missing("search", "The search") is None
    require("search", "The search")


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_is_missing_is_said_with_the_line_that_installs_it(extra: Extra, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution, module = EXTRAS[extra]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError) as raised:
        require(extra, "The thing")
    assert str(raised.value) == (
        f"The thing needs {distribution}, which is not installed: pip install 'acento[{extra}]'."
    )


def test_an_import_that_fails_for_a_missing_extra_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "optuna.trial", raising=False)
    with (
        pytest.raises(InputError, match=r"The search needs optuna, .* pip install 'acento\[search\]'"),
        needed_by("The search"),
    ):
        import optuna.trial  # noqa: F401


def test_an_import_that_fails_for_another_reason_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"), needed_by("The search"):
        __import__("nowhere_to_be_found")


def test_a_folder_of_the_same_name_is_not_taken_for_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_folder_of_that_name").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(EXTRAS, "docker", ("a-package", "a_folder_of_that_name"))
    assert missing("docker", "The worker") is not None
