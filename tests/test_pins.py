"""What must be held below a version, in `pyproject.toml` for those who install, and in the constraints for us."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from servers import ROOT


@pytest.mark.parametrize(
    ("name", "breaks"),
    [
        ("sqlalchemy", "2.1.0"),  # the scheduler of Prefect 3.8 fails in silence: no scheduled run ever comes
        ("fastapi", "0.155.0"),  # the server of Prefect 3.8 does not start
    ],
)
def test_a_version_that_breaks_prefect_is_kept_out(name: str, breaks: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {one.name.lower(): one for one in map(Requirement, project["dependencies"])}
    assert not asked[name].specifier.contains(breaks, prereleases=True)
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.lstrip().startswith("#")
    )
    assert Version({key.lower(): value for key, value in pins.items()}[name]) < Version(breaks)
