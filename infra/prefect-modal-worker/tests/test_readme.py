"""The page of the Modal worker: it has every job variable, and no other."""

import re
from pathlib import Path

from prefect_modal_worker.configuration import ModalVariables

PAGE = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_page_describes_every_job_variable_and_no_other() -> None:
    table = PAGE.partition("## Job variables")[2].partition("**Secrets go by name only.**")[0]
    described = [name for row in table.splitlines() if row.startswith("| `") for name in _names(row)]
    assert sorted(described) == sorted(ModalVariables.model_fields)


def _names(row: str) -> list[str]:
    return re.findall(r"`(\w+)`", row.split("|")[1])
