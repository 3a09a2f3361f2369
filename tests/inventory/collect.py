"""Print as JSON what a user can do: commands, settings, flows, deployments, errors and names, taken from the code.

Given the path of ``inventory.json`` it adds what is new to that instead. It is a script of its own, so that it sees
the code as a fresh process does.
"""

import ast
import json
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Literal, get_args, get_origin

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("acento", "flows", "tasks", "infra")
sys.path.insert(0, str(ROOT))


def collect() -> dict[str, Any]:
    """Return all of it; every name is a key, so that what is missing later can be named."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for name in PACKAGES for path in _files(ROOT / name)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        "commands": _commands(),
        "settings": _settings(),
        "environment variables": _names([*_matching(trees.values(), r"ACENTO_[A-Z_]+"), *_settings_variables()]),
        "flows": _flows(),
        "deployments": _deployments(),
        "requests": _requests(),
        "names": _known_names(),
        "errors": _names(_error_classes(trees.values())),
        "exit codes": _names(_exit_codes(trees)),
        "steps": _names(_first_words(trees.values(), "step")),
        "artifacts": _names(_first_words(trees.values(), "artifact_key")),
        "artifact types": _names(_called(trees.values(), r"create_(\w+)_artifact")),
        "scripts": _names(project["project"]["scripts"]),
        "entry points": {group: _names(found) for group, found in project["project"]["entry-points"].items()},
        "extras": _names(project["project"]["optional-dependencies"]),
        "make targets": _names(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)),
    }


def _commands() -> dict[str, Any]:
    """Return every command by its words, with its options and arguments."""
    import typer

    from flows.cli import app

    def walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, Any]]:
        yield " ".join(words), {_shown_name(one): _parameter(one) for one in command.params}
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk((*words, name), inner)

    return dict(walk(("acento",), typer.main.get_command(app)))


def _shown_name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return str(max(parameter.opts, key=len))


def _parameter(parameter: Any) -> dict[str, Any]:
    types, choices = _of_annotation(parameter.type_descriptor.annotation)
    return _said(
        also=_names([*parameter.opts, *parameter.secondary_opts]) if parameter.param_type_name == "option" else None,
        types=_names(types),
        choices=_names(choices),
        default=_plain(parameter.default),
        required=parameter.required,
        many=bool(parameter.multiple or parameter.nargs != 1),
        minimum=parameter.min,
        maximum=parameter.max,
    )


def _of_annotation(annotation: Any) -> tuple[set[str], set[str]]:
    """Return what an option takes, and the only words where they are given; a path is text on a command line."""
    if get_origin(annotation) is Literal:
        return {"str"}, {str(choice) for choice in get_args(annotation)}
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {"str"}, {str(one.value) for one in annotation}
    if get_args(annotation):
        found = [_of_annotation(each) for each in get_args(annotation) if each is not type(None)]
        return set[str]().union(*(types for types, _ in found)), set[str]().union(*(choices for _, choices in found))
    return {"str" if issubclass(annotation, Path) else annotation.__name__}, set()


_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "minItems")


def _settings_variables() -> Iterator[str]:
    from acento.core.settings import Settings

    prefix = Settings.model_config["env_prefix"]
    return (f"{prefix}{name}".upper() for name in Settings.model_fields)


def _settings() -> dict[str, Any]:
    from acento.core.settings import Settings

    prefix = Settings.model_config["env_prefix"]
    schema = Settings.model_json_schema(by_alias=False)
    return {
        str(field.validation_alias or prefix + name.upper()): _property(schema["properties"][name], schema)
        for name, field in Settings.model_fields.items()
    }


def _flows() -> dict[str, Any]:
    """Return every flow by its name, with its parameters as a deployment's form shows them."""
    import prefect

    import flows

    found: dict[str, Any] = {}
    for module in walk_packages(flows.__path__, "flows."):
        for value in vars(import_module(module.name)).values():
            if isinstance(value, prefect.Flow):
                found[value.name] = _properties(value.parameters.model_dump())
    return dict(sorted(found.items()))


def _deployments() -> dict[str, Any]:
    import yaml

    listed = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    found = {}
    for one in listed:
        flow = getattr(import_module(one["entrypoint"].rpartition(".")[0]), one["entrypoint"].rpartition(".")[2])
        found[f"{flow.name}/{one['name']}"] = {
            "parameters": one.get("parameters", {}),
            "schedules": {each["slug"]: each for each in one.get("schedules", ())},
            "triggers": {each["name"]: each for each in one.get("triggers", ())},
            "tags": _names(one["tags"]),
            "work pool": one["work_pool"]["name"],
        }
    return found


def _requests() -> dict[str, Any]:
    """Return the keys of a recipe, as ``--set``, ``--recipe`` and a flow's parameter ``recipe`` take them."""
    from acento.training.recipe import Recipe

    return {"recipe": _properties(Recipe.model_json_schema())}


