"""The model card: what a version is, what it was made of, how much better it is than its base, and what is not known.

In the format of the Hugging Face hub: a front matter in YAML that its pages and searches read, then Markdown.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from acento.data.demo.real.weights import WEIGHTS
from acento.models.checkpoints.references import REGISTRY, SHIPPED
from acento.registry.versions import CURVE, ModelVersion
from acento.scoring.table import Grid

if TYPE_CHECKING:
    from acento.registry.card.report import Report, SetReport
    from acento.registry.gate.comparison import Difference, Row
    from acento.scoring.score import Rate

_FEW = 100
"""Fewer test clips than this and the card says that they are few."""
_TASK = "automatic-speech-recognition"
_LIBRARIES = {"ctranslate2": "ctranslate2"}
"""Formats that another library loads than transformers."""
_SHIPPED_LICENSE = "apache-2.0"


def model_card(
    version: ModelVersion, history: Sequence[Mapping[str, Any]], report: "Report | None" = None, *, curve: bool = False
) -> str:
    """Return ``README.md`` of a version.

    Args:
        version: what it is of.
        history: what its training wrote down as it went, if anything.
        report: what benchmarks said of it; None before there were any.
        curve: whether the picture of its learning curve lies beside the card.
    """
    about = version.about
    base = about.base["id"]
    parts = [
        f"---\n{_front_matter(version, report)}---",
        f"# {version.name}",
        f"Speech recognition{_in_language(about.language)}, fine-tuned with Acento from `{base}`"
        f"{_revision(about.base)} on `{about.dataset}`. Version `{version.version}`, made {about.created[:10]}.",
        "## Before and after",
        *(_results(version, report) if report is not None else [_not_measured(version)]),
        "## How it was made",
        _facts(version, history),
        *([f"![Loss and dev WER by step]({CURVE})"] if curve else []),
        "## What is not known",
        "\n".join(f"- {sentence}" for sentence in _limits(version, report)),
    ]
    return "\n\n".join(parts) + "\n"


def exported_card(card: str, format: str, quantization: str, wer_before: float, wer: float) -> str:
    """Return the card of an export: its version's, with what became of it; dev WER as fractions."""
    said = (
        f"The weights are held in {quantization}, in the format {format}. On the dev clips the WER of this export is "
        f"{100 * wer:.2f} %, that of the model it was made of {100 * wer_before:.2f} %, both decoded the same way."
    )
    card = card.replace("library_name: transformers", f"library_name: {_LIBRARIES.get(format, 'transformers')}", 1)
    return f"{card.rstrip()}\n\n## This export\n\n{said}\n"


def _front_matter(version: ModelVersion, report: "Report | None") -> str:
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


def _results(version: ModelVersion, report: "Report") -> list[str]:
    rows = []
    for one in report.sets:
        rows.append((f"{one.name} ({one.role})", *_cells(one.all)))
        rows += [(f"– {accent}", *_cells(row)) for accent, row in one.accents.items()]
    grid = Grid(
        title="WER in percent, with 95 % intervals",
        columns=("clips", "scored", "before", "after", "difference in points"),
        rows=tuple(rows),
        notes=(
            f"Before and after are {report.base} and this model on the same clips, under the normalizer "
            f"{report.normalizer}; the difference is paired, its interval a bootstrap over clips.",
        ),
        text=frozenset({"clips"}),
    )
    parts = [grid.to_markdown().strip()]
    if report.gate is not None:
        said = "\n".join(f"- {sentence}" for sentence in report.gate.sentences)
        parts.append(f"Acento's promotion gate, compared with `{report.incumbent}`:\n\n{said}")
    parts.append(f"Measured in {_plural(len(report.runs), 'run')} {', '.join(report.runs)}; model `{version.id}`.")
    return parts


def _not_measured(version: ModelVersion) -> str:
    about = version.about
    if about.dev_wer is None or about.dev_wer_before is None:
        return "It was not benchmarked yet."
    return (
        "It was not benchmarked on test clips yet. On the dev clips by which its training was stopped: WER "
        f"{100 * about.dev_wer_before:.1f} % before, {100 * about.dev_wer:.1f} % after; as they chose it, that is "
        "better than it will be elsewhere."
    )


def _cells(row: "Row") -> tuple[str, str, str, str]:
    failed = f" (+ {row.failed} failed)" if row.failed else ""
    return (f"{row.clips}{failed}", _rate(row.base), _rate(row.tuned), _difference(row.difference))


def _facts(version: ModelVersion, history: Sequence[Mapping[str, Any]]) -> str:
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
        before = "–" if about.dev_wer_before is None else f"{100 * about.dev_wer_before:.2f} %"
        rows.append(("dev WER", f"{before} before, {100 * about.dev_wer:.2f} % after"))
    steps = [row["step"] for row in history if isinstance(row.get("step"), int)]
    if steps:
        rows.append(("steps taken", str(max(steps))))
    rows += [(name, str(value)) for name, value in sorted(about.recipe.items()) if name != "strategy"]
    rows += [
        (name, str(value)) for name, value in sorted(about.provenance.items()) if isinstance(value, str | int | float)
    ]
    grid = Grid("Recipe and data", ("what", "value"), tuple((a, b) for a, b in rows), text=frozenset({"what"}))
    return grid.to_markdown().partition("\n\n")[2].strip()


def _limits(version: ModelVersion, report: "Report | None") -> list[str]:
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
        said.append(f"The test set has {test.clips} clips: differences smaller than its intervals cannot be told.")
    if not report.sets[1:]:
        said.append("No guard set was measured: what it has forgotten is not known.")
    if test.failed:
        said.append(f"It failed on {_plural(test.failed, 'test clip')}, which no rate above counts.")
    if report.uses is not None:
        said.append(report.uses.sentence)
    if report.gate is not None and not report.gate.passed:
        said.append("The gate refused it; if it is used all the same, somebody decided so.")
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


def _rate(rate: "Rate | None") -> str:
    if rate is None or rate.value is None:
        return "–"
    bounds = "" if rate.low is None or rate.high is None else f" [{100 * rate.low:.2f}, {100 * rate.high:.2f}]"
    return f"{100 * rate.value:.2f}{bounds}"


def _difference(difference: "Difference | None") -> str:
    if difference is None:
        return "–"
    bounds = (
        ""
        if difference.low is None or difference.high is None
        else f" [{100 * difference.low:+.2f}, {100 * difference.high:+.2f}]"
    )
    return f"{100 * difference.delta:+.2f}{bounds}"


def _in_language(language: str | None) -> str:
    return "" if language is None else f" in the language `{language}`"


def _revision(base: Mapping[str, Any]) -> str:
    return "" if base.get("revision") is None else f" at {str(base['revision'])[:12]}"


def _on_hub(name: str) -> bool:
    """Tell whether a model's name is one of the hub: ``owner/name``, and no folder, shipped model or version."""
    if name.startswith((SHIPPED, REGISTRY, "/", ".", "~")):
        return False
    return name.count("/") == 1


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
