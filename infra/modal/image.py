"""The image of a sandbox or a function's container: a base, packages, and a project of this machine put into it.

Modal builds it step by step and keeps each step, so that what did not change is not built again.
"""

from pathlib import Path
from typing import TypeVar

import modal
from pydantic import BaseModel, Field, field_validator

import acento
from acento.core.errors import InputError

SpecT = TypeVar("SpecT", bound="ImageSpec")
_INTO = "/opt/project"
"""Where the project's files go while they are installed."""
_LEFT_OUT = [
    "**/.*", "**/__pycache__", "**/*.egg-info", "**/node_modules", "build", "dist", "site", "tests", ".venv", "venv",
]  # fmt: skip
"""What of a project's folder is no part of its package."""


class ImageSpec(BaseModel):
    """What an image is made of; nothing of it is a secret."""

    image: str = Field(
        "python:3.11-slim-bookworm",
        description="The image to begin with, as a registry names it; it must have Python and pip.",
    )
    image_id: str | None = Field(
        None, description="An image that Modal has built already (im-…); nothing is added to it."
    )
    registry_secret: str | None = Field(
        None,
        description="The name of a Modal secret with REGISTRY_USERNAME and REGISTRY_PASSWORD, for a private registry.",
    )
    apt_packages: list[str] = Field(default_factory=list, description="Debian packages to install.")
    pip_packages: list[str] = Field(default_factory=list, description="Python packages to install, such as torch==2.9.")
    constraints: str | None = Field(
        None, description="A file of the worker's machine with the versions that Python packages are held to."
    )
    wheel: str | None = Field(
        None, description="A wheel on the worker's machine, installed after the packages; such as your project's."
    )
    source: str | None = Field(
        None, description="A project's folder on the worker's machine, installed like the wheel."
    )
    commands: list[str] = Field(default_factory=list, description="Shell commands that end the building of the image.")

    @field_validator("image")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("an image needs a name")
        return value.strip()


def build(spec: ImageSpec) -> modal.Image:
    """Return the image, described; Modal builds it when it is needed first.

    Raises:
        InputError: a file or folder it names is not on this machine.
    """
    if spec.image_id is not None:
        return modal.Image.from_id(spec.image_id)
    secret = None
    if spec.registry_secret is not None:
        keys = ["REGISTRY_USERNAME", "REGISTRY_PASSWORD"]
        secret = modal.Secret.from_name(spec.registry_secret, required_keys=keys)
    image = modal.Image.from_registry(spec.image, secret=secret)
    if spec.apt_packages:
        image = image.apt_install(*spec.apt_packages)
    options = ""
    if spec.constraints is not None:
        path = _here(spec.constraints, "constraints")
        image = image.add_local_file(path, f"{_INTO}/constraints.txt", copy=True)
        options = f"--constraint {_INTO}/constraints.txt"
    if spec.pip_packages:
        image = image.uv_pip_install(*spec.pip_packages, extra_options=options)
    if spec.wheel is not None:
        path = _here(spec.wheel, "wheel")
        image = image.add_local_file(path, f"{_INTO}/{path.name}", copy=True)
        image = image.uv_pip_install(f"{_INTO}/{path.name}", extra_options=options)
    if spec.source is not None:
        path = _here(spec.source, "source")
        image = image.add_local_dir(path, f"{_INTO}/source", copy=True, ignore=_LEFT_OUT)
        image = image.uv_pip_install(f"{_INTO}/source", extra_options=options)
    return image.run_commands(*spec.commands) if spec.commands else image


def with_this_project(spec: SpecT) -> SpecT:
    """Return an image that has this project in it: as it says, or else by this machine's checkout of it.

    Raises:
        InputError: nothing says where the project comes from, and it was not installed from a checkout.
    """
    if (
        spec.image_id is not None
        or spec.wheel is not None
        or spec.source is not None
        or "image" in spec.model_fields_set
    ):
        return spec
    checkout = Path(acento.__file__).parent.parent
    if not (checkout / "pyproject.toml").is_file():
        raise InputError(
            "Nothing says how Acento comes into the image on Modal: name a wheel of it, or an image that has it, in "
            'ACENTO_JOB_VARIABLES, such as {"wheel": "acento-0.1.0-py3-none-any.whl"}.'
        )
    pinned = checkout / "constraints.txt"
    found = {"source": str(checkout)} | ({"constraints": str(pinned)} if pinned.is_file() else {})
    return spec.model_copy(update=found)


def _here(path: str, name: str) -> Path:
    found = Path(path).expanduser().absolute()
    if not found.exists():
        raise InputError(f"The image's {name} is not on this machine: {found}; build it, or name another one.")
    return found
