"""Make the pages of the site that come from the code or from files elsewhere in the repository: a hook of MkDocs.

Nothing that is made here is committed, so that it cannot disagree with the code.
"""

import importlib
import inspect
import logging
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

import griffe
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).resolve().parent.parent


SETTINGS: Final = """# Settings

Set them as environment variables, or in a file `.env` in the working directory. A command's options go before settings.
"""
OTHER_SETTINGS: Final = """
Variables of other tools are read as those tools read them:

| variable | what it is |
| --- | --- |
| `AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`, … | access to a store on S3; never stored |
| `PREFECT_API_URL` | a Prefect server of your own; without it, a command starts one for itself |
| `MODAL_TOKEN_ID`, `MODAL_TOKEN_SECRET` | access to Modal; `modal token new` writes a file |
| `PYSPARK_PYTHON`, `PYSPARK_SUBMIT_ARGS` | Spark's own |
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files


def command_page() -> str:
    """Return the reference of the command line, from typer."""
    import typer

    from flows.cli import app

    group: Any = typer.main.get_command(app)
    lines = ["# The command line", "", group.help, "", *_options(group)]
    lines += ["[Exit codes](exit-codes.md) are on a page of their own.", ""]
    for words, command in _commands(group, "acento"):
        lines += [f"## {words} {{#{words.replace(' ', '-')}}}", "", command.help or "", "", *_options(command)]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the reference of the settings, from the pydantic model."""
    from acento.core.settings import Settings

    prefix = Settings.model_config["env_prefix"]
    rows = []
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"{prefix}{name}".upper())
        default = field.get_default(call_default_factory=True)
        shown = "" if default in (None, "", {}) else f"`{default}`"
        rows.append((f"`{variable}`", _about(field.description or "", _type(field.annotation), shown)))
    return "\n".join([SETTINGS, *_table(("variable", "what it is"), rows), OTHER_SETTINGS])


def flow_page() -> str:
    """Return the parameters of the flows that are deployed, from the schemas that Prefect shows."""
    deployments = yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    lines = [
        "# Parameters of the flows",
        "",
        "The flows of `deployments/prefect.yaml`. The server checks each run's parameters against these schemas. "
        "[Prefect](../how-to/prefect.md) says how to deploy and to run them.",
    ]
    for entrypoint in dict.fromkeys(deployment["entrypoint"] for deployment in deployments):
        flow = _flow(entrypoint)
        names = ", ".join(f"`{flow.name}/{one['name']}`" for one in deployments if one["entrypoint"] == entrypoint)
        summary = (inspect.getdoc(flow.fn) or "").split("\n\n")[0]
        lines += ["", f"## {flow.name}", "", _prose(summary), "", f"Deployed as {names}.", ""]
        schema = flow.parameters
        rows = []
        for parameter, about in schema.properties.items():
            default = "required" if parameter in schema.required else _default(about.get("default"))
            described = _prose(about.get("description", ""))
            rows.append((f"`{parameter}`", _about(described, _json_type(about, schema.definitions), default)))
        lines += _table(("parameter", "what it is"), rows)
    return "\n".join(lines) + "\n"


def python_page() -> str:
    """Return the reference of the front door and of scoring, which mkdocstrings fills."""
    import acento

    lines = ["# Python", "", "What `import acento` offers. Nothing heavy is imported before it is used.", ""]
    offered = [getattr(acento, name) for name in getattr(acento, "__all__", ())]
    for thing in sorted(filter(callable, offered), key=inspect.isclass):
        lines += [f"::: {thing.__module__}.{thing.__qualname__}", "    options:", "      heading_level: 2", ""]
        lines += _keywords(thing)
    lines += [
        "## Scoring alone",
        "",
        "`acento.scoring` counts errors, draws intervals and compares models on lists of strings or tables. It needs "
        "no model and no store.",
        "",
    ]
    package = importlib.import_module("acento.scoring")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            lines += [f"::: acento.scoring.{module.name}", ""]
    return "\n".join(lines)


def recipe_page() -> str:
    """Return the reference of a training's recipe, from the fields and the docstrings below them."""
    from acento.training.augment.options import Augmentation
    from acento.training.recipe import Recipe

    lines = [
        "# The recipe of a training",
        "",
        "Each field can be set by `--set NAME=VALUE` or in the YAML file of `--recipe`, those of the augmentation by "
        "`--set augmentation.NAME=VALUE`. A learning rate, batch size or patience that you do not give is chosen "
        "by the model's width and the number of clips.",
    ]
    for title, model in (("Recipe", Recipe), ("Augmentation", Augmentation)):
        told = griffe.load(model.__module__, search_paths=[ROOT])[model.__qualname__]
        rows = []
        for name, field in model.model_fields.items():
            text = told[name].docstring.value if name in told.members and told[name].docstring else ""
            default = _default(field.get_default(call_default_factory=True))
            rows.append((f"`{name}`", _about(_prose(text), _type(field.annotation), default)))
        lines += ["", f"## {title}", "", _prose(model.__doc__ or ""), "", *_table(("field", "what it is"), rows)]
    return "\n".join(lines) + "\n"