def _known_names() -> dict[str, Any]:
    """Return what a user may name in options, by what it is."""
    from acento.core.store.upkeep.usage import KINDS
    from acento.core.text import NORMALIZERS
    from acento.data.export import FORMATS
    from acento.diarization.engines.embedded.presets import PRESETS
    from acento.models.families import FAMILIES
    from acento.scoring.score import GROUPINGS
    from acento.transcription.writing.formats import FORMATS as TRANSCRIPTS
    from acento.validation.frame import COLUMNS
    from acento.validation.suite import DEFAULT_SUITE

    models = ROOT / "acento" / "assets" / "models"
    return {
        "model families": _names(FAMILIES),
        "shipped models": _names(
            path.name for path in models.iterdir() if path.is_dir() and not path.name.startswith("_")
        ),
        "normalizers": _names(NORMALIZERS),
        "groups of a leaderboard": _names(GROUPINGS),
        "formats of data sets": _names(FORMATS),
        "formats of transcripts": _names(TRANSCRIPTS),
        "diarizers": _names(PRESETS),
        "columns of a suite": _names(COLUMNS),
        "checks of Acento's suite": _names(re.findall(r"^\s*-? *name: (\S+)", DEFAULT_SUITE.read_text(), re.M)),
        "folders of a store": _names(KINDS),
    }


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    return {name: _property(each, schema, name in required) for name, each in schema["properties"].items()}


def _property(found: dict[str, Any], schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    """Return a property's types, choices, default and bounds; of a model also its properties."""
    parts = [_resolved(part, schema) for part in found.get("anyOf", [found])]
    inner = {name: each for part in parts for name, each in part.get("properties", {}).items()}
    bounds = {bound: part[bound] for part in parts for bound in _BOUNDS if bound in part}
    return _said(
        types=_names(part["type"] for part in parts if part.get("type", "null") != "null"),
        choices=_names(choice for part in parts for choice in part.get("enum", ())),
        default=found.get("default"),
        required=required,
        keys={name: _property(each, schema) for name, each in inner.items()} or None,
        **bounds,
    )


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    name = part["$ref"].rpartition("/")[2]
    return dict((schema.get("$defs") or schema.get("definitions") or {})[name])


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    """Return every class that derives from AcentoError, by its name."""
    bases = {
        node.name: {_last(base) for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"AcentoError"}
    while more := {name for name, over in bases.items() if over & found} - found:
        found |= more
    return {name for name in found if not name.startswith("_")}


def _exit_codes(trees: dict[Path, ast.Module]) -> set[str]:
    """Return what the command exits with: arguments of ``typer.Exit`` and what the functions that end it return."""
    found: set[str] = {"0", "2"}  # 2: click's own, for a command line that it does not understand
    for path, tree in trees.items():
        if path.is_relative_to(ROOT / "flows"):
            constants = {
                target.id: node.value.value
                for node in tree.body
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in ast.walk(tree):
                given: list[ast.expr] = []
                if isinstance(node, ast.Call) and _last(node.func) in ("Exit", "SystemExit"):
                    given = node.args
                elif isinstance(node, ast.Return) and node.value is not None:
                    given = [node.value]
                values = [
                    constants.get(one.id) if isinstance(one, ast.Name) else getattr(one, "value", None) for one in given
                ]
                found |= {str(value) for value in values if type(value) is int and value < 256}
    return found


def _first_words(trees: Iterable[ast.Module], function: str) -> set[str]:
    """Return the first arguments with which a function is called, where they are written there."""
    return {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and _last(node.func) == function
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def _called(trees: Iterable[ast.Module], pattern: str) -> set[str]:
    calls = (_last(node.func) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {found[1] for name in calls if (found := re.fullmatch(pattern, name))}


def _matching(trees: Iterable[ast.Module], pattern: str) -> set[str]:
    """Return the string constants that match, wherever they are written."""
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(pattern, node.value)
    }


def _last(node: ast.expr) -> str:
    """Return the last name of a dotted one."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def _names(found: Iterable[Any]) -> list[str]:
    return sorted({str(one) for one in found})


def _said(**facts: Any) -> dict[str, Any]:
    """Return facts without those that say nothing: no choices, no default, not required."""
    return {name: value for name, value in facts.items() if value is not None and value is not False and value != []}


def _plain(value: Any) -> Any:
    """Return a default as JSON has it; None for one that is made at run time."""
    return value if isinstance(value, str | int | float | bool | list | None) else None


def _with_new(before: Any, now: Any) -> Any:
    """Return what was there before with what is new; what is another now, or gone, stays as it was."""
    if isinstance(before, dict) and isinstance(now, dict):
        new = {name: value for name, value in now.items() if name != "default" or name not in before}
        return before | {name: _with_new(before.get(name, value), value) for name, value in new.items()}
    return _names([*before, *now]) if isinstance(before, list) and isinstance(now, list) else before


def _written(value: Any, depth: int = 4) -> str:
    """Write nested dictionaries, the inner ones and lists on a line each."""
    if depth == 0 or not isinstance(value, dict) or not any(isinstance(each, dict | list) for each in value.values()):
        return json.dumps(value, ensure_ascii=False)
    lines = [f"{json.dumps(name)}: {_written(each, depth - 1)}" for name, each in value.items()]
    return "{\n" + textwrap.indent(",\n".join(lines), " ") + "\n}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        kept = Path(sys.argv[1])
        kept.write_text(_written(_with_new(json.loads(kept.read_bytes()), collect()), 3) + "\n", encoding="utf-8")
    else:
        sys.stdout.write(_written(collect(), 3) + "\n")
