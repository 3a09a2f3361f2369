"""The model card: what a version is, what it was made of, how much better it is than its base, and what is not known.

In the format of the Hugging Face hub: a front matter in YAML that its pages and searches read, then Markdown.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from acento.core.templates import render
from acento.data.demo.real.weights import WEIGHTS
from acento.models.checkpoints.references import REGISTRY, SHIPPED
from acento.registry.model_version import CURVE, ModelVersion
from acento.scoring.table import NO_VALUE, TextTable, counted, percent_text, points_text

if TYPE_CHECKING:
    from acento.registry.card.report import ModelReport, SetReport
    from acento.registry.gate.comparison import ComparisonRow

_FEW = 100
"""Fewer test clips than this and the card says that they are few."""
_TASK = "automatic-speech-recognition"
_LIBRARIES = {"ctranslate2": "ctranslate2"}
"""Formats that another library loads than transformers."""
_SHIPPED_LICENSE = "apache-2.0"


def model_card(
    version: ModelVersion,
    history: Sequence[Mapping[str, Any]],
    report: "ModelReport | None" = None,
    *,
    curve: bool = False,
) -> str:
    """Return ``README.md`` of a version.

    Args:
        version: what it is of.
        history: what its training wrote down as it went, if anything.
        report: what benchmarks said of it; None before there were any.
        curve: whether the picture of its learning curve lies beside the card.
    """
    return render(
        "registry/card/templates/README.md",
        version=version,
        about=version.about,
        report=report,
        front_matter=_front_matter(version, report),
        revision=_revision(version.about.base),
        results=None if report is None else _results(report).to_markdown().strip(),
        facts=_facts(version, history).to_markdown().strip(),
        curve=CURVE if curve else None,
        limits=_limits(version, report),
        percent=percent_text,
    )


def exported_card(card: str, format: str, quantization: str, wer_before: float, wer: float) -> str:
    """Return the card of an export: its version's, with what became of it; dev WER as fractions."""
    said = (
        f"The weights are held in {quantization}, in the format {format}. On the dev clips the WER of this export is "
        f"{percent_text(wer)} %, that of the model it was made from {percent_text(wer_before)} %, both decoded alike."
    )
    card = card.replace("library_name: transformers", f"library_name: {_LIBRARIES.get(format, 'transformers')}", 1)
    return f"{card.rstrip()}\n\n## This export\n\n{said}\n"


def _front_matter(version: ModelVersion, report: "ModelReport | None") -> str:
    about = version.about
    base = str(about.base["id"])
    data: dict[str, Any] = {}
    if about.language is not None:
        data["language"] = about.language
    if (license := _base_license(version)) is not None:
        data["license"] = license
    data |= {"library_name": "transformers", "pipeline_tag": _TASK, "tags": [_TASK, "acento"]}
    if _on_hub(base):
        data["base_model"] = base.partition("@")[0]
    data |= {"datasets": [about.dataset.partition("@")[0]], "metrics": ["wer"]}
    if report is not None:
        data["model-index"] = [{"name": version.name, "results": [_result(one) for one in report.sets]}]
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _result(one: "SetReport") -> dict[str, Any]:
    """Return one set as the hub's ``model-index`` has it, WER in percent."""
    value = one.all.tuned.value
    return {
        "task": {"type": _TASK, "name": "Automatic Speech Recognition"},
        "dataset": {"name": one.name, "type": one.dataset.partition("@")[0], "split": one.split},
        "metrics": [{"type": "wer", "name": "WER (%)", "value": None if value is None else round(100 * value, 2)}],
    }


def _results(report: "ModelReport") -> TextTable:
    rows = []
    for one in report.sets:
        rows.append((f"{one.name} ({one.role})", *_cells(one.all)))
        rows += [(f"– {accent}", *_cells(row)) for accent, row in one.accents.items()]
    columns = ("clips", "scored", "before", "after", "difference in points")
    return TextTable("WER in percent, with 95 % intervals", columns, tuple(rows), text=frozenset({"clips"}))