def _flow(entrypoint: str) -> Any:
    """Import a flow. Prefect reads its docstring with the parser of mkdocstrings, whose warnings are not the site's."""
    module, _, name = entrypoint.rpartition(".")
    logging.disable(logging.WARNING)
    try:
        return getattr(importlib.import_module(module), name)
    finally:
        logging.disable(logging.NOTSET)


def _keywords(function: Any) -> list[str]:
    """Return the table of a function's options, which are the fields of its request and not in its source."""
    _, heading, listed = (inspect.getdoc(function) or "").partition("\nOptions:\n")
    if not heading:
        return []
    told = dict(re.findall(r"^ +(\w+): (.*)$", listed, re.MULTILINE))
    rows = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in told:
            rows.append((f"`{name}`", _about(told[name], _type(parameter.annotation), _default(parameter.default))))
    return ["Options:", "", *_table(("option", "what it is"), rows), ""]


def _copy(path: str) -> Callable[[], str]:
    """Return what reads a file of the repository, with its links into ``docs/`` made relative to the site's root."""
    return lambda: re.sub(r"\]\(docs/", "](", (ROOT / path).read_text(encoding="utf-8"))


def _modal_page() -> str:
    """Return the README of the Modal backend and store, which says itself that nothing of it has run on Modal."""
    text = (ROOT / "infra/modal/README.md").read_text(encoding="utf-8")
    return text.replace("../prefect-modal-worker/README.md", "modal-worker.md")


def _worker_page() -> str:
    """Return the README of the worker's package; where there is none yet, a link to the backend's."""
    path = ROOT / "infra/prefect-modal-worker/README.md"
    return path.read_text(encoding="utf-8") if path.exists() else "# prefect-modal-worker\n\n[Modal](modal.md)\n"


PAGES: Final[dict[str, Callable[[], str]]] = {
    "reference/cli.md": command_page,
    "reference/settings.md": settings_page,
    "reference/recipe.md": recipe_page,
    "reference/flows.md": flow_page,
    "reference/python.md": python_page,
    "changelog.md": _copy("CHANGELOG.md"),
    "contributing.md": _copy("CONTRIBUTING.md"),
    "how-to/modal.md": _modal_page,
    "how-to/modal-worker.md": _worker_page,
}


def _commands(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """Yield the words of each command below a group, and the command, in the order of the help."""
    for name, command in group.commands.items():
        yield f"{words} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{words} {name}")


def _options(command: Any) -> list[str]:
    """Return the table of a command's arguments and options."""
    rows = []
    for parameter in command.params:
        value, default = _value(parameter), parameter.default
        if parameter.param_type_name == "argument":
            name = f"`{parameter.metavar or parameter.name.upper()}`"
        else:
            name = "<br>".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
        shown = "" if default in (None, False) else f"`{parameter.opts[0] if default is True else default}`"
        rows.append((name, _about(parameter.help or "", value, "required" if parameter.required else shown)))
    return [*_table(("name", "what it is"), rows), ""] if rows else []


def _about(text: str, value: str, default: str) -> str:
    """Return what a cell says of a parameter: its meaning, then its type and its default in small print."""
    small = "; ".join(filter(None, (value, f"default: {default}" if default.startswith("`") else default)))
    return "<br>".join(filter(None, (text, f"<small>{small}</small>" if small else "")))


def _value(parameter: Any) -> str:
    """Return what a parameter of the command line takes."""
    if getattr(parameter, "is_flag", False):
        return ""
    limits = [f"{sign} {limit:g}" for sign, limit in (("≥", parameter.min), ("≤", parameter.max)) if limit is not None]
    return " ".join([_type(parameter.type_descriptor.annotation), *limits])


def _type(annotation: Any) -> str:
    """Return a type as a reader of a table wants it: allowed values, or a plain name."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin in (Union, UnionType):
        return _type(arguments[0])
    if origin is not None:
        return {list: "list", tuple: "list", dict: "JSON"}.get(origin, "text")
    names = {"int": "whole number", "float": "number", "bool": "true or false", "SecretStr": "secret", "Path": "file"}
    return names.get(annotation.__name__, "text")


def _json_type(about: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return the type of a JSON schema in a few words."""
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    if "$ref" in about:
        return _json_type(definitions.get(about["$ref"].rpartition("/")[2], {}), definitions)
    if choices := about.get("anyOf") or about.get("allOf"):
        told = (_json_type(one, definitions) for one in choices if one.get("type") != "null")
        return " or ".join(dict.fromkeys(told))
    kind = str(about.get("type", "any"))
    if kind == "array":
        return f"list of {_json_type(about.get('items', {}), definitions)}"
    return {"integer": "whole number", "string": "text", "object": "mapping", "boolean": "true or false"}.get(
        kind, kind
    )


def _default(value: Any) -> str:
    return "" if value is None else f"`{value}`"


def _prose(text: str) -> str:
    """Return the text of a docstring as Markdown."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(text.split()).replace("``", "`"))


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [header, tuple("---" for _ in header), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]
