"""Refuse to run with a stranger's module in the place of one of Acento's packages; imported before they are.

Names such as ``tasks`` are common. A file ``tasks.py`` in the working directory of a worker, or on ``PYTHONPATH``,
would be imported instead of the installed package, and fail much later or do something else.
"""

from importlib.util import find_spec
from pathlib import Path

from acento.core.errors import InputError

_ROOMS = ("tasks", "infra", "acento")


def check_rooms() -> None:
    """Check that the packages beside this one are those that would be imported.

    Raises:
        InputError: another module of the same name stands before one of them on the path.
    """
    house = Path(__file__).resolve().parent.parent
    for room in _ROOMS:
        spec = find_spec(room)
        found = spec.origin if spec else None
        if found is None or Path(found).resolve().parent != house / room:
            where = found or (list(spec.submodule_search_locations or [])[:1] or ["nowhere"])[0] if spec else "nowhere"
            raise InputError(
                f"Python finds {room!r} at {where} and not in {house}, where Acento is installed: "
                "rename that module, or take its folder out of PYTHONPATH or the working directory."
            )


check_rooms()
