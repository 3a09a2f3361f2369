"""Make the report of a run in which a version was benchmarked, and publish it with a new model card."""

from datetime import UTC, datetime

from acento.core.errors import InputError, StoreError
from acento.core.store import Artifact, Store
from acento.data.dataset import load_card
from acento.models.checkpoints.checkpoint import in_artifact
from acento.registry.card.card import model_card
from acento.registry.card.learned import read_curve, read_history
from acento.registry.card.report import REPORT, ModelReport, SetReport, latest_report
from acento.registry.gate.comparison import by_accent, compare
from acento.registry.gate.evidence import Selection
from acento.registry.gate.judging import Question, RunScores
from acento.registry.gate.split_use import split_use
from acento.registry.gate.verdict import GateVerdict, Role
from acento.registry.model_version import CARD, CURVE, ModelVersion


def publish_report(store: Store, version: ModelVersion, report: ModelReport) -> Artifact:
    """Publish one more report of a version, with its model card; the very same one twice is published once.

    Raises:
        InputError: it is another model's.
        StoreError: the store cannot be written.
    """
    if report.model != version.id:
        raise InputError(f"This report is of {report.model} and not of {version.id}.")
    while True:
        last = latest_report(store, version)
        if last is not None and last.report.model_copy(update={"created": report.created}) == report:
            return _found(store, last.key)
        number = 1 if last is None else int(last.key.rpartition("/")[2]) + 1
        with store.publish(f"{version.folder_key}/reports/{number:04d}") as draft:
            (draft.folder / REPORT).write_text(report.model_dump_json(indent=1), encoding="utf-8")
            curve = read_curve(store, version)
            if curve is not None:
                (draft.folder / CURVE).write_bytes(curve)
            card = model_card(version, read_history(store, version), report, curve=curve is not None)
            (draft.folder / CARD).write_text(card, encoding="utf-8")
            draft.info |= {"model": version.id, "passed": None if report.gate is None else report.gate.passed}
        if draft.published:
            return _found(store, f"{version.folder_key}/reports/{number:04d}")


def report_of(
    store: Store, version: ModelVersion, run: str, question: Question, verdict: GateVerdict | None
) -> ModelReport:
    """Make the report of a run in which a version and its base were benchmarked on every set of the gate's question.

    Raises:
        InputError: the run lacks the version on one of the sets.
    """
    scores = RunScores(store, run)
    tuned_digest = in_artifact(store, version.id, version.key).digest
    sets, normalizers = [], set()
    for selection, role in _sets(question):
        data = load_card(store, selection.dataset)
        found = scores.find(tuned_digest, selection)
        if found is None:
            raise InputError(f"Run {run} has no score of {version.id} on {selection}; benchmark it there.")
        (entry, tuned), base = found, scores.find(version.about.base["digest"], selection)
        tables = (None if base is None else base[1], tuned)
        normalizers.add(entry.score.normalizer)
        sets.append(
            SetReport(
                name=str(selection),
                role=role,
                dataset=f"{data.name}@{data.version}",
                dataset_fingerprint=data.fingerprint,
                split=selection.split,
                all=compare(*tables),
                accents=by_accent(*tables),
            )
        )
    return ModelReport(
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


def _sets(question: Question) -> list[tuple[Selection, Role]]:
    return [(question.test, "test"), *((guard, "guard") for guard in question.guards)]


def _found(store: Store, key: str) -> Artifact:
    artifact = store.find(key)
    if artifact is None:
        raise StoreError(f"{key} is not in the store {store.url}; was it removed just now?")
    return artifact
