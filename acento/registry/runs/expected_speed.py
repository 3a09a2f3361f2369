"""How fast a model is expected to be on a device: as it was measured in the store, else a guess that says so."""

import statistics
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from acento.core.prices import SHIPPED, PriceTable
from acento.scoring.entry import Entry, Speed

_GUESSES = SHIPPED.with_name("speeds.toml")
_PUBLISHED_ON = "A100-80GB"

Basis = Literal["measured", "guess", "unknown"]


@dataclass(frozen=True, slots=True)
class ExpectedSpeed:
    """An RTFx, and what it rests on."""

    rtfx: float | None
    basis: Basis
    why: str
    """In words, such as ``measured in 3 runs``."""
    load_s: float = 0.0
    """Seconds until a worker can decode, where they were measured."""


def expected_speed(
    entries: Sequence[Entry],
    prices: PriceTable,
    device: str,
    *,
    model: str,
    model_hash: str | None,
    family: str | None,
    window: str | None = None,
    decoding: str | None = None,
) -> ExpectedSpeed:
    """Return what to expect of a model on a device.

    In this order: this model measured on this device; this model on another GPU, by how fast the memories are read;
    another model of its family on this device; what is published of its family, on another GPU. All but the first are
    guesses.

    Args:
        entries: what was measured, of all runs.
        prices: the types of device.
        device: a type of ``prices``, or the name that a machine has for its own.
        model: its name.
        model_hash: its content; None where it is not on this machine, so that the name decides.
        family: None where it is not known.
        window: what it is to decode in, see :class:`acento.scoring.entry.Entry`; what decoded in others says nothing.
        decoding: how it is to decode, likewise.
    """
    speeds = [
        (entry, entry.speed, _device(entry, prices))
        for entry in entries
        if entry.speed is not None and (entry.window, entry.decoding) == (window, decoding)
    ]
    own = [
        (speed, where)
        for entry, speed, where in speeds
        if where is not None and (entry.model_hash == model_hash if model_hash else entry.model == model)
    ]
    load_s = max((speed.load_s or 0.0 for speed, where in own if where == device), default=0.0)
    if here := [speed for speed, where in own if where == device]:
        return ExpectedSpeed(_pooled(here), "measured", f"measured in {_runs(len(here))}", load_s)
    target = _memory(prices, device)
    elsewhere = {where for _, where in own if target is not None and _memory(prices, where) is not None}
    if elsewhere and target is not None:
        nearest = min(sorted(elsewhere), key=lambda where: abs((_memory(prices, where) or 0.0) - target))
        rtfx = _pooled([speed for speed, where in own if where == nearest]) * target / (_memory(prices, nearest) or 1.0)
        return ExpectedSpeed(rtfx, "guess", f"measured on {nearest}, scaled by the speed of its memory")
    kin = [speed.rtfx for entry, speed, where in speeds if family and entry.family == family and where == device]
    if kin:
        return ExpectedSpeed(statistics.median(kin), "guess", f"other models of the family {family} on this device")
    known = _published().get(family or "")
    if known is not None and target is not None:
        scale = target / (_memory(prices, _PUBLISHED_ON) or target)
        return ExpectedSpeed(
            known["rtfx"] * scale, "guess", f"published of {known['model']} on {_PUBLISHED_ON}, scaled by memory"
        )
    return ExpectedSpeed(None, "unknown", "nothing was measured on this device")


def device_types(prices: PriceTable) -> Iterator[str]:
    """Yield the GPU types of a price table, as it orders them."""
    return (name for name, price in prices.prices.items() if price.per == "gpu")


def _device(entry: Entry, prices: PriceTable) -> str | None:
    """Return the type of device that an entry was measured on, or its own name; None where there were several."""
    if entry.conditions is None:
        return None
    return prices.type_of(entry.conditions.device, backend=entry.conditions.backend) or entry.conditions.device


def _memory(prices: PriceTable, device: str | None) -> float | None:
    price = prices.prices.get(device or "")
    return None if price is None else price.memory_gb_s


def _pooled(speeds: Sequence[Speed]) -> float:
    """Return audio seconds over inference seconds of several measurements together."""
    return sum(one.rtfx * one.inference_s for one in speeds) / sum(one.inference_s for one in speeds)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


@cache
def _published() -> dict[str, Any]:
    return tomllib.loads(_GUESSES.read_text(encoding="utf-8"))
