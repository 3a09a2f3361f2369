"""Published weights into a network of ours: nothing but tensors is read, and every name must be there."""

from pathlib import Path
from pickle import UnpicklingError
from typing import TypeVar

import torch
from torch import nn

from acento.core.errors import ModelError

Network = TypeVar("Network", bound=nn.Module)


def load_state(network: Network, path: Path) -> Network:
    """Return the network with the weights of a file, ready to infer; the file may hold them under ``state_dict``.

    Raises:
        ModelError: the file cannot be read, or is another network's.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state.get("state_dict", state))
    except (OSError, RuntimeError, UnpicklingError, AttributeError, EOFError) as error:
        reason = str(error).partition("\n")[0].rstrip(".:")
        raise ModelError(f"{path} does not hold the weights of {type(network).__name__} ({reason}).") from error
    return network.eval()
