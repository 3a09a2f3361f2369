"""Compare two runs of the store: why did the number move?"""

from acento.api.session import session
from acento.registry.runs.comparing import RunChoice, compare_stored
from acento.scoring.comparing.confusions import TOP
from acento.scoring.comparing.run_comparison import RunComparison


def compare_runs(
    run_a: str,
    run_b: str,
    *,
    model_a: str | None = None,
    model_b: str | None = None,
    normalizer_a: str | None = None,
    normalizer_b: str | None = None,
    data: str | None = None,
    top: int = TOP,
) -> RunComparison:
    """Tell why two finished runs differ: overall, by group, by clip and by confused word.

    >>> found = compare_runs("latest", "latest", model_a="whisper-micro", model_b="whisper-mini", data="mine")
    >>> found.paired.overall.difference.delta > 0, found.changes.more > found.changes.fewer
    (True, True)
    >>> print(found.changes.changed[0].id in found.to_markdown())
    True

    Args:
        run_a: a run's id, or ``latest``.
        run_b: what it is compared with; a difference below 0 says that ``run_a`` errs less.
        model_a: which model of the first run, where it has several.
        model_b: which model of the second; by default the same model.
        normalizer_a: which normalizer of the first run, where it was scored by several.
        normalizer_b: which normalizer of the second.
        data: which data set (``NAME`` or ``NAME@VERSION``), where the runs share several.
        top: how many clips and errors are listed.

    Returns:
        The comparison: print it, or take ``tables()``, ``to_markdown()``, ``to_dict()``. Runs that two normalizers
        scored are compared without an interval: ``paired`` is None, and what the rule changed is listed.

    Raises:
        InputError: a run is unknown or has not finished, a choice is not clear, or they have no clip in common.
    """
    with session("compare runs") as store:
        choice = RunChoice(model_a, model_b, normalizer_a, normalizer_b, data)
        return compare_stored(store, run_a, run_b, choice, top)
