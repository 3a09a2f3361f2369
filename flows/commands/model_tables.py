"""What ``models show`` prints of a version: its report and the history of its aliases."""

from typing import TYPE_CHECKING

from flows import terminal

if TYPE_CHECKING:
    from acento.core.store import Store
    from acento.registry.card.report import ModelReport


def print_report(report: "ModelReport") -> None:
    """Print scores before and after, and what the gate said."""
    rows = []
    for one in report.sets:
        shown = [(f"{one.name} ({one.role})", one.all), *((f"  {accent}", row) for accent, row in one.accents.items())]
        rows += [
            (title, row.clips, "–" if row.base is None else row.base.text(), row.tuned.text()) for title, row in shown
        ]
    terminal.print_table(None, ["clips", "scored", f"WER % of {report.base}", "WER % of it"], rows)
    if report.gate is not None:
        terminal.out.print()
        answer = "passed" if report.gate.passed else "refused"
        terminal.print_facts([("gate", f"{answer}, compared with {report.incumbent}")])
        terminal.print_facts([("", sentence) for sentence in report.gate.sentences])
    elif report.uses is not None:
        terminal.print_facts([("test split", report.uses.sentence)])
    terminal.print_facts([("runs", ", ".join(report.runs))])


def print_history(store: "Store", name: str, alias: str) -> None:
    """Print every move of an alias, the newest last."""
    from acento.registry.aliases import history

    rows = [
        (
            move.number,
            move.version,
            move.when.replace("T", " ")[:16],
            move.by,
            "rollback" if move.restores else "FORCED" if move.forced else "promoted",
            move.why or "–",
        )
        for move in history(store, name, alias)
    ]
    terminal.print_table(alias, ["move", "version", "when", "by", "how", "why"], rows)
