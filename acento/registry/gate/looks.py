"""Looks: each candidate that the gate judges on a test split is one more try for chance, and tightens the level.

Alpha spending (Lan & DeMets, Biometrika 70(3), 1983), for a number of looks that nobody knows before: look k spends
alpha / (k (k + 1)) of the chance that a candidate no better than the incumbent is promoted. The parts add up to
alpha k / (k + 1), which never reaches alpha = 1 - level, however many candidates come. A candidate whose windows were
chosen on the same clips is one look, at which either of two systems could have been judged: each spends half of it
(Bonferroni). As only a gain promotes, a
two-sided interval spends half of what it leaves out: the first look takes the whole 95 % interval, as a single test
does, the second 98.3 %, the fourth 99.5 %, the tenth 99.91 %.
"""

import json
import math
from typing import Any

from pydantic import BaseModel

from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.core.store.coordination import Records
from acento.scoring.statistics.bootstrap import LEVEL

_REPORT = "report.json"
"""Of a model, as versions wrote it that did not write looks down (now :mod:`acento.registry.card.report`)."""


class Look(BaseModel, frozen=True):
    """Which of the candidates that were judged on a test split this one is."""

    dataset: str
    split: str
    number: int
    """From 1."""
    windows: int = 1
    """In how many windows the candidate was measured on the split before the window gate chose one of them."""

    def level(self, level: float = LEVEL) -> float:
        """Return the level of the two-sided interval that this look takes, where a single test takes ``level``.

        >>> [round(Look(dataset="demo", split="test", number=k).level(), 4) for k in (1, 2, 4, 10)]
        [0.95, 0.9833, 0.995, 0.9991]
        >>> round(Look(dataset="demo", split="test", number=1, windows=2).level(), 4)
        0.975
        """
        own = level if self.number == 1 else 1 - 2 * (1 - level) / (self.number * (self.number + 1))
        return 1 - (1 - own) / self.windows

    def sentence(self, level: float = LEVEL) -> str | None:
        """Return what a person should know of it; None for a first look, which is like any single test."""
        if self.level(level) == level:
            return None
        usual, own, chance = (percent_level(one) for one in (level, self.level(level), 1 - level))
        where = f"the {self.split} split of {self.dataset}"
        chosen = ", and its windows were chosen on the same clips" if self.windows > 1 else ""
        return (
            f"This is candidate {self.number} that the gate judges on {where}{chosen}: its gain must hold at {own} "
            f"instead of {usual}, so that the chance of a promotion without a gain is at most {chance} for all "
            "candidates together."
        )


def percent_level(level: float) -> str:
    """Return a level in percent with as many digits as tell it from 100 %.

    >>> percent_level(0.95), percent_level(1 - 0.1 / 6), percent_level(1 - 0.1 / 272)
    ('95 %', '98.3 %', '99.96 %')
    """
    digits = max(1, math.ceil(-math.log10(1 - level)) - 2)
    return f"{100 * level:.{digits}f}".rstrip("0").rstrip(".") + " %"


def take_look(store: Store, dataset: str, split: str, model: str, digest: str) -> Look:
    """Write down that the gate judges a candidate on a test split, and return which look that is.

    The same candidate, by content or by name, keeps its number, however often it is judged. All versions of a data set
    count together, as no clip leaves its split. What was judged before looks were written down is found in the reports
    of the models.

    Args:
        store: where the looks are kept, as ``looks/DATASET/SPLIT@000001.json`` and on.
        dataset: a data set's name, without a version.
        split: its split.
        model: what the candidate is called, ``registry:NAME@VERSION``.
        digest: of its content.
    """
    records = Records(store, f"looks/{dataset}/{split}@")
    known = records.since()
    if not known:
        for earlier in _judged_before(store, dataset, split):
            records.append({"model": earlier, "digest": None})
        known = records.since()
    number = next((number for number, body in known if _same(body, model, digest)), None)
    if number is None:
        number = records.append({"model": model, "digest": digest})
    return Look(dataset=dataset, split=split, number=number)


def _same(body: dict[str, Any], model: str, digest: str) -> bool:
    return body["model"] == model or body["digest"] == digest


def _judged_before(store: Store, dataset: str, split: str) -> list[str]:
    """Return the models whose reports hold a verdict on a test split, in the order of their first one."""
    found: list[tuple[str, str]] = []
    for key in store.list("models"):
        if key.split("/")[3:4] != ["reports"]:
            continue
        try:
            report = json.loads(store.read_bytes(key, _REPORT))
            test, judged = report["sets"][0], report["gate"] is not None
            if judged and (test["dataset"].partition("@")[0], test["split"]) == (dataset, split):
                found.append((report["created"], report["model"]))
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise DamagedError(f"The report {key} in {store.url} cannot be read; remove its folder.") from error
    return list(dict.fromkeys(model for _, model in sorted(found)))
