"""The Modal image, volumes and secrets that a specification describes.

Modal builds an image step by step and keeps each step, so that what did not change is not built again.
"""

from pathlib import Path

import modal

from prefect_modal_worker.errors import SetupError
from prefect_modal_worker.machine import ImageSpec, MachineSpec

_FOLDER = "/opt/project"
"""Where the project's files are in the image while they are installed."""
_LEFT_OUT = [
    "**/.*", "**/__pycache__", "**/*.egg-info", "**/node_modules", "build", "dist", "site", "tests", ".venv", "venv",
]  # fmt: skip
"""What of a project's folder is no part of its package."""


def build(spec: ImageSpec) -> modal.Image:
    """Return the image; Modal builds it when it is needed first.

    Raises:
        SetupError: a file or folder that it names is not on this machine.
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
        path = _on_this_machine(spec.constraints, "constraints")
        image = image.add_local_file(path, f"{_FOLDER}/constraints.txt", copy=True)
        options = f"--constraint {_FOLDER}/constraints.txt"
    if spec.pip_packages:
        image = image.uv_pip_install(*spec.pip_packages, extra_options=options)
    extras = f"[{','.join(spec.extras)}]" if spec.extras else ""
    if spec.wheel is not None:
        path = _on_this_machine(spec.wheel, "wheel")
        image = image.add_local_file(path, f"{_FOLDER}/{path.name}", copy=True)
        image = image.uv_pip_install(f"{_FOLDER}/{path.name}{extras}", extra_options=options)
    if spec.source is not None:
        path = _on_this_machine(spec.source, "source")
        image = image.add_local_dir(path, f"{_FOLDER}/source", copy=True, ignore=_LEFT_OUT)
        image = image.uv_pip_install(f"{_FOLDER}/source{extras}", extra_options=options)
    return image.run_commands(*spec.commands) if spec.commands else image


def volumes(spec: MachineSpec) -> dict[str, modal.Volume]:
    """Return the volumes by the path where they are mounted; Modal makes those that do not exist."""
    return {
        path: modal.Volume.from_name(name, create_if_missing=True, version=2, environment_name=spec.modal_environment)
        for path, name in spec.volumes.items()
    }


def secrets(spec: MachineSpec) -> list[modal.Secret]:
    """Return the secrets, which are known by their names alone."""
    return [modal.Secret.from_name(name, environment_name=spec.modal_environment) for name in spec.secrets]


def _on_this_machine(path: str, name: str) -> Path:
    found = Path(path).expanduser().absolute()
    if not found.exists():
        raise SetupError(f"The image's {name} is not on this machine: {found}; build it, or name another one.")
    return found
