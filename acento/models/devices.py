"""Which device models run on: the machine's processor, an NVIDIA GPU (``cuda``) or Apple's (``mps``).

The devices of machines elsewhere cannot be asked: there the request decides.
"""

import os
import platform
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from acento.core.errors import InputError
from acento.core.settings import settings
from acento.models.base import DeviceType, Dtype

CORES_ELSEWHERE = 4
"""What a machine elsewhere is taken to have, where nobody says."""
_NO_BFLOAT16 = ("T4", "V100", "P100", "P4", "K80", "RTX6000")
"""GPU types older than Ampere, as providers name them."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The machines of a backend that is not this process: what is known of them before any of them has started."""

    gpu: str | None = None
    """The type of GPU that was asked for, the first choice if there are several; ``""``: any; None: none."""
    cores: int = CORES_ELSEWHERE
    """Of one machine."""


def pick_device(wanted: str | None = None, elsewhere: Elsewhere | None = None) -> DeviceType:
    """Return the device to use: the one asked for (auto, cpu, cuda, mps; else ACENTO_DEVICE), or the best there is.

    With ``elsewhere``, where the work is done, ``auto`` is a GPU if one is asked for there. Raises InputError if the
    device asked for is not on this machine, or no backend elsewhere has it.
    """
    wanted = wanted or settings().device
    if wanted == "cpu":
        return "cpu"
    if elsewhere is not None:
        if wanted == "mps":
            raise InputError("Device 'mps' is only there for --compute inline: use cpu or cuda.")
        return "cuda" if wanted == "cuda" or elsewhere.gpu is not None else "cpu"
    there = available()
    if wanted == "auto":
        return there[0]
    if wanted not in there:
        raise InputError(f"Device {wanted!r} is not on this machine; it has {', '.join(there)}.")
    return wanted


def available() -> list[DeviceType]:
    """Return the kinds of device on this machine, the fastest first; imports torch only where a GPU may be."""
    drivers = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
    nvidia = platform.system() == "Windows" or any(Path(path).exists() for path in drivers)
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    if not apple and (not nvidia or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")):
        return ["cpu"]
    import torch

    if torch.cuda.is_available():
        return ["cuda", "cpu"]
    return ["mps", "cpu"] if apple and torch.backends.mps.is_available() else ["cpu"]


def default_dtype(device: DeviceType, elsewhere: Elsewhere | None = None) -> Dtype:
    """Return the precision to decode in: float32 on the CPU, bfloat16 on a GPU that has it, else float16."""
    if device == "cpu":
        return "float32"
    if device == "mps":
        return "float16"
    if elsewhere is not None:
        old = (elsewhere.gpu or "").upper().partition(":")[0] in _NO_BFLOAT16
        return "float16" if old else "bfloat16"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


@cache
def device_name(device: str) -> str:
    """Return a device's name as its maker says it, such as ``Intel(R) Xeon(R) Platinum 8481C``."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    named = re.search(r"^model name[^:]*:(.*)", text, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def cores(elsewhere: Elsewhere | None = None) -> int:
    """Return how many CPU cores this process may use, or a machine elsewhere is taken to have."""
    if elsewhere is not None:
        return elsewhere.cores
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(device: str, threads: int, elsewhere: Elsewhere | None = None) -> int:
    """Return how many workers share the work where nobody says: one on a GPU, on the CPU what its cores can hold.

    Each CPU worker computes on ``threads`` threads, by default 1: many clips at a time use cores better than many
    threads on one clip do, and the texts are then the same on a machine with more cores.
    """
    return held_by_cores(threads, elsewhere) if device == "cpu" else 1


def held_by_cores(threads: int, elsewhere: Elsewhere | None = None) -> int:
    """Return how many workers of so many threads each a machine's cores hold; at least one."""
    return max(1, cores(elsewhere) // threads)