def _cells(row: "ComparisonRow") -> tuple[str, str, str, str]:
    failed = f" (+ {row.failed} failed)" if row.failed else ""
    base = NO_VALUE if row.base is None else row.base.text()
    gain = row.difference
    points = NO_VALUE if gain is None else points_text(gain.delta, gain.low, gain.high, digits=2)
    return f"{row.clips}{failed}", base, row.tuned.text(), points


def _facts(version: ModelVersion, history: Sequence[Mapping[str, Any]]) -> TextTable:
    """Return a table of base, data and recipe."""
    about = version.about
    rows = [
        ("base model", f"{about.base['id']}{_revision(about.base)}"),
        ("base's content", about.base["digest"][:12]),
        ("license of the base", _base_license(version) or "not known"),
        ("data", f"{about.dataset}, content {about.dataset_fingerprint[:12]}"),
        ("license of the data", about.data_license or "not known"),
        ("strategy", about.strategy),
    ]
    if about.parent is not None:
        rows.append(("weights", f"between those of the base and of {about.parent}"))
    if about.dev_wer is not None:
        before, after = percent_text(about.dev_wer_before, unit=" %"), percent_text(about.dev_wer, unit=" %")
        rows.append(("dev WER", f"{before} before, {after} after"))
    steps = [row["step"] for row in history if isinstance(row.get("step"), int)]
    if steps:
        rows.append(("steps taken", str(max(steps))))
    rows += [(name, str(value)) for name, value in sorted(about.recipe.items()) if name != "strategy"]
    rows += [
        (name, str(value)) for name, value in sorted(about.provenance.items()) if isinstance(value, str | int | float)
    ]
    return TextTable("", ("what", "value"), tuple(rows), text=frozenset({"what"}))


def _limits(version: ModelVersion, report: "ModelReport | None") -> list[str]:
    """Return what a user has to know and the numbers above do not say."""
    about = version.about
    said = [
        f"It was tuned on one data set, {about.dataset}. On other accents, microphones, rooms and subjects it may be "
        "worse than its base; only the sets above were measured."
    ]
    said.append(_licenses(version))
    if report is None:
        return [*said, "No test clip was transcribed with it yet."]
    test = report.test.all
    if test.clips < _FEW:
        said.append(f"The test set has {test.clips} clips: it cannot show differences smaller than its intervals.")
    if not report.sets[1:]:
        said.append("No guard set was measured: what it has forgotten is not known.")
    if test.failed:
        said.append(f"It failed on {counted(test.failed, 'test clip')}, which no rate above counts.")
    if report.uses is not None:
        said.append(report.uses.sentence)
    if report.gate is not None and not report.gate.passed:
        said.append("The gate refused it; whoever uses it anyway decides against the gate.")
    if about.base["id"].removeprefix(SHIPPED) in WEIGHTS:
        weights = WEIGHTS[about.base["id"].removeprefix(SHIPPED)]
        said.append(f"Its base is {weights.what}, under the license {weights.license}.")
    elif about.base["id"].startswith(SHIPPED):
        said.append("Its base knows synthetic speech only: do not use it on real speech.")
    return said


def _licenses(version: ModelVersion) -> str:
    """Return a sentence on the licenses that bind whoever uses the model."""
    base, data = _base_license(version), version.about.data_license
    first = f"Its license is its base's, {base}" if base else "Its license is its base's, which is not known here"
    second = f"its data is under {data}" if data else "that of its data is not known"
    return f"{first}; {second}."


def _base_license(version: ModelVersion) -> str | None:
    base = str(version.about.base["id"])
    if (fetched := WEIGHTS.get(base.removeprefix(SHIPPED))) is not None:
        return fetched.license.lower()
    return _SHIPPED_LICENSE if base.startswith(SHIPPED) else version.about.base_license


def _revision(base: Mapping[str, Any]) -> str:
    return "" if base.get("revision") is None else f" at {str(base['revision'])[:12]}"


def _on_hub(name: str) -> bool:
    """Tell whether a model's name is one of the hub: ``owner/name``, and no folder, shipped model or version."""
    if name.startswith((SHIPPED, REGISTRY, "/", ".", "~")):
        return False
    return name.count("/") == 1
