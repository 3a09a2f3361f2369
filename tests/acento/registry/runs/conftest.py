"""Tests of runs: their pages have no charts, which take longer than all the rest; those of reports draw them."""

from typing import Any

import pytest
from markupsafe import Markup


@pytest.fixture(autouse=True)
def _no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(name: str, *_: Any, **__: Any) -> Markup:
        return Markup('<svg role="img" aria-label="{}"></svg>').format(name)

    monkeypatch.setattr("acento.registry.report.charts.draw", draw)
