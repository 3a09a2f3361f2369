"""What is known of a model version after its benchmarks: scores beside its base's, the gate's verdict, the model card.

``models/NAME/VERSION/reports/0001`` and on: each later report is one more, and the latest is what the gate's consent is
read from.
"""

from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from acento.core.errors import DamagedError
from acento.core.store import Store
from acento.registry.gate.evidence import SplitUse
from acento.registry.gate.verdict import GateVerdict, SetRole
from acento.registry.gate.windows import WindowVerdict
from acento.registry.model_version import CARD, ModelVersion
from acento.scoring.counting.headline import Headline, rate_title
from acento.scoring.errors.summary import OtherErrors
from acento.scoring.score import Rate
from acento.scoring.statistics.units import FEW_SPEAKERS, UnitKind
from acento.scoring.table import counted

REPORT = "report.json"


class WerDifference(BaseModel, frozen=True, extra="forbid"):
    """How much more the tuned model errs than its base on the same clips, fractions of WER; below 0 it is better."""

    delta: float
    low: float | None
    high: float | None
    p_value: float | None


class ComparisonRow(BaseModel, frozen=True, extra="forbid"):
    """Base and tuned model on the same clips."""

    clips: int
    """Scored for the tuned model."""
    words: int
    """Words of their references."""
    failed: int
    """Clips that the tuned model has no text for; they are in no rate."""
    base: Rate | None
    """None where the base was not measured."""
    tuned: Rate
    difference: WerDifference | None
    unit: UnitKind = "clip"
    """What the intervals draw."""
    speakers: int = 0
    """Different speakers that are known."""
    seen: bool = False
    """Whether these speakers are in the training split too."""
    few: bool = False
    """Whether there are fewer than ten unseen speakers."""

    @property
    def drawn(self) -> str:
        """What the intervals are over, and for whom they hold, in words."""
        speakers = counted(self.speakers, "speaker")
        if self.unit == "speaker" and self.few:
            return f"{speakers}, too few to be trusted for others (fewer than {FEW_SPEAKERS})"
        if self.unit == "speaker":
            return f"{speakers}, and hold for others too"
        if self.seen:
            return f"clips, and hold for these {speakers}, who are in its training data"
        return "clips; for other speakers they are too narrow"


class SetReport(BaseModel, frozen=True, extra="forbid"):
    """One set of clips: the test set, or a guard."""

    name: str
    """As a person names it, such as ``santiago@2[accent=chilean]``."""
    role: SetRole
    dataset: str
    dataset_fingerprint: str
    split: str
    all: ComparisonRow
    accents: dict[str, ComparisonRow]
    """By accent, where more than one is known."""
    normalizer: str | None = None
    """Name and version; None in reports of before each set had its own."""
    headline: Headline = "word"
    """``character``: the rates are CER, and words are characters."""
    errors_before: OtherErrors | None = None
    """The base's errors besides words; None where they were not counted."""
    errors_after: OtherErrors | None = None
    """Those of the tuned model."""

    @property
    def rate_title(self) -> str:
        """What its rates are, such as ``WER (spanish-1)``."""
        return rate_title(self.headline, self.normalizer)


class ModelReport(BaseModel, frozen=True, extra="forbid"):
    """What benchmarks say of a model version; rates are fractions with their intervals."""

    model: str
    """``registry:NAME@VERSION``."""
    base: str
    incumbent: str
    """What the gate compared it with: production when it was asked, or the base."""
    runs: tuple[str, ...]
    normalizer: str
    sets: tuple[SetReport, ...]
    """The test set first."""
    gate: GateVerdict | None
    uses: SplitUse | None
    """How often the test split had been looked at, this time included."""
    created: str
    short: bool = False
    """Whether the version was measured with short windows, as it was used then."""
    windows: WindowVerdict | None = None
    """What the window gate says of these; None where it was not asked."""

    @property
    def test(self) -> SetReport:
        """The test set."""
        return self.sets[0]


@dataclass(frozen=True, slots=True)
class Published:
    """A report in the store."""

    key: str
    report: ModelReport


def latest_report(store: Store, version: ModelVersion) -> Published | None:
    """Return the last report of a version; None where there is none.

    Raises:
        DamagedError: it cannot be read.
    """
    keys = sorted(store.list(f"{version.folder_key}/reports"))
    if not keys:
        return None
    try:
        return Published(keys[-1], ModelReport.model_validate_json(store.read_bytes(keys[-1], REPORT)))
    except ValidationError as error:
        raise DamagedError(f"The report {keys[-1]} in {store.url} cannot be read; remove its folder.") from error


def card_path(store: Store, version: ModelVersion) -> str:
    """Return the path of the newest model card of a version."""
    last = latest_report(store, version)
    return str(store.local_path(version.key if last is None else last.key, CARD))
