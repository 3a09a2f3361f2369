"""A smaller step away from the base: a version between a tuned model and its base, how far being chosen on dev."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from acento.core.fingerprint import fingerprint
from acento.core.progress import report
from acento.core.store import Store
from acento.data.dataset import load_card
from acento.inference.benchmark import SCORING_VERSION
from acento.models.base import DecodeOptions
from acento.models.checkpoints.checkpoint import Checkpoint, in_artifact
from acento.models.checkpoints.resolver import resolve
from acento.registry.interpolation import choose, interpolate
from acento.registry.model_version import RECIPE, ModelVersion
from acento.registry.publishing import publish_model
from acento.training.data.prepare import prepare
from acento.training.data.prepared import load_prepared
from acento.training.loading import load_labeler
from acento.training.loop.evaluate import DevScore, evaluate

RATIOS = (0.3, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)
_SCORES = "scores.json"
_TABLE = TypeAdapter(list[tuple[float, DevScore]])


def smaller_step(store: Store, version: ModelVersion, below: float = 1.0) -> tuple[ModelVersion | None, str]:
    """Publish the version between a model and its base that dev speaks for, and say how it was chosen.

    Dev is all that chooses: the smallest ratio whose dev WER is within one standard error of the lowest one, as what
    lies nearer to the base has forgotten less (Wortsman et al. 2022; the rule of one standard error: Breiman et al.
    1984). The test split is not looked at. Where that step was refused too, ``below`` it the next smaller one is taken,
    as long as dev says that it is better than the base.

    Args:
        store: where models are.
        version: the tuned model, whole.
        below: the ratio that was refused; 1 for the model itself.

    Returns:
        The version, or None where no smaller step is worth a try, and a sentence.

    Raises:
        ModelError: the base is gone, or is not what the version was tuned from.
        DataError: the data set is gone.
    """
    about = version.about
    base = resolve(about.base["id"], about.base["revision"])
    tuned = in_artifact(store, version.id, version.key)
    scores = _scores(store, version, base, tuned)
    lowest = min(scores.values(), key=lambda one: one.counts.rate or 0.0)
    choice = choose((*RATIOS, 1.0), lambda ratio: scores[ratio].counts, tolerance=_standard_error(lowest))
    ratio, sentence = choice.ratio or 1.0, choice.sentence
    if ratio >= below:
        smaller = [one for one in RATIOS if one < below]
        if not smaller:
            return None, f"No step smaller than {below:g} is left to try. {sentence}"
        ratio = smaller[-1]
        sentence = (
            f"The step of {below:g} was refused; the next smaller one is {ratio:g}, dev WER {scores[ratio].wer:.1%}."
        )
    if about.dev_wer_before is not None and scores[ratio].wer >= about.dev_wer_before:
        return None, f"A step of {ratio:g} is no better on dev than the base ({about.dev_wer_before:.1%})."

    def fill(folder: Path) -> None:
        interpolate(base.folder, tuned.folder, ratio, folder)
        recipe = about.recipe | {"interpolate": ratio}
        (folder / RECIPE).write_text(json.dumps(recipe, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    made = publish_model(
        store,
        about.model_copy(
            update={
                "recipe": about.recipe | {"interpolate": ratio},
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "dev_wer": scores[ratio].wer,
                "parent": version.version,
            }
        ),
        fill,
    )
    return made, sentence


def _scores(store: Store, version: ModelVersion, base: Checkpoint, tuned: Checkpoint) -> dict[float, DevScore]:
    """Return what dev says of each ratio; it is asked once, and the answer kept beside the version."""
    about = version.about
    labeler = load_labeler(base.family, base.folder, about.language)
    card = load_card(store, about.dataset)
    prepared = prepare(store, card, "dev", labeler.needs, labeler.labels, lambda _done, _total: None)
    normalizer = about.recipe.get("normalizer", "chilean-leaderboard")
    options = DecodeOptions(language=about.language, threads=int(about.provenance.get("threads", 1)))
    asked = [base.digest, prepared.key, normalizer, options.model_dump(mode="json"), RATIOS, SCORING_VERSION]
    key = f"{version.folder_key}/steps/{fingerprint(asked)}"
    if store.find(key) is None:
        found = [*_decoded(store, prepared.key, base, tuned, normalizer, options)]
        with store.publish(key) as draft:
            (draft.folder / _SCORES).write_bytes(_TABLE.dump_json(found))
    return dict(_TABLE.validate_json(store.read_bytes(key, _SCORES)))


def _decoded(
    store: Store, prepared: str, base: Checkpoint, tuned: Checkpoint, normalizer: str, options: DecodeOptions
) -> Iterator[tuple[float, DevScore]]:
    """Decode dev with weights between the base's and the tuned ones, ratio by ratio."""
    dev = load_prepared(store, prepared)
    for number, ratio in enumerate((*RATIOS, 1.0), 1):
        with tempfile.TemporaryDirectory(prefix="acento-between-") as folder:
            interpolate(base.folder, tuned.folder, ratio, Path(folder))
            recognizer = base.family.load(Path(folder), options)
            try:
                score = evaluate(
                    recognizer,
                    dev,
                    normalizer=normalizer,
                    batch_size=base.family.batch_size[options.device_type],
                    language=options.language,
                )
            finally:
                recognizer.close()
        report("try smaller steps", number, len(RATIOS) + 1, "ratios")
        yield ratio, score


def _standard_error(score: DevScore) -> float:
    """Return the standard error of a dev WER, from the half width of its 95 % interval."""
    return 0.0 if score.low is None or score.high is None else (score.high - score.low) / (2 * 1.96)
