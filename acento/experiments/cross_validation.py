"""A cross-validation: one training for each fold of all clips, and the base and tuned models on every clip, pooled."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.core.store import Store
from acento.data.dataset import Card, language_of
from acento.data.source_options import SplitBy
from acento.data.utterance import SPLITS
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import check_name
from acento.models.languages import language_code
from acento.scoring.comparing.folds import Pooled, groups_of, pool, pool_difference, pool_tables
from acento.scoring.counting.headline import headline
from acento.scoring.score import SCORED, counts_of, headline_columns, scored
from acento.scoring.statistics.bootstrap import LEVEL
from acento.scoring.statistics.power import detectable
from acento.scoring.table import interval_text, points_text
from acento.training.data.prepare import prepare
from acento.training.data.prepared import load_prepared
from acento.training.data.subsets import Fold, fold_places
from acento.training.job import FinetuneJob
from acento.training.loop.evaluate import scored_table
from acento.training.planning import job_of, load_labeler
from acento.training.recipe import Recipe

REPORT, BASE, TUNED = "folds.json", "base.parquet", "tuned.parquet"
_VERSION = 1
_FEW = 10
"""With fewer groups an interval is approximate (see ``acento.scoring.statistics.bootstrap``)."""


class FoldRow(BaseModel, frozen=True):
    """One fold."""

    fold: int
    """From 1."""
    learned: int
    """Clips that its model learned from; ``dev`` more chose its best checkpoint."""
    dev: int
    clips: int
    """Clips that it tests."""
    groups: int
    base: float | None
    """WER, or CER where that is the headline; fractions."""
    tuned: float | None


class FoldsReport(BaseModel, frozen=True):
    """Everything that a cross-validation says: ``folds.json``."""

    title: str
    unit: str
    """What a group is: speaker, prompt, or group where there are both."""
    rows: tuple[FoldRow, ...]
    base: Pooled
    tuned: Pooled
    delta: float | None
    """Headline of tuned less base, a fraction, over all clips that both have a text for."""
    low: float | None
    high: float | None
    sentence: str


def learned_clips(clips: int, folds: int) -> int:
    """Return about how many of so many clips each fold learns from.

    >>> learned_clips(200, 5)
    140
    """
    return max(1, round(clips * max(1, folds - 1) / max(2, folds) * 7 / 8))


def check_splits(card: Card, splits: Sequence[str]) -> list[str]:
    """Return the splits of a data set that folds are made of: all that it has, or those that are named.

    Raises:
        InputError: one that is named is not there, or has no clips.
    """
    have = [split for split in SPLITS if card.splits.get(split)]
    for split in splits:
        if split not in have:
            raise InputError(f"Data set {card.title} has no {split} split to make folds of; it has {', '.join(have)}.")
    return [split for split in have if not splits or split in splits]


def plan_folds(
    store: Store,
    card: Card,
    checkpoint: Checkpoint,
    recipe: Recipe,
    *,
    name: str,
    options: DecodeOptions,
    folds: int,
    by: SplitBy = "auto",
    splits: Sequence[str] = (),
    language: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[FinetuneJob]:
    """Prepare all clips, unless the store has them already, and return one training for each fold; loads no weights.

    Args:
        store: see :func:`plan_finetune`, as are ``card``, ``checkpoint``, ``recipe``, ``options`` and ``language``.
        name: what the trainings are called; no model of that name is made.
        folds: how many.
        by: what a group is; by default the speaker, or the prompt where no speaker is known.
        splits: whose clips; all that the data set has.
        on_progress: called with the clips prepared and all clips.

    Raises:
        InputError: there are too few groups for so many folds, or no such split.
        DataError: nothing can be learned from, or groups are speakers and a clip has none.
        ModelError: the base's family cannot be fine-tuned, or does not know the language.
    """
    check_name(name)
    chosen = check_splits(card, splits)
    if folds < 2:
        raise InputError(f"{folds} folds cannot test on other clips than they train on; ask for 2 or more.")
    language = language_code(checkpoint, language or language_of(store, card, chosen))
    labeler = load_labeler(checkpoint.family, checkpoint.folder, language)
    clips = prepare(store, card, "+".join(chosen), labeler.needs, labeler.labels, on_progress)
    examples = load_prepared(store, clips.key).examples
    job = job_of(card, checkpoint, recipe, name, options, language, clips, clips)
    jobs = []
    for number in range(folds):
        part = Fold(number=number, count=folds, by=by)
        places = fold_places(examples, part)
        jobs.append(
            job.model_copy(
                update={
                    "name": f"{name}-fold-{number + 1}-of-{folds}",
                    "train_clips": len(places.train),
                    "dev_clips": len(places.dev),
                    "left_out": clips.left_out,
                    "part": part,
                    "publish": False,
                }
            )
        )
    return jobs


def publish_report(store: Store, title: str, jobs: Sequence[FinetuneJob]) -> tuple[FoldsReport, str]:
    """Sum up trainings on folds that are done; counts are added up, and no rates averaged.

    Returns:
        The report, and the key of the artifact that has it, with the scored utterances of both models.

    Raises:
        StoreError: a training is not done.
    """
    part = jobs[0].part
    assert isinstance(part, Fold), "a cross-validation is of folds"
    base = [scored_table(store, job, "base") for job in jobs]
    tuned = [scored_table(store, job, "tuned") for job in jobs]
    all_base, all_tuned = pool_tables(base), pool_tables(tuned)
    groups = groups_of(all_base, part.by)
    kinds = {group.partition(":")[0] for group in groups}
    unit = kinds.pop() if len(kinds) == 1 else "group"
    difference = pool_difference(tuned, base, part.by)
    delta, low, high, p_value = (getattr(difference, name, None) for name in ("delta", "low", "high", "p_value"))
    report = FoldsReport(
        title=title,
        unit=unit,
        rows=tuple(
            FoldRow(
                fold=number,
                learned=job.train_clips,
                dev=job.dev_clips,
                clips=len(old),
                groups=len(set(groups_of(old, part.by))),
                base=_rate(old),
                tuned=_rate(new),
            )
            for number, (job, old, new) in enumerate(zip(jobs, base, tuned, strict=True), 1)
        ),
        base=pool(base, part.by),
        tuned=pool(tuned, part.by),
        delta=delta,
        low=low,
        high=high,
        sentence=_sentence(
            unit, len(set(groups)), delta, low, high, p_value, _detectable(all_base, all_tuned, part.by, unit)
        ),
    )
    key = f"crossvalidations/{fingerprint([_VERSION, [job.fingerprint for job in jobs], title])}"
    with store.publish(key) as draft:
        (draft.folder / REPORT).write_text(report.model_dump_json(indent=1), encoding="utf-8")
        pq.write_table(all_base, draft.folder / BASE)
        pq.write_table(all_tuned, draft.folder / TUNED)
    return report, key


def _sentence(
    unit: str,
    groups: int,
    delta: float | None,
    low: float | None,
    high: float | None,
    p_value: float | None,
    seen: str,
) -> str:
    """Answer the question that folds are made for; so few groups that signs alone could be chance tell nothing."""
    if delta is None:
        return "There is no reference word in the clips that both models have a text for: nothing can be said."
    if low is None or high is None or p_value is None:
        return f"Tuned less base: {points_text(delta)} points; one {unit} alone has no interval."
    change = f"Tuned less base: {points_text(delta)} points{interval_text(low, high, sign='+')}"
    narrow = f" {groups} {unit}s are few: the interval is approximate." if groups < _FEW else ""
    sure = p_value <= 1 - LEVEL
    if high < 0 and sure:
        return f"{change}: the gain holds for {unit}s that were not trained on.{narrow}"
    if low > 0 and sure:
        return f"{change}: on {unit}s that were not trained on, the tuned models are worse.{narrow}"
    return f"{change}: these clips cannot tell a gain on {unit}s that were not trained on.{narrow} {seen}".rstrip()


def _detectable(base: pa.Table, tuned: pa.Table, by: SplitBy, unit: str) -> str:
    """Say what difference so many groups would show at all."""
    both = pc.and_(pc.equal(base["status"], SCORED), pc.equal(tuned["status"], SCORED))
    base, tuned = base.filter(both), tuned.filter(both)
    found = detectable(
        *headline_columns(base),
        headline_columns(tuned)[0],
        groups=groups_of(base, by),
        unit=unit,
    )
    return "" if found is None else found.sentence


def _rate(table: pa.Table) -> float | None:
    return counts_of(scored(table), headline(table)).rate
