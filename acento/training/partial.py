"""Trainings that are measured and not kept, planned: the points of a learning curve, the folds of a cross-validation.

What is compared must differ in one thing only. The points of a curve are trained for the same number of optimizer
steps, with dev decoded after the same ones, so that they differ in clips: with the same number of epochs a quarter of
the clips would get a quarter of the steps, and a curve of shorter trainings would promise too much of more data. That a
small share is seen more often does it no harm that dev does not see: of each training the best checkpoint counts.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from acento.core.errors import InputError
from acento.core.store import Store
from acento.data.dataset import Card, language_of
from acento.data.source_options import SplitBy
from acento.data.utterance import SPLITS
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint, ModelSpec
from acento.models.checkpoints.references import check_name
from acento.models.languages import language_code
from acento.training.data.prepare import prepare
from acento.training.data.prepared import load_prepared
from acento.training.data.subsets import Fold, Share, fold_places, share_size
from acento.training.job import FinetuneJob
from acento.training.loading import load_labeler
from acento.training.loop.schedule import total_steps
from acento.training.recipe import Recipe

SHARES = (25.0, 50.0, 75.0, 100.0)


def plan_shares(job: FinetuneJob, percents: Sequence[float]) -> list[FinetuneJob]:
    """Return a training on each share of a planned training's clips, the smallest first.

    Raises:
        InputError: there are not two shares from 1 to 100, or two of them are of as many clips.
    """
    ordered = check_shares(percents)
    sizes = [share_size(job.train_clips, percent) for percent in ordered]
    for (percent, size), (following, next_size) in pairwise(zip(ordered, sizes, strict=True)):
        if size == next_size:
            raise InputError(
                f"{percent:g} % and {following:g} % of {job.train_clips} training clips are both {size}; "
                "ask for shares that lie further apart."
            )
    return [
        job.model_copy(
            update={
                "name": f"{job.name}-curve-{percent:g}",
                "part": Share(percent=percent),
                "recipe": recipe_for_share(job.recipe, job.train_clips, size),
                "train_clips": size,
                "publish": False,
            }
        )
        for percent, size in zip(ordered, sizes, strict=True)
    ]


def check_shares(percents: Sequence[float]) -> list[float]:
    """Return shares in ascending order, each once.

    Raises:
        InputError: there are not two of them from 1 to 100.
    """
    wrong = [percent for percent in percents if not 1 <= percent <= 100]
    if wrong:
        raise InputError(f"A share of {wrong[0]:g} % cannot be learned from; ask for shares from 1 to 100.")
    ordered = sorted(set(percents))
    if len(ordered) < 2:
        raise InputError("One share makes no curve; ask for two or more, such as 25,50,75,100.")
    return ordered


def recipe_for_share(recipe: Recipe, clips: int, share: int) -> Recipe:
    """Return a recipe by which a share of the clips is learned in as many steps, and dev decoded after the same ones.

    >>> few = recipe_for_share(Recipe(epochs=4, eval_every=1, batch_size=5), 100, 25)
    >>> few.max_steps, few.epochs, few.eval_every
    (80, 16.0, 4.0)
    """
    size = recipe.batch_size * recipe.accumulate
    all_epoch, share_epoch = -(-clips // size), -(-share // size)
    if all_epoch == share_epoch:
        return recipe
    steps = total_steps(recipe, all_epoch)
    longer = all_epoch / share_epoch
    return recipe.with_values(max_steps=steps, epochs=steps / share_epoch, eval_every=recipe.eval_every * longer)


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
    heard: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[FinetuneJob]:
    """Prepare all clips, unless the store has them already, and return one training for each fold; loads no weights.

    Args:
        store: where the data set is, and the prepared clips will be.
        card: the data set.
        checkpoint: the base model.
        recipe: how it learns.
        name: what the trainings are called; no model of that name is made.
        options: device and threads; language and dtype are set here.
        folds: how many.
        by: what a group is; by default the speaker, or the prompt where no speaker is known.
        splits: whose clips; all that the data set has.
        language: ISO 639-1; by default the one that all clips have.
        heard: called with the clips prepared and all clips.

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
    clips = prepare(store, card, "+".join(chosen), labeler.needs, labeler.labels, heard)
    examples = load_prepared(store, clips.key).examples
    jobs = []
    for number in range(folds):
        part = Fold(number=number, count=folds, by=by)
        places = fold_places(examples, part)
        jobs.append(
            FinetuneJob(
                name=f"{name}-fold-{number + 1}-of-{folds}",
                base=ModelSpec.of(checkpoint),
                dataset=f"{card.name}@{card.version}",
                dataset_fingerprint=card.fingerprint,
                train=clips.key,
                dev=clips.key,
                train_clips=len(places.train),
                dev_clips=len(places.dev),
                left_out=clips.left_out,
                language=language,
                recipe=recipe,
                options=options.model_copy(update={"language": language, "dtype": "float32"}),
                part=part,
                publish=False,
            )
        )
    return jobs
