"""Compare two models on the same clips."""

from typing import Any, Literal

from acento.api.benchmarking import run_here
from acento.api.working import Named, name_of, options_of, working
from acento.core.errors import InputError
from acento.registry.runs import entries_of, utterances_of
from acento.requests import BenchmarkRequest
from acento.scoring.compare import GroupedComparison, compare_groups


@options_of(BenchmarkRequest, "models", "datasets", "compute")
def compare(
    model_a: Named,
    model_b: Named,
    data: Named,
    *,
    draw: Literal["clips", "speakers"] | None = None,
    **options: Any,
) -> GroupedComparison:
    """Tell how much more one model errs than another on the same clips, overall and by speaker and accent.

    >>> found = compare("demo:whisper-micro", "demo:whisper-mini", "mine")
    >>> found.overall.difference.delta > 0, sorted(found.groups)
    (True, ['accent', 'speaker'])

    Args:
        model_a: as ``benchmark`` takes models.
        model_b: what it is compared with; a difference below 0 says that ``model_a`` errs less.
        data: the name of a staged data set, or what ``stage`` returned.
        draw: what the intervals draw: speakers, so that they hold for people who were not recorded, or clips; by
            default speakers where at least ten are known.
        options: see below.

    Raises:
        InputError: one of the models, or the data set, cannot be used.
    """
    names = [name_of(model_a), name_of(model_b)]
    request = BenchmarkRequest.of(models=names, datasets=[name_of(data)], **options)
    with working("compare") as store:
        finished, run = run_here(store, request)
        for name, why in finished.leaderboard.left_out.items():
            raise InputError(f"{name} cannot be compared. {why}")
        measured = [(entry.model, utterances_of(store, key)) for entry, key in entries_of(store, f"runs/{run}")]
    # in the order of the names; one only where both are the same
    (name_a, table_a), (name_b, table_b) = measured[0], measured[-1]
    by_speaker = None if draw is None else draw == "speakers"
    return compare_groups(name_a, name_b, table_a, table_b, by_speaker=by_speaker)
