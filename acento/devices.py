"""Which device models run on: the machine's processor, an NVIDIA GPU (``cuda``) or Apple's (``mps``)."""

import os
import platform
from functools import cache
from pathlib import Path

from acento.errors import InputError
from acento.models.base import DeviceType, Dtype
from acento.settings import settings


def pick_device(wanted: str | None = None) -> DeviceType:
    """Return the device to use: the one asked for (argument, then ACENTO_DEVICE), else the best there is.

    Raises:
        InputError: the device asked for is not on this machine.
    """
    wanted = wanted or settings().device
    if wanted == "cpu":
        return "cpu"
    there = available()
    if wanted == "auto":
        return there[0]
    if wanted not in there:
        raise InputError(f"Device {wanted!r} is not on this machine; it has {', '.join(there)}.")
    return wanted


def available() -> list[DeviceType]:
    """Return the kinds of device on this machine, the fastest first; imports torch only where a GPU may be."""
    found: list[DeviceType] = ["cpu"]
    if _may_have_cuda():
        import torch

        if torch.cuda.is_available():
            found.insert(0, "cuda")
    elif platform.system() == "Darwin" and platform.machine() == "arm64":
        import torch

        if torch.backends.mps.is_available():
            found.insert(0, "mps")
    return found


def _may_have_cuda() -> bool:
    """Tell, without torch, whether an NVIDIA driver is here: a cached benchmark need not import torch to learn it."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return any(Path(path).exists() for path in ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")) or (
        platform.system() == "Windows"
    )


def default_dtype(device: DeviceType) -> Dtype:
    """Return the precision to decode in: float32 on the CPU, bfloat16 on a GPU that has it, else float16."""
    if device == "cpu":
        return "float32"
    if device == "mps":
        return "float16"
    import torch

    return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


@cache
def device_name(device: str) -> str:
    """Return a device's name as its maker says it, such as ``Intel(R) Xeon(R) Platinum 8481C``."""
    if device == "cuda":
        import torch

        return str(torch.cuda.get_device_name())
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
