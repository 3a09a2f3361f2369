"""What a search came to: the best recipe, every trial, what mattered, and the files that say so."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import yaml

from acento.core.figure import BLUE, GRAY, RED, new_figure, save_figure
from acento.core.text import normalizer
from acento.experiments.search.space import Scalar, SearchPlan
from acento.experiments.search.study import Study
from acento.scoring.counting.headline import headline_of, rate_title
from acento.training.recipe import Recipe

if TYPE_CHECKING:
    import optuna

FEWEST = 8
"""Finished trials below which the importance of a parameter is a guess."""

EVALUATIONS, HEARTBEAT, MINUTES, COST, SENTENCE = "evaluations", "heartbeat", "minutes", "cost", "sentence"
"""What is written on a trial of the study."""


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What became of one training."""

    dev_wer: float
    """The dev WER of its best checkpoint, a share (0.2 is 20 %)."""
    minutes: float
    """Minutes of training now; those before a kill are already counted."""
    cost: float | None = None
    """Dollars, where the place it ran in knows."""
    done: bool | None = None
    """Whether the training came to its own end; None: it did unless it was asked to stop."""


State = Literal["finished", "pruned", "failed", "running", "open"]
"""``open``: begun and not at an end (killed or stopped); the search takes it up again when it goes on."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One line of the table of trials."""

    number: int
    state: State
    params: Mapping[str, Scalar]
    dev_wer: float | None
    """Of the best checkpoint; of a trial without an end: of its last evaluation. None: not evaluated yet."""
    minutes: float
    cost: float | None
    evaluations: tuple[tuple[int, float], ...]
    """Step and dev WER of each evaluation."""
    sentence: str | None
    """Why it failed."""


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
    rate_title: str = "WER"
    """What dev is measured by, such as ``WER (spanish-1)``."""

    def ended(self, plan: SearchPlan) -> list[Recipe]:
        """Return the recipes of the trials that finished or were pruned: no training goes on from these."""
        return [plan.space.recipe(plan.base, row.params) for row in self.trials if row.state in ("finished", "pruned")]

    @property
    def done(self) -> int:
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
            wer, cost = ("" if value is None else f"{value:.6g}" for value in (row.dev_wer, row.cost))
            facts = [row.number, row.state, wer, f"{row.minutes:.3f}", cost, len(row.evaluations)]
            writer.writerow([*facts, *values, row.sentence or ""])
        return text.getvalue()


def read_outcome(study: Study, why: str, trials: int | None = None) -> SearchOutcome:
    """Read what a study knows; trials beyond those asked for, which another process reached for, are left out."""
    rows, rule = read_rows(study, trials), normalizer(study.plan.base.normalizer)
    finished = [(row.dev_wer, row.number, row) for row in rows if row.state == "finished" and row.dev_wer is not None]
    best = min(finished)[2] if finished else None
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
        rate_title=rate_title(headline_of(rule), rule.identity),
    )


def read_rows(study: Study, trials: int | None = None) -> list[TrialRow]:
    """Return the table of trials, by number."""
    return [_row(study, trial) for trial in study.frozen_trials() if trials is None or trial.number < trials]


def _row(study: Study, trial: "optuna.trial.FrozenTrial") -> TrialRow:
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
    if len(finished) < FEWEST or len({row.dev_wer for row in finished}) < 2:
        return None
    everywhere = [name for name in finished[0].params if all(name in row.params for row in finished)]
    varied = [name for name in everywhere if len({row.params[name] for row in finished}) > 1]
    if not varied:
        return None
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=study.plan.seed)
    found = optuna.importance.get_param_importances(study.trials, evaluator=evaluator, params=varied)
    return {name: float(share) for name, share in sorted(found.items(), key=lambda item: (-item[1], item[0]))}


def write_outcome(outcome: SearchOutcome, folder: Path) -> list[Path]:
    """Write and return ``trials.csv``, ``best.yaml`` (a recipe), ``history.png``, ``importance.png``, if there are."""
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "trials.csv"]
    written[0].write_text(outcome.to_csv(), encoding="utf-8")
    if outcome.best is not None:
        path = folder / "best.yaml"
        body = yaml.safe_dump(outcome.best.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        path.write_text(f"# trial {outcome.best_trial} of search {outcome.name}\n{body}", encoding="utf-8")
        written.append(path)
    if any(row.dev_wer is not None for row in outcome.trials):
        written.append(draw_history(outcome, folder / "history.png"))
    if outcome.importance is not None:
        written.append(draw_importance(outcome, outcome.importance, folder / "importance.png"))
    return written


def draw_history(outcome: SearchOutcome, path: Path) -> Path:
    """Draw each trial's dev WER by its number, and the best so far; trials without a WER are marked below the axis."""
    figure, axes = new_figure(7.5, 4.2)
    known = [(row.number, row.dev_wer, row.state == "finished") for row in outcome.trials if row.dev_wer is not None]
    finished = [(number, wer) for number, wer, done in known if done]
    early = [(number, wer) for number, wer, done in known if not done]
    failed = [row.number for row in outcome.trials if row.state == "failed" and row.dev_wer is None]
    if finished:
        numbers, wers = zip(*finished, strict=True)
        axes.scatter(numbers, wers, s=34, color=BLUE, zorder=3, label="finished")
        best = np.minimum.accumulate(wers)
        axes.step(
            [*numbers, outcome.trials[-1].number],
            [*best, best[-1]],
            where="post",
            color=BLUE,
            linewidth=1.2,
            zorder=2,
            label="best so far",
        )
    if early:
        label = "ended early (last evaluation)"
        axes.scatter(*zip(*early, strict=True), s=34, marker="x", color=GRAY, zorder=3, label=label)
    if failed:
        below = {"transform": axes.get_xaxis_transform(), "label": "failed"}
        axes.scatter(failed, [0.02] * len(failed), s=34, marker="v", color=RED, zorder=3, **below)
    if outcome.best_trial is not None and outcome.best_dev_wer is not None:
        axes.annotate(
            f"trial {outcome.best_trial}: {outcome.best_dev_wer:.1%}",
            (outcome.best_trial, outcome.best_dev_wer),
            xytext=(0, -14),
            textcoords="offset points",
            ha="right" if outcome.best_trial > len(outcome.trials) / 2 else "left",
            fontsize=9,
            color="#333333",
        )
    low, high = min(wer for _, wer, _ in known), max(wer for _, wer, _ in known)
    margin = (high - low) * 0.15 or 0.01
    axes.set_ylim(max(0.0, low - 1.4 * margin), high + margin)
    axes.set_xlim(-0.5, max(row.number for row in outcome.trials) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if high - low > 0.05 else f"{value:.1%}")
    axes.set(title=f"Search {outcome.name}", xlabel="trial", ylabel=f"dev {outcome.rate_title}")
    figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=4)
    return save_figure(figure, path)


def draw_importance(outcome: SearchOutcome, importance: Mapping[str, float], path: Path) -> Path:
    """Draw the importance of each parameter as bars."""
    names, shares = list(importance), list(importance.values())
    figure, axes = new_figure(7.5, 1.4 + 0.34 * len(names))
    bars = axes.barh(names, shares, color=BLUE, height=0.6)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=4, fontsize=9, color="#333333")
    axes.invert_yaxis()
    axes.set_xlim(0, max(shares) * 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    done = sum(row.state == "finished" for row in outcome.trials)
    axes.set(title=f"What mattered in search {outcome.name} ({done} finished trials)", xlabel="share of the importance")
    axes.grid(False, axis="y")
    return save_figure(figure, path)
