"""The verb ``info``: what is installed, which devices there are, which store and which Prefect server are used."""

import platform
from importlib.metadata import PackageNotFoundError, version

from acento.core.errors import AcentoError
from flows.commands import terminal
from flows.commands.session import open_store

_PACKAGES = (
    *("prefect", "torch", "transformers", "datasets", "pyarrow", "av", "soundfile", "soxr", "espeakng-loader"),
    *("peft", "rapidfuzz", "great-expectations", "s3fs", "fsspec", "huggingface-hub", "fastapi"),
)


def info() -> None:
    """Show what is installed, which devices there are, and which store and Prefect server are used."""
    from acento import __version__
    from acento.core.extras import EXTRAS
    from acento.models.families import FAMILIES

    terminal.print_facts(
        [
            ("acento", __version__),
            ("python", f"{platform.python_version()} on {platform.platform()}"),
            *((name, _version(name)) for name in _PACKAGES),
            *((package, _version(package, f"'acento[{extra}]'")) for extra, (package, _) in EXTRAS.items()),
            *_devices(),
            ("models", ", ".join(family.name for family in FAMILIES.values() if family.missing() is None)),
            ("store", open_store().url),
            ("prefect server", _prefect_server()),
        ]
    )


def _version(package: str, brought_by: str | None = None) -> str:
    """Return the installed version of a package, or how pip installs it: by its own name, or by what brings it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return f"not installed (pip install {brought_by or package})"


def _devices() -> list[tuple[str, str]]:
    import torch

    from acento.models.devices import cores

    usable = cores()
    cuda = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return [
        ("cpu", f"{usable} {'core' if usable == 1 else 'cores'}"),
        ("cuda", cuda or "none"),
        ("mps", "yes" if torch.backends.mps.is_available() else "none"),
    ]


def _prefect_server() -> str:
    """Say where flows run: beside a server, and whether it answers, or in one that starts with each command."""
    from prefect.settings import get_current_settings

    from flows.runtime.embedded import check_server

    current = get_current_settings()
    if not current.api.url:
        return f"ephemeral: started for each command, its database in {current.home}"
    try:
        check_server(current.api.url)
    except AcentoError as error:
        return str(error)
    return f"{current.api.url} (answers)"
