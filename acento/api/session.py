"""What every function of the front door does around its work: options, the store, progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

from rich.console import Console

from acento.core.arguments import plain
from acento.core.errors import InputError
from acento.core.progress_bars import progress_bars, progress_lines
from acento.core.store import Store, open_store
from acento.requests import Request, bare

F = TypeVar("F", bound=Callable[..., Any])
_showing = False


def options_of(kind: type[Request], *given: str) -> Callable[[F], F]:
    """Show the fields of a request as the keyword parameters of a function that takes ``**options``.

    Args:
        kind: the request.
        given: its fields that the function's own parameters stand for, or that have no use in one process.
    """

    def decorate(function: F) -> F:
        own = signature(function)
        fields = {name: field for name, field in kind.fields().items() if name not in given}
        positional = [one for one in own.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        named = [
            one.replace(kind=Parameter.KEYWORD_ONLY, annotation=bare(one.annotation))
            for name, one in kind.signature().parameters.items()
            if name in fields
        ]
        shown = own.replace(parameters=[*positional, *named])

        @wraps(function)
        def checked(*args: Any, **options: Any) -> Any:
            for name in options:
                if name in given and name not in own.parameters and not kind.fields()[name].is_required():
                    raise InputError(f"{function.__name__} runs in this process and takes no {name!r}; commands do.")
                if name not in shown.parameters:
                    raise InputError(f"There is no parameter {name!r}; there are {', '.join(shown.parameters)}.")
            return function(*args, **{name: plain(one) if name in fields else one for name, one in options.items()})

        checked.__signature__ = shown  # type: ignore[attr-defined]
        listed = [f"        {name}: {field.description}" for name, field in fields.items()]
        checked.__doc__ = "\n".join([(function.__doc__ or "").rstrip(), "", "    Options:", *listed])
        return checked  # type: ignore[return-value]

    return decorate


@contextmanager
def session(title: str) -> Iterator[Store]:
    """Show progress inside the block and yield the store of the settings, after seeing that it can be written.

    Raises:
        StoreError: it cannot.
    """
    global _showing
    store = open_store()
    store.check_writable()
    if _showing:
        yield store
        return
    console = Console(stderr=True, highlight=False)
    if in_notebook := console.is_jupyter:  # where bars would need a package more
        console = Console(stderr=True, highlight=False, force_jupyter=False)
    _showing = True
    try:
        with progress_lines(console) if in_notebook else progress_bars(title, console, shown=console.is_terminal):
            yield store
    finally:
        _showing = False
