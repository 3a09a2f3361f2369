"""The model card: what a version is, what it was made of, how much better it is than its base, and what is not known.

In the format of the Hugging Face hub: a front matter in YAML that its pages and searches read, then Markdown. It is
published anew with each report of a run in which the version was benchmarked.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from acento.core.errors import InputError
from acento.core.store import Store
from acento.core.templates import render
from acento.data.dataset import load_card
from acento.data.demo.real.weights import WEIGHTS
from acento.models.checkpoints.checkpoint import in_artifact
from acento.models.checkpoints.references import REGISTRY, SHIPPED
from acento.models.windows import Fit
from acento.registry.card.report import REPORT, ComparisonRow, ModelReport, SetReport, WerDifference, latest_report
from acento.registry.gate.evidence import Evidence, Selection, pair, split_use
from acento.registry.gate.judging import Question, find_score
from acento.registry.gate.verdict import GateVerdict, SetRole
from acento.registry.gate.windows import window_verdict
from acento.registry.model_version import CARD, CURVE, ModelAbout, ModelVersion
from acento.registry.versions import read_beside, read_history
from acento.registry.windows import taught_fit, used_fit
from acento.scoring.counting.headline import RATE_NAMES
from acento.scoring.errors.summary import errors_table, other_errors
from acento.scoring.score import FAILED, headline_columns, headline_rate, rows_by, scored
from acento.scoring.statistics.bootstrap import paired
from acento.scoring.statistics.units import units_of
from acento.scoring.table import NO_VALUE, TextTable, counted, percent, percent_text, points_text
from acento.training.recipe import Recipe

_TASK = "automatic-speech-recognition"


def publish_report(store: Store, version: ModelVersion, report: ModelReport) -> str:
    """Publish one more report of a version, with its model card, and return its key; the very same one only once.

    Raises:
        InputError: it is another model's.
        StoreError: the store cannot be written.
    """
    if report.model != version.id:
        raise InputError(f"This report is of {report.model} and not of {version.id}.")
    while True:
        last = latest_report(store, version)
        if last is not None and last.report.model_copy(update={"created": report.created}) == report:
            return last.key
        number = 1 if last is None else int(last.key.rpartition("/")[2]) + 1
        key = f"{version.folder_key}/reports/{number:04d}"
        with store.publish(key) as draft:
            (draft.folder / REPORT).write_text(report.model_dump_json(indent=1), encoding="utf-8")
            curve = read_beside(store, version, CURVE)
            if curve is not None:
                (draft.folder / CURVE).write_bytes(curve)
            fit = taught_fit(store, version)
            card = model_card(version, read_history(store, version), report, curve=curve is not None, fit=fit)
            (draft.folder / CARD).write_text(card, encoding="utf-8")
            draft.info |= {"model": version.id, "passed": None if report.gate is None else report.gate.passed}
        if draft.published:
            return key


def report_of(
    store: Store, version: ModelVersion, run: str, question: Question, verdict: GateVerdict | None
) -> ModelReport:
    """Make the report of a run in which a version and its base were benchmarked on every set of the gate's question.

    Raises:
        InputError: the run lacks the version on one of the sets.
    """
    tuned_digest = in_artifact(store, version.id, version.key).digest
    asked: list[tuple[Selection, SetRole]] = [(question.test, "test"), *((guard, "guard") for guard in question.guards)]
    sets, normalizers = [], set()
    for selection, role in asked:
        data = load_card(store, selection.dataset)
        found = find_score(store, run, tuned_digest, selection)
        if found is None:
            raise InputError(f"Run {run} has no score of {version.id} on {selection}; benchmark it there.")
        before = find_score(store, run, version.about.base["digest"], selection)
        (entry, tuned), base = found, None if before is None else before[1]
        normalizers.add(entry.score.normalizer)
        accents = rows_by(tuned, "accent")
        sets.append(
            SetReport(
                name=str(selection),
                role=role,
                dataset=f"{data.name}@{data.version}",
                dataset_fingerprint=data.fingerprint,
                split=selection.split,
                all=_comparison(base, tuned),
                normalizer=entry.score.normalizer,
                headline=entry.score.headline,
                accents={
                    accent: _comparison(base and base.filter(pc.equal(base["accent"], accent)), rows)
                    for accent, rows in (accents if len(accents) > 1 else [])
                },
                errors_before=None if base is None else other_errors(base),
                errors_after=other_errors(tuned),
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
        short=used_fit(store, version) is not None,
        windows=window_verdict(store, version),
    )


def _comparison(base: pa.Table | None, tuned: pa.Table) -> ComparisonRow:
    """Return two models' rates on the same clips and their paired difference, drawn as on the leaderboard."""
    rows, difference = scored(tuned), None
    units = units_of(rows)
    if base is not None:
        pairs = pair(Evidence(name="these clips", incumbent=base, candidate=tuned))
        groups = pairs.speakers if pairs.units.kind == "speaker" and pairs.units.count > 1 else None
        found = paired(pairs.candidate, pairs.lengths, pairs.incumbent, groups=groups)
        difference = found and WerDifference.model_validate(found, from_attributes=True)
    return ComparisonRow(
        clips=len(rows),
        words=int(headline_columns(rows)[1].sum()),
        failed=tuned["status"].to_pylist().count(FAILED),
        base=None if base is None else headline_rate(base),
        tuned=headline_rate(tuned),
        difference=difference,
        unit="speaker" if units.kind == "speaker" and units.count > 1 else "clip",
        speakers=units.speakers,
        seen=units.seen,
        few=units.few,
    )


