"""What a search came to: the best recipe, every trial, and what mattered."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acento.experiments.search.plan import SearchPlan
from acento.experiments.search.space.parameters import Scalar
from acento.experiments.search.study import Study
from acento.experiments.search.trial import EVALUATIONS, State, TrialRow
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    import optuna

FEWEST = 8
"""Finished trials below which the importance of a parameter is a guess."""

HEARTBEAT, MINUTES, COST, SENTENCE = "heartbeat", "minutes", "cost", "sentence"


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What a search came to, up to now."""

    name: str
    why: str
    """Why it ended, a sentence."""
    best: Recipe | None
    """The recipe with the lowest dev WER; None where no trial finished. This WER flatters it: it was chosen by it."""
    best_trial: int | None
    best_dev_wer: float | None
    trials: tuple[TrialRow, ...]
    importance: Mapping[str, float] | None
    """Each parameter's share in how much the dev WER varied, the greatest first (fANOVA, Hutter et al. 2014); None
    where fewer than 8 trials finished or all of them came out the same. Of few trials it is a hint and no more."""
    minutes: float
    dollars: float | None

    def ended(self, plan: SearchPlan) -> list[Recipe]:
        """Return the recipes of the trials that finished or were pruned: no training goes on from these."""
        return [plan.space.recipe(plan.base, row.params) for row in self.trials if row.state in ("finished", "pruned")]

    @property
    def told(self) -> int:
        """How many trials have come to an end."""
        return sum(row.state in ("finished", "pruned", "failed") for row in self.trials)

    def to_csv(self) -> str:
        """Return the table of trials as CSV, a column for each parameter."""
        names = sorted({name for row in self.trials for name in row.params})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["trial", "state", "dev_wer", "minutes", "cost", "evaluations", *names, "sentence"])
        for row in self.trials:
            values = [row.params.get(name, "") for name in names]
            facts = [row.number, row.state, _shown(row.dev_wer), f"{row.minutes:.3f}", _shown(row.cost)]
            writer.writerow([*facts, len(row.evaluations), *values, row.sentence or ""])
        return text.getvalue()


def read_outcome(study: Study, why: str, trials: int | None = None) -> SearchOutcome:
    """Read what a study knows.

    Args:
        study: an open study.
        why: why the search ended, a sentence.
        trials: the number of trials asked for; those beyond, which another process reached for, are left out.
    """
    rows = read_rows(study, trials)
    best = best_row(rows)
    costs = [row.cost for row in rows if row.cost is not None]
    return SearchOutcome(
        name=study.plan.name,
        why=why,
        best=None if best is None else study.plan.space.recipe(study.plan.base, best.params),
        best_trial=None if best is None else best.number,
        best_dev_wer=None if best is None else best.dev_wer,
        trials=tuple(rows),
        importance=_importance(study, rows),
        minutes=sum(row.minutes for row in rows),
        dollars=math.fsum(costs) if costs else None,
    )


def read_rows(study: Study, trials: int | None = None) -> list[TrialRow]:
    """Return the table of trials, by number."""
    known = sorted(study.trials.get_trials(deepcopy=False), key=lambda trial: trial.number)
    return [_row(study, trial) for trial in known if trials is None or trial.number < trials]


def _row(study: Study, trial: "optuna.trial.FrozenTrial") -> TrialRow:
    """Return one line of the table."""
    evaluations = tuple((int(step), float(wer)) for step, wer in trial.user_attrs.get(EVALUATIONS, []))
    states: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
    state = states.get(trial.state.name) or ("open" if study.lease(trial.number).is_free() else "running")
    last = evaluations[-1][1] if evaluations else None
    beat = trial.user_attrs.get(HEARTBEAT, {})
    return TrialRow(
        number=trial.number,
        state=state,
        params=dict(trial.params),
        dev_wer=trial.value if state == "finished" else last,
        minutes=float(trial.user_attrs.get(MINUTES, beat.get(MINUTES, 0.0))),
        cost=trial.user_attrs.get(COST, beat.get(COST)),
        evaluations=evaluations,
        sentence=trial.user_attrs.get(SENTENCE) if state == "failed" else None,
    )


def _importance(study: Study, rows: Sequence[TrialRow]) -> dict[str, float] | None:
    """Return the importance of each parameter that every finished trial has, or None where nothing can be said.

    fANOVA and not PED-ANOVA, Optuna's default: in made-up searches of 8 to 30 trials that one hardly saw choices of
    words (strategy) beside a range of numbers (learning rate), less so the longer TPE had settled on the best ones.
    """
    import optuna

    finished = [row for row in rows if row.state == "finished"]
    values: dict[str, set[Scalar]] = {}
    for row in finished:
        for name, value in row.params.items():
            values.setdefault(name, set()).add(value)
    everywhere = [name for name in values if all(name in row.params for row in finished)]
    varied = [name for name in everywhere if len(values[name]) > 1]
    if len(finished) < FEWEST or len({row.dev_wer for row in finished}) < 2 or not varied:
        return None
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=study.plan.seed)
    found = optuna.importance.get_param_importances(study.trials, evaluator=evaluator, params=varied)
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: (-item[1], item[0]))}


def best_row(rows: Sequence[TrialRow]) -> TrialRow | None:
    """Return the finished trial with the lowest dev WER, the earliest of equals; None where none finished."""
    finished = [(row.dev_wer, row.number, row) for row in rows if row.state == "finished" and row.dev_wer is not None]
    return min(finished)[2] if finished else None


def _shown(value: float | None) -> str:
    """Return a number for CSV; nothing for None."""
    return "" if value is None else f"{value:.6g}"
