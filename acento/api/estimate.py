"""What a benchmark would take and cost, as a value: work by model and data set, minutes and dollars by device."""

from collections.abc import Mapping

from pydantic import BaseModel

from acento.core.prices import dollars
from acento.registry.runs.expected_speed import Basis
from acento.scoring.table import NO_VALUE, TextTable


class Work(BaseModel, frozen=True):
    """One model on one data set."""

    model: str
    dataset: str
    clips: int
    audio_hours: float
    parts: int
    parts_done: int
    """Parts that are in the store."""
    known: bool
    """False: the model is not on this machine, so that nobody can say whether parts are in the store."""


class Expected(BaseModel, frozen=True):
    """What the work that is left would take on one device."""

    device: str
    """A type of the price table, such as ``L40S``, or what a machine calls its own."""
    workers: int
    minutes: float | None
    """From start to end, by so many workers; the start of machines comes on top. None: nobody knows how fast it is."""
    dollars: float | None
    """None also where the device has no price."""
    usd_per_hour: float | None
    """Of one worker."""
    source: str
    """Where the price is from, and when it was read."""
    basis: Basis
    why: str
    """What the speed rests on, in words."""
    chosen: bool
    """Whether this is where the work would be done."""


class Estimate(BaseModel, frozen=True):
    """What there is to do, and what it would take."""

    work: tuple[Work, ...]
    expected: tuple[Expected, ...]
    left_out: Mapping[str, str] = {}
    """Models and data sets that cannot be used, each with the reason."""

    @property
    def chosen(self) -> Expected:
        """What is expected of the device that would do the work."""
        return next(one for one in self.expected if one.chosen)

    def grids(self) -> tuple[TextTable, TextTable]:
        """Return it as a person reads it: the work, and what is expected by device."""
        return self._work(), self._expected()

    def __str__(self) -> str:
        return "\n\n".join(grid.to_text() for grid in self.grids())

    def _repr_html_(self) -> str:
        return "".join(grid.to_html() for grid in self.grids())

    def to_markdown(self) -> str:
        """Return both tables in GitHub's Markdown."""
        return "\n".join(grid.to_markdown() for grid in self.grids())

    def _work(self) -> TextTable:
        unknown = any(not one.known for one in self.work)
        note = "? the model is not on this machine: what the store has of it is not known."
        return TextTable(
            title="What there is to do",
            columns=("model", "data", "clips", "hours", "parts", "in the store"),
            rows=tuple(
                (
                    one.model,
                    one.dataset,
                    str(one.clips),
                    f"{one.audio_hours:.2f}",
                    str(one.parts),
                    str(one.parts_done) if one.known else "?",
                )
                for one in self.work
            ),
            notes=(note,) if unknown else (),
            text=frozenset({"model", "data"}),
        )

    def _expected(self) -> TextTable:
        sources = sorted({one.source for one in self.expected if one.source})
        notes = ["→ where it would be done. Starting machines comes on top, and loading where it was not measured."]
        guesses = dict.fromkeys(one.why for one in self.expected if one.basis == "guess")
        if guesses:
            notes.append(f"guess: {'; '.join(guesses)}. Measure a few clips with --limit to know.")
        notes += [f"Prices: {'; '.join(sources)}."] if sources else []
        return TextTable(
            title="What is left would take",
            columns=("", "device", "workers", "minutes", "cost", "$/h", "speed"),
            rows=tuple(
                (
                    "→" if one.chosen else "",
                    one.device,
                    str(one.workers),
                    NO_VALUE if one.minutes is None else _minutes(one.minutes),
                    NO_VALUE if one.dollars is None else dollars(one.dollars),
                    NO_VALUE if one.usd_per_hour is None else dollars(one.usd_per_hour),
                    "guess" if one.basis == "guess" else one.why,
                )
                for one in self.expected
            ),
            notes=tuple(notes),
            text=frozenset({"", "device", "speed"}),
        )


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"
