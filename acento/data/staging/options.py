"""The options of a staging, which version 1 of a data set fixes, and its name."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from acento.core.errors import DataError, InputError
from acento.core.store import Store
from acento.core.text.language import resolve_language
from acento.data.dataset import Card, load_card, versions
from acento.data.splits import SPLIT_BY
from acento.data.staging.chunk import StagingOptions


def options_of(store: Store, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a data set: those of version 1, else what is asked for, else the defaults.

    Raises:
        DataError: an option is not possible, or differs from that of version 1.
    """
    given = {key: value for key, value in asked.items() if value is not None}
    if given.get("split_by", "auto") not in SPLIT_BY:
        raise DataError(f"Splits cannot be made by {given['split_by']!r}: use {', '.join(SPLIT_BY)}.")
    if not versions(store, name):
        return {"language": None, "seed": 0, "split_by": "auto", **asdict(StagingOptions()), **given}
    card = load_card(store, name)
    for key, value in given.items():
        if value != card.options[key] and not _is_same(key, value, card):
            raise DataError(
                f"Data set {name!r} was staged with {key} {card.options[key]!r}, not {value!r}: leave it out, "
                "or stage under another name."
            )
    return card.options


def _is_same(key: str, asked: Any, card: Card) -> bool:
    """Tell whether an option says what that of a data set says, though in other words."""
    there = card.options[key]
    if key == "language" and there is not None:
        with suppress(InputError):
            return str(resolve_language(there)) == asked
    return key == "split_by" and asked == card.options.get("split_by_asked")


def language_tag(name: str) -> str:
    """Return the tag of a language that an option names.

    Raises:
        DataError: it is no known language.
    """
    try:
        return str(resolve_language(name))
    except InputError as error:
        raise DataError(f"--language: {error}") from error


def check_name(name: str) -> None:
    """Check that a name can be that of a data set.

    Raises:
        DataError: it cannot.
    """
    if not name or name.startswith((".", "-")) or not all(c.isalnum() or c in "._-+" for c in name):
        raise DataError(f"{name!r} cannot name a data set: use letters, digits, '.', '_' and '-'.")
