"""The weights of a ``.nemo`` archive, read and replaced without NeMo."""

import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from acento.core.errors import ModelError
from acento.families.nemo.archive import WEIGHTS, inspect, read_file, unpack


def weights_of(path: Path) -> dict[str, Tensor]:
    """Return the weights of an archive, on the host.

    Raises:
        ModelError: it is damaged, could do harm, or holds more than tensors.
    """
    inspect(path)
    with tempfile.TemporaryDirectory(prefix="acento-nemo-") as folder:
        unpack(path, Path(folder))
        return tensors_in(path, Path(folder) / WEIGHTS)


def write_with_weights(path: Path, weights: Mapping[str, Tensor], out: Path) -> None:
    """Write an archive that is another one but for its weights.

    Raises:
        ModelError: the other one is damaged or could do harm.
        OSError: ``out`` cannot be written.
    """
    held = io.BytesIO()
    torch.save(dict(weights), held)
    with tarfile.open(out, "w") as archive:
        for name in inspect(path).files:
            data = held.getvalue() if name == WEIGHTS else read_file(path, name)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def tensors_in(path: Path, file: Path) -> dict[str, Tensor]:
    """Read a pickle of weights, and of nothing else: no class in it is looked for, no code is run.

    Raises:
        ModelError: it holds anything but tensors, or is damaged.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The weights in NeMo model {path} are damaged or hold more than tensors ({reason})."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ModelError(f"The weights in NeMo model {path} are no table of tensors; get the file anew.")
    return state
