"""The machine and the image of Acento's work on Modal, as the settings ask for them."""

from pathlib import Path
from typing import Any

from prefect_modal_worker.machine import MachineSpec
from pydantic import ConfigDict, Field, ValidationError

import acento
from acento.core.errors import InputError
from acento.core.settings import settings

VOLUMES = {
    "/acento/datasets": "acento-datasets",
    "/acento/models": "acento-models",
    "/acento/results": "acento-results",
}
"""The volumes that are mounted by default, by where."""
_EXTRAS = ["ctranslate2", "diarization", "modal"]
"""What an image needs beside the plain install: for converted models, for telling speakers apart, and for a store in a
volume."""


def volumes_field() -> Any:
    """Return the field of a model that holds the volumes to mount, with Acento's by default."""
    description = MachineSpec.model_fields["volumes"].description
    return Field(VOLUMES, description=description)


class Options(MachineSpec):
    """What ``ACENTO_JOB_VARIABLES`` may say for the backend ``modal``: the job variables that describe a machine."""

    model_config = ConfigDict(extra="forbid")

    volumes: dict[str, str] = volumes_field()


def options_asked() -> Options:
    """Return what the settings ask of Modal, with an image that has Acento in it.

    Raises:
        InputError: an option is not known or not possible, or nothing says how Acento comes into the image.
    """
    given: dict[str, Any] = {"gpu": settings().gpu_type or None} | settings().job_variables
    try:
        return _with_acento(Options.model_validate(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"ACENTO_JOB_VARIABLES: {name}={first['input']!r} is not usable on Modal: {first['msg']}; there are "
            f"{', '.join(sorted(Options.model_fields))}."
        ) from None


def _with_acento(options: Options) -> Options:
    """Return the options with Acento in their image: as they say, or else by this machine's checkout of it."""
    if {"image", "image_id", "wheel", "source"} & options.model_fields_set:
        return options
    checkout = Path(acento.__file__).parent.parent
    if not (checkout / "pyproject.toml").is_file():
        raise InputError(
            "Nothing says how Acento comes into the image on Modal: name a wheel of it, or an image that has it, in "
            'ACENTO_JOB_VARIABLES, such as {"wheel": "acento-0.2.0-py3-none-any.whl"}.'
        )
    pinned = checkout / "constraints.txt"
    found: dict[str, Any] = {"source": str(checkout), "extras": [*dict.fromkeys([*_EXTRAS, *options.extras])]}
    if pinned.is_file() and options.constraints is None:
        found["constraints"] = str(pinned)
    return options.model_copy(update=found)
