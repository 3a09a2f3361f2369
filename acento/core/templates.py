"""HTML and Markdown from the Jinja templates that lie in a folder ``templates`` beside the module that fills them."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_ROOT = Path(__file__).parents[1]


def render(template: str, **values: object) -> str:
    """Return a filled template; in HTML every value is escaped.

    Args:
        template: its path below ``acento/``, such as ``validation/templates/verdict.html``.
        values: what the template names; a name without a value is an error.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(_ROOT),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html", "svg"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
