"""Verbs that say how far few clips can be trusted: ``learning-curve`` and ``cross-validate``; neither keeps a model."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows import terminal
from flows.commands.options import PLACE, RECIPE, Values, recipe_of, request_of, verb
from flows.commands.working import working

if TYPE_CHECKING:
    from tasks.cross_validate import CrossValidated
    from tasks.learning_curve import DrawnCurve

Shares = Annotated[str, typer.Option("--shares", help="Of the training clips, in percent.")]


@verb("CurveRequest", **RECIPE, **PLACE, shares=(Shares, "25,50,75,100"))
def learning_curve(chosen: Values) -> None:
    """Train on a quarter, a half, … of the clips: would more clips help? Killed, the same command goes on."""
    from acento.experiments.learning_curve import check_shares
    from acento.requests import CurveRequest

    shares = check_shares(_numbers(chosen["shares"]))
    request: CurveRequest = request_of(CurveRequest, chosen, recipe=recipe_of(chosen), shares=shares)
    with working("learning-curve", request.dataset, chosen=chosen):
        from flows.learning_curve import learning_curve as learning_curve_flow

        drawn = learning_curve_flow(**request.parameters())
    print_learning_curve(drawn)


@verb("FoldsRequest", **RECIPE, **PLACE)
def cross_validate(chosen: Values) -> None:
    """Test every clip by a model that never heard its speaker: would the gain hold for new ones?"""
    from acento.requests import FoldsRequest

    request: FoldsRequest = request_of(FoldsRequest, chosen, recipe=recipe_of(chosen))
    with working("cross-validate", request.dataset, chosen=chosen):
        from flows.cross_validate import cross_validate as cross_validate_flow

        validated = cross_validate_flow(**request.parameters())
    print_cross_validation(validated)


def print_learning_curve(drawn: "DrawnCurve") -> None:
    """Print the table, what it foretells, and where the picture is."""
    from tasks.learning_curve import HEADER, curve_rows, note

    _print(drawn.curve.title, HEADER, curve_rows(drawn.curve))
    terminal.out.print(f"{drawn.curve.forecast.sentence}\n\n{note(drawn.curve)}\n", markup=False, soft_wrap=True)
    terminal.print_facts([("picture", drawn.picture)])


def print_cross_validation(validated: "CrossValidated") -> None:
    """Print the table by fold and pooled, and the answer."""
    from acento.core.settings import settings
    from acento.core.store import open_store
    from tasks.cross_validate import HEADER, fold_rows

    report = validated.report
    _print(report.title, HEADER, fold_rows(report))
    folder = open_store(settings().store).local_folder(validated.key)
    terminal.out.print(f"{report.sentence}\n\nTuned: {report.tuned.sentence}\n", markup=False, soft_wrap=True)
    terminal.print_facts([("files", folder)])


def _print(title: str, header: tuple[str, ...], rows: list[Any]) -> None:
    terminal.print_table(title[0].upper() + title[1:], header, rows)
    terminal.out.print()


def _numbers(shares: str) -> list[float]:
    """Read shares such as ``25,50,100``.

    Raises:
        InputError: one of them is no number.
    """
    from acento.core.errors import InputError

    try:
        return [float(share) for share in shares.replace("%", "").split(",")]
    except ValueError:
        raise InputError(f"Shares {shares!r} are no numbers; write percents with commas: 25,50,75,100.") from None
