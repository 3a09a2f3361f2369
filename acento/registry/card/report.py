"""What is known of a model version after its benchmarks: scores beside its base's, the gate's verdict, the model card.

``models/NAME/VERSION/reports/0001`` and on: each later report is one more, and the latest is what the gate's consent is
read from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from acento.core.errors import DamagedError, InputError, StoreError
from acento.core.store import Artifact, Store
from acento.registry.card.learned import read_curve, read_history
from acento.registry.gate.comparison import Row, by_accent, compare
from acento.registry.gate.evidence import Selection, select
from acento.registry.gate.split_use import SplitUse, split_use
from acento.registry.gate.verdict import Role, Verdict
from acento.registry.versions import CARD, CURVE, ModelVersion

if TYPE_CHECKING:
    from acento.registry.gate.judging import Question

_REPORT = "report.json"


class SetReport(BaseModel):
    """One set of clips: the test set, or a guard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """As a person names it, such as ``santiago@2[accent=chilean]``."""
    role: Role
    dataset: str
    dataset_fingerprint: str
    split: str
    all: Row
    accents: dict[str, Row]
    """By accent, where more than one is known."""


class Report(BaseModel):
    """What benchmarks say of a model version; rates are fractions of WER with their intervals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """``registry:NAME@VERSION``."""
    base: str
    incumbent: str
    """What the gate compared it with: production when it was asked, or the base."""
    runs: tuple[str, ...]
    normalizer: str
    sets: tuple[SetReport, ...]
    """The test set first."""
    gate: Verdict | None
    uses: SplitUse | None
    """How often the test split had been looked at, this time included."""
    created: str

    @property
    def test(self) -> SetReport:
        """The test set."""
        return self.sets[0]


@dataclass(frozen=True, slots=True)
class Published:
    """A report in the store."""

    key: str
    report: Report


def publish_report(store: Store, version: ModelVersion, report: Report) -> Artifact:
    """Publish one more report of a version, with its model card; the very same one twice is published once.

    Raises:
        InputError: it is another model's.
        StoreError: the store cannot be written.
    """
    from acento.registry.card.card import model_card

    if report.model != version.id:
        raise InputError(f"This report is of {report.model} and not of {version.id}.")
    while True:
        last = latest_report(store, version)
        if last is not None and last.report.model_copy(update={"created": report.created}) == report:
            return _found(store, last.key)
        number = 1 if last is None else int(last.key.rpartition("/")[2]) + 1
        with store.publish(f"{version.folder_key}/reports/{number:04d}") as draft:
            (draft.folder / _REPORT).write_text(report.model_dump_json(indent=1), encoding="utf-8")
            curve = read_curve(store, version)
            if curve is not None:
                (draft.folder / CURVE).write_bytes(curve)
            card = model_card(version, read_history(store, version), report, curve=curve is not None)
            (draft.folder / CARD).write_text(card, encoding="utf-8")
            draft.info |= {"model": version.id, "passed": None if report.gate is None else report.gate.passed}
        if draft.published:
            return _found(store, f"{version.folder_key}/reports/{number:04d}")


def latest_report(store: Store, version: ModelVersion) -> Published | None:
    """Return the last report of a version; None where there is none.

    Raises:
        DamagedError: it cannot be read.
    """
    keys = sorted(store.list(f"{version.folder_key}/reports"))
    if not keys:
        return None
    try:
        return Published(keys[-1], Report.model_validate_json(store.read_bytes(keys[-1], _REPORT)))
    except ValidationError as error:
        raise DamagedError(f"The report {keys[-1]} in {store.url} cannot be read; remove its folder.") from error


def card_path(store: Store, version: ModelVersion) -> str:
    """Return the path of the newest model card of a version."""
    last = latest_report(store, version)
    return str(store.local_path(version.key if last is None else last.key, CARD))


def report_of(store: Store, version: ModelVersion, run: str, question: "Question", verdict: Verdict | None) -> Report:
    """Make the report of a run in which a version and its base were benchmarked on every set of the gate's question.

    Raises:
        InputError: the run lacks the version on one of the sets.
    """
    # runs know jobs, a job may be a training, and that publishes versions: imported above it would be a circle
    from acento.data.dataset import load_card
    from acento.models.checkpoints.checkpoint import in_artifact
    from acento.registry.runs import entries_of, utterances_of

    entries = {
        (entry.model_hash, entry.dataset_fingerprint, entry.split): (entry, key)
        for entry, key in entries_of(store, f"runs/{run}")
    }
    tuned_digest = in_artifact(store, version.id, version.key).digest
    sets, normalizers = [], set()
    for selection, role in _sets(question):
        data = load_card(store, selection.dataset)
        found = entries.get((tuned_digest, data.fingerprint, selection.split))
        if found is None:
            raise InputError(f"Run {run} has no score of {version.id} on {selection}; benchmark it there.")
        base = entries.get((version.about.base["digest"], data.fingerprint, selection.split))
        tables = [None if one is None else select(utterances_of(store, one[1]), selection) for one in (base, found)]
        normalizers.add(found[0].score.normalizer)
        sets.append(
            SetReport(
                name=str(selection),
                role=role,
                dataset=f"{data.name}@{data.version}",
                dataset_fingerprint=data.fingerprint,
                split=selection.split,
                all=compare(tables[0], tables[1]),
                accents=by_accent(tables[0], tables[1]),
            )
        )
    return Report(
        model=version.id,
        base=version.about.base["id"],
        incumbent=question.incumbent,
        runs=(run,),
        normalizer=", ".join(sorted(normalizers)),
        sets=tuple(sets),
        gate=verdict,
        uses=split_use(store, load_card(store, question.test.dataset)),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _sets(question: "Question") -> "Sequence[tuple[Selection, Role]]":
    return [(question.test, "test"), *((guard, "guard") for guard in question.guards)]


def _found(store: Store, key: str) -> Artifact:
    artifact = store.find(key)
    if artifact is None:
        raise StoreError(f"{key} is not in the store {store.url}; was it removed just now?")
    return artifact
