"""Pages of runs without charts, which take longer to draw than all the rest; those of reports draw them.

A conftest or a test file that imports the fixture has it for all of its tests.
"""

from typing import Any

import pytest
from markupsafe import Markup


@pytest.fixture(autouse=True)
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing but the names of charts."""

    def draw(name: str, *_: Any, **__: Any) -> Markup:
        return Markup('<svg role="img" aria-label="{}"></svg>').format(name)

    monkeypatch.setattr("acento.registry.report.charts.draw", draw)