def model_card(
    version: ModelVersion,
    history: Sequence[Mapping[str, Any]],
    report: ModelReport | None = None,
    *,
    curve: bool = False,
    fit: Fit | None = None,
) -> str:
    """Return ``README.md`` of a version.

    ``curve`` says whether the picture of its learning curve lies beside it, ``fit`` what short windows it was taught.
    """
    base = str(version.about.base["id"])
    return render(
        "registry/card/templates/README.md",
        version=version,
        about=version.about,
        report=report,
        front_matter=_front_matter(version, report),
        revision=_revision(version.about.base),
        results=None if report is None else _results(report).to_markdown().strip(),
        errors=None if report is None else _other_errors(report),
        facts=_facts(version, history).to_markdown().strip(),
        curve=CURVE if curve else None,
        fit=fit,
        windows=None if report is None else report.windows,
        license=_base_license(version),
        shipped=base.startswith(SHIPPED),
        weights=WEIGHTS.get(base.removeprefix(SHIPPED)),
        rate_name=RATE_NAMES[version.about.headline],
        percent=percent_text,
        counted=counted,
    )


def _front_matter(version: ModelVersion, report: ModelReport | None) -> str:
    """Return what the hub's pages and searches read, as YAML."""
    about = version.about
    base = str(about.base["id"])
    on_hub = base.count("/") == 1 and not base.startswith((SHIPPED, REGISTRY, "/", ".", "~"))
    facts = {
        "language": about.language,
        "license": _base_license(version),
        "library_name": "transformers",
        "pipeline_tag": _TASK,
        "tags": [_TASK, "acento"],
        "base_model": base.partition("@")[0] if on_hub else None,
        "datasets": [about.dataset.partition("@")[0]],
        "metrics": sorted({RATE_NAMES[one.headline].lower() for one in report.sets}) if report else ["wer"],
        "model-index": report and [{"name": version.name, "results": [_result(one) for one in report.sets]}],
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return yaml.safe_dump(known, sort_keys=False, allow_unicode=True)


def _result(one: SetReport) -> dict[str, Any]:
    """Return one set as the hub's ``model-index`` has it, its rate in percent."""
    name, rule = RATE_NAMES[one.headline], {"args": {"normalizer": one.normalizer}} if one.normalizer else {}
    return {
        "task": {"type": _TASK, "name": "Automatic Speech Recognition"},
        "dataset": {"name": one.name, "type": one.dataset.partition("@")[0], "split": one.split},
        "metrics": [{"type": name.lower(), "name": f"{name} (%)", "value": percent(one.all.tuned.value), **rule}],
    }


def _results(report: ModelReport) -> TextTable:
    rows = []
    for one in report.sets:
        named = {f"{one.name} ({one.role})": one.all, **{f"– {accent}": row for accent, row in one.accents.items()}}
        for name, row in named.items():
            failed = f" (+ {row.failed} failed)" if row.failed else ""
            base = NO_VALUE if row.base is None else row.base.text()
            gain = row.difference
            points = NO_VALUE if gain is None else points_text(gain.delta, gain.low, gain.high, digits=2)
            rows.append((name, f"{row.clips}{failed}", one.rate_title, base, row.tuned.text(), points))
    columns = ("clips", "scored", "rate", "before", "after", "difference in points")
    return TextTable("In percent, with 95 % intervals", columns, tuple(rows), text=frozenset({"clips", "rate"}))


def _other_errors(report: ModelReport) -> str | None:
    """Return the errors besides words on the test set, before and after; None where there is nothing to say."""
    before, after = report.test.errors_before, report.test.errors_after
    table = errors_table({f"{report.base} (before)": (before, None), f"{report.model} (after)": (after, None)})
    return None if table is None else table.to_markdown().strip()


def _facts(version: ModelVersion, history: Sequence[Mapping[str, Any]]) -> TextTable:
    about = version.about
    rows = [
        ("base model", f"{about.base['id']}{_revision(about.base)}"),
        ("base's content", about.base["digest"][:12]),
        ("license of the base", _base_license(version) or "not known"),
        ("data", f"{about.dataset}, content {about.dataset_fingerprint[:12]}"),
        ("license of the data", about.data_license or "not known"),
        ("strategy", about.strategy),
    ]
    if about.window is not None:
        rows.append(("windows", _windows(about)))
    if about.parent is not None:
        rows.append(("weights", f"between those of the base and of {about.parent}"))
    if about.dev_wer is not None:
        before, after = percent_text(about.dev_wer_before, unit=" %"), percent_text(about.dev_wer, unit=" %")
        against = " of short windows against the base's full one" if about.shortened else ""
        rows.append((f"dev {about.rate_title}{against}", f"{before} before, {after} after"))
    steps = [row["step"] for row in history if isinstance(row.get("step"), int)]
    if steps:
        rows.append(("steps taken", str(max(steps))))
    rows += [(name, str(value)) for name, value in sorted(about.recipe.items()) if name != "strategy"]
    rows += [
        (name, str(value)) for name, value in sorted(about.provenance.items()) if isinstance(value, str | int | float)
    ]
    return TextTable("", ("what", "value"), tuple(rows), text=frozenset({"what"}))


def _windows(about: ModelAbout) -> str:
    """Say what short windows a version was taught, and how."""
    assert about.window is not None
    (low, high), share = (about.recipe.get(name, getattr(Recipe(), name)) for name in ("margins", "keep_full"))
    kept = f"kept on {share:.0%} of the steps" if share else "not kept"
    return (
        f"{about.window.title}, at least {about.window.shortest_s:g} s; learned with margins of {low:g} to {high:g} s, "
        f"the full window {kept}"
    )


def _base_license(version: ModelVersion) -> str | None:
    base = str(version.about.base["id"])
    if (fetched := WEIGHTS.get(base.removeprefix(SHIPPED))) is not None:
        return fetched.license.lower()
    return "apache-2.0" if base.startswith(SHIPPED) else version.about.base_license


def _revision(base: Mapping[str, Any]) -> str:
    return "" if base.get("revision") is None else f" at {str(base['revision'])[:12]}"
