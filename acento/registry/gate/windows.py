"""The window gate: whether a model that was taught short windows may be used with them, or keeps its full ones.

One model's texts of the same clips are compared, with full windows and with short ones; where it was only shortened,
the full windows are its base's. On the test set and on every guard the one-sided upper bound of the loss must be within
the bound: a test of non-inferiority each, so that each keeps its own level (see :mod:`acento.registry.gate.gate`). What
cannot be told keeps the full window: too few clips, fewer than ten unseen speakers, clips that only short windows
failed on.

It is no look at the test split of its own (:mod:`acento.registry.gate.looks`): a model is compared with itself, and
nothing is promoted. But it chooses the window on clips on which the candidate is judged afterwards, and the better of
two windows looks better than it is: at its look the candidate has to show its gain at half the chance of an error.
``benchmarks/gate.py`` measures what that choice does.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ValidationError

from acento.core.store import Store
from acento.models.windows import Fit
from acento.registry.gate.evidence import Evidence
from acento.registry.gate.gate import Rules, check_rules, judge_set
from acento.registry.gate.verdict import SetVerdict, holding_for, reasons
from acento.registry.model_version import ModelVersion
from acento.registry.windows import unreadable, verdicts
from acento.scoring.entry import Speed
from acento.scoring.statistics.bootstrap import LEVEL, RESAMPLES
from acento.scoring.table import TextTable, counted, points_text, rtfx_text

WINDOW_BOUND = 0.005
"""The loss by short windows that is let pass, a fraction: half a point of WER or CER."""


class WindowVerdict(BaseModel, frozen=True):
    """The window gate's answer and all that it rests on; what the registry keeps.

    Of each set ``incumbent`` is the rate with full windows, ``candidate`` that with short ones.
    """

    passed: bool
    fit: Fit
    """The short windows that were measured."""
    bound: float
    level: float
    test: SetVerdict
    guards: tuple[SetVerdict, ...]
    sentences: tuple[str, ...]
    """For a person, the answer first."""
    full: Speed | None = None
    """How fast the test set was decoded with full windows; None: not measured."""
    short: Speed | None = None
    runaways: int | None = None
    """Windows of all sets whose text ran away at a short context and that were decoded again at the full one."""
    allow_few_speakers: bool = False
    runs: tuple[str, ...] = ()
    """The runs that measured it, with full windows and with short ones."""
    created: str = ""
    """ISO 8601, with its zone."""

    @property
    def sets(self) -> tuple[SetVerdict, ...]:
        """Every set, the test set first."""
        return self.test, *self.guards

    @property
    def table(self) -> TextTable:
        """Both rates of each set, and what the short windows lose at most."""
        rate = self.test.rate_title
        rows = tuple(
            (
                one.name,
                str(one.clips),
                one.incumbent.text(bounds=1),
                one.candidate.text(bounds=1),
                points_text(one.delta, one.low, one.high, digits=2),
                points_text(one.upper, digits=2),
                "yes" if one.passed else "NO",
            )
            for one in self.sets
        )
        columns = ("set", "clips", f"{rate} % in full", f"% in {self.fit.title}", "difference", "at most", "holds")
        return TextTable("", columns, rows, text=frozenset({"set"}))

    @property
    def times_as_fast(self) -> float | None:
        """How many times as fast short windows are; None where the two were not measured alike."""
        return None if self.full is None or self.short is None else _times(self.full, self.short)


def decide_windows(
    test: Evidence,
    guards: Sequence[Evidence] = (),
    *,
    fit: Fit,
    bound: float = WINDOW_BOUND,
    level: float = LEVEL,
    allow_few_speakers: bool = False,
    full: Speed | None = None,
    short: Speed | None = None,
    runaways: int | None = None,
    resamples: int = RESAMPLES,
) -> WindowVerdict:
    """Decide whether a model may be used with short windows.

    Args:
        test: what the model wrote of the test set, with full windows (``incumbent``) and with short ones.
        guards: the same of what must not get worse.
        fit: the short windows.
        bound: the largest loss on a set, a fraction of the headline, WER or CER (0.005 is half a point).
        level: of the one-sided bounds.
        allow_few_speakers: whether a set of fewer than ten unseen speakers may decide, for these speakers alone.
        full: how fast the test set was decoded with full windows.
        short: the same with short ones.
        runaways: windows that were decoded again at the full window, of all sets.
        resamples: of the bootstrap of each rate.

    Raises:
        InputError: the two were measured on other clips or under another normalizer, two guards have one name, or the
            bound or level is out of its range.
    """
    check_rules(guards, bound, level)
    rules = Rules(bound, level, resamples=resamples, allow_few_speakers=allow_few_speakers)
    judged = [judge_set(evidence, "window", rules) for evidence in (test, *guards)]
    passed = all(one.passed for one in judged)
    answer = (
        f"Passed: short windows ({fit.title}) lose no more than the bound."
        if passed
        else f"Refused, the full window stays: {reasons(judged)}."
    )
    speeds = [] if full is None or short is None else [_speed_sentence(full, short)]
    again = [] if not runaways else [f"{counted(runaways, 'window')} ran away and had to be decoded again in full."]
    unguarded = [] if guards else ["No guard set was named: what short windows cost on other speech was not measured."]
    said = [one.sentence for one in judged] + speeds + again + unguarded + holding_for(judged, allow_few_speakers)
    return WindowVerdict(
        passed=passed,
        fit=fit,
        bound=bound,
        level=level,
        test=judged[0],
        guards=tuple(judged[1:]),
        sentences=(answer, *said),
        full=full,
        short=short,
        runaways=runaways,
        allow_few_speakers=allow_few_speakers,
    )


def window_verdict(store: Store, version: ModelVersion) -> WindowVerdict | None:
    """Return the last answer of the window gate on a version; None: it was not asked.

    Raises:
        DamagedError: it cannot be read.
    """
    records = verdicts(store, version)
    number, body = records.last()
    try:
        return WindowVerdict.model_validate(body) if number else None
    except ValidationError:
        raise unreadable(store, records.key(number)) from None


def keep_verdict(store: Store, version: ModelVersion, verdict: WindowVerdict) -> WindowVerdict:
    """Keep an answer of the window gate beside a version, from where it is obeyed; the very same one only once."""
    last = window_verdict(store, version)
    if last is not None and last.model_copy(update={"created": verdict.created, "runs": verdict.runs}) == verdict:
        return last
    verdicts(store, version).append(verdict.model_dump(mode="json"))
    return verdict


def windows_said(fit: Fit | None, verdict: WindowVerdict | None) -> str:
    """Return in a line what short windows a model was taught, and what the window gate said of them.

    >>> windows_said(None, None), windows_said(Fit(), None)
    ('full', 'clip + 1 s, as it was taught; not judged: acento judge-windows')
    """
    if fit is None:
        return "full"
    taught = f"{fit.title}, as it was taught"
    if verdict is None:
        return f"{taught}; not judged: acento judge-windows"
    return f"{taught}. {verdict.sentences[0]}"


def _speed_sentence(full: Speed, short: Speed) -> str:
    times = _times(full, short)
    said = f"RTFx {rtfx_text(full.rtfx)} with full windows, {rtfx_text(short.rtfx)} with short ones"
    if times is None:
        return f"{said}; the two were not measured alike, so that they do not compare."
    return f"{said}: {times:.1f} times as fast."


def _times(full: Speed, short: Speed) -> float | None:
    """Return how many times as fast the second is, where all but the window was alike."""
    old, new = (one.conditions and one.conditions.model_copy(update={"window": None}) for one in (full, short))
    return short.rtfx / full.rtfx if old is not None and old == new else None
