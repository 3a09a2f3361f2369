"""The weights of a ``.nemo`` archive, read and replaced without NeMo."""

import io
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from acento.core.errors import ModelError, first_line
from acento.families.nemo.archive import WEIGHTS, inspect, read_file, unpack


def weights_of(path: Path) -> dict[str, Tensor]:
    """Return the weights of an archive, on the host; raise ModelError as :func:`tensors_in` and :func:`inspect` do."""
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
    """Read a pickle of weights, no code of which is run; raise ModelError where it holds anything but tensors."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        raise ModelError(
            f"The weights in NeMo model {path} are damaged or hold more than tensors ({first_line(error)})."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ModelError(f"The weights in NeMo model {path} are no table of tensors; get the file anew.")
    return state
