"""Two runs of the store compared: which model and data set of each, and which run came before."""

from dataclasses import dataclass

from acento.core.errors import InputError
from acento.core.store import Store
from acento.models.checkpoints.references import short_name
from acento.registry.runs.records import entries_of, find_run, runs, utterances_of
from acento.scoring.comparing.confusions import TOP
from acento.scoring.comparing.run_comparison import RunComparison, compare_entries
from acento.scoring.entry import Entry

_LOOKED_AT = 50
"""Runs before one that are looked through for the same data set."""

Found = tuple[Entry, str]
"""An entry of a run, and the key of its score."""


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What of two runs is compared, where they have several of it."""

    model_a: str | None = None
    """A model of the first run; as it was named, or its short name."""
    model_b: str | None = None
    """Of the second; by default the same model, where it has that."""
    normalizer_a: str | None = None
    normalizer_b: str | None = None
    dataset: str | None = None
    """``NAME`` or ``NAME@VERSION``."""


def compare_stored(
    store: Store, run_a: str, run_b: str, choice: RunChoice = RunChoice(), top: int = TOP
) -> RunComparison:
    """Compare two finished runs, each an id or ``latest``, or two models of one; ``top`` clips and errors are listed.

    Raises:
        InputError: a run does not exist or has not finished, the choice is not one, or nothing can be compared.
    """
    (name_a, all_a), (name_b, all_b) = (_entries(store, run) for run in (run_a, run_b))
    found_a, found_b = (_of_dataset(*one, choice.dataset) for one in ((name_a, all_a), (name_b, all_b)))
    if choice.dataset is None:
        shared = _datasets(found_a) & _datasets(found_b)
        if not shared:
            have = " and ".join(", ".join(sorted(_datasets(found))) for found in (found_a, found_b))
            raise InputError(f"Runs {name_a} and {name_b} have no data set in common: they are on {have}.")
        if len(shared) > 1:
            raise InputError(f"Both runs are on {', '.join(sorted(shared))}: choose one with --dataset.")
        found_a, found_b = ([one for one in found if _dataset(one) in shared] for found in (found_a, found_b))
    found_a = _of_normalizer(name_a, found_a, choice.normalizer_a)
    found_b = _of_normalizer(name_b, found_b, choice.normalizer_b)
    model_a, model_b = _both(found_a, found_b, choice.model_a, choice.model_b)
    (entry_a, key_a), (entry_b, key_b) = _choose(name_a, found_a, model_a, "a"), _choose(name_b, found_b, model_b, "b")
    tables = utterances_of(store, key_a), utterances_of(store, key_b)
    return compare_entries(entry_a, tables[0], entry_b, tables[1], top=top)


def compare_with_previous(store: Store, run: str, *, top: int = 5) -> list[RunComparison]:
    """Compare the best model on each data set of a run with the same model, else the best, of the run before it.

    A run before is the latest that scored the same clips by the same normalizer; where there is none, nothing is
    compared.
    """
    finished = [info.id for info in runs(store) if info.finished]
    before = finished[: finished.index(run)][::-1][:_LOOKED_AT] if run in finished else []
    found: list[RunComparison] = []
    now: dict[tuple[object, ...], Found] = {}
    for one in sorted(entries_of(store, f"runs/{run}"), key=_error_rate):
        now.setdefault(_clips(one[0]), one)
    for other in before:
        earlier = sorted(entries_of(store, f"runs/{other}"), key=_error_rate)
        for clips, (entry, key) in list(now.items()):
            alike = [one for one in earlier if _clips(one[0]) == clips]
            same = [one for one in alike if one[0].model == entry.model]
            if alike:
                del now[clips]
                then, then_key = (same or alike)[0]
                tables = utterances_of(store, key), utterances_of(store, then_key)
                found.append(compare_entries(entry, tables[0], then, tables[1], top=top))
        if not now:
            break
    return found


def _entries(store: Store, run: str) -> tuple[str, list[Found]]:
    unfinished = {info.id for info in runs(store) if not info.finished}
    if run in unfinished:
        raise InputError(f"Run {run} has not finished: run the same benchmark again to resume it, then compare.")
    artifact = find_run(store, run)
    return artifact.key.rpartition("/")[2], list(entries_of(store, artifact.key))


def _of_dataset(run: str, found: list[Found], dataset: str | None) -> list[Found]:
    if dataset is None:
        return found
    kept = [one for one in found if dataset in (_dataset(one), one[0].dataset.replace(" v", "@"))]
    if not kept:
        raise InputError(f"Run {run} is not on data set {dataset!r}; it is on {', '.join(sorted(_datasets(found)))}.")
    return kept


def _of_normalizer(run: str, found: list[Found], name: str | None) -> list[Found]:
    rules = {entry.score.normalizer for entry, _ in found}
    kept = [one for one in found if name is None or name in _versions(one[0].score.normalizer)]
    if not kept:
        raise InputError(f"Run {run} is not scored by {name!r}; it is scored by {', '.join(sorted(rules))}.")
    return kept


def _versions(normalizer: str) -> tuple[str, str]:
    """Return a normalizer's name with and without its version."""
    return normalizer, normalizer.rpartition("-")[0]


def _both(
    found_a: list[Found], found_b: list[Found], model_a: str | None, model_b: str | None
) -> tuple[str | None, str | None]:
    """Return which models are meant: one that is not named is the other's, or the one that both runs have."""
    models_a, models_b = ({one.model for one, _ in found} for found in (found_a, found_b))
    if model_a is None and model_b is None and len(shared := models_a & models_b) == 1:
        (only,) = shared
        return (only if len(models_a) > 1 else None), (only if len(models_b) > 1 else None)
    if model_a is not None and model_b is None and len(models_b) > 1:
        model_b = model_a
    if model_b is not None and model_a is None and len(models_a) > 1:
        model_a = model_b
    return model_a, model_b


def _choose(run: str, found: list[Found], model: str | None, side: str) -> Found:
    kept = [one for one in found if model is None or model in _names(one[0].model)]
    names = ", ".join(sorted({f"{one.model} on {one.dataset} by {one.score.normalizer}" for one, _ in found}))
    if not kept:
        raise InputError(f"Run {run} has no model {model!r}; it has {names}.")
    if len(kept) > 1:
        raise InputError(
            f"Run {run} has {names}: choose one with --model-{side}, --normalizer-{side} or --dataset NAME@VERSION."
        )
    return kept[0]


def _names(model: str) -> tuple[str, ...]:
    """Return what a person may call a model: all of its name, without where it is from, or only its end.

    >>> _names("registry:chilean@3"), _names("openai/whisper-small")[1:]
    (('registry:chilean@3', 'chilean@3', 'registry:chilean@3'), ('openai/whisper-small', 'whisper-small'))
    """
    return model, model.rpartition(":")[2], short_name(model)


def _dataset(found: Found) -> str:
    return found[0].dataset.rpartition(" v")[0] or found[0].dataset


def _datasets(found: list[Found]) -> set[str]:
    return {_dataset(one) for one in found}


def _clips(entry: Entry) -> tuple[object, ...]:
    return entry.dataset_fingerprint, entry.split, entry.limit, entry.score.normalizer


def _error_rate(found: Found) -> float:
    value = found[0].score.rate.value
    return float("inf") if value is None else value
