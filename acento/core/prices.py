"""What devices cost an hour: the table that comes with Acento, and the user's file, whose values stand instead.

Every use of money goes through here: what a benchmark cost or would cost, budgets of benchmarks and searches.
"""

import datetime
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acento.core.arguments import sentence
from acento.core.errors import InputError
from acento.core.settings import settings

SHIPPED = Path(__file__).parents[1] / "assets" / "prices.toml"
_MODAL_CPU = "modal-cpu"
_GPU_MAKERS = {"NVIDIA", "TESLA"}


class Price(BaseModel):
    """What an hour of one type of device costs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd_per_hour: float = Field(ge=0, allow_inf_nan=False)
    """US dollars, of one GPU or of one core."""
    per: Literal["gpu", "core"] = "gpu"
    vram_gb: float | None = Field(None, gt=0)
    memory_gb_s: float | None = Field(None, gt=0)
    """How fast the memory is read, in GB a second."""
    source: str = ""
    """Where the price was read: an address, or the user's file."""
    date: datetime.date | None = None
    """When it was read."""
    devices: tuple[str, ...] = ()
    """Names by which machines call it, where the type's own words are not in them."""

    def hourly(self, threads: int) -> float:
        """Return the dollars for an hour of a GPU, or of so many cores."""
        return self.usd_per_hour * (threads if self.per == "core" else 1)

    @property
    def said_by(self) -> str:
        """Where the price is from, and when it was read, in words."""
        return ", ".join(str(one) for one in (self.source, self.date) if one)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by type of device, such as ``L40S``."""

    prices: Mapping[str, Price]

    def type_of(self, device: str, *, backend: str = "") -> str | None:
        """Return the type of a device by the name that a machine has for it; None where it has no price.

        A name in ``devices`` is the device's whole name. Else all words of the type are in it, and the type with most
        words is meant; a slice of a GPU (MIG) has no price of its own. A processor at Modal is Modal's.

        >>> shipped_prices().type_of("NVIDIA A100-SXM4-80GB"), shipped_prices().type_of("NVIDIA H100 80GB HBM3")
        ('A100-80GB', 'H100')
        """
        for name, price in self.prices.items():
            if device.strip().lower() in {one.strip().lower() for one in price.devices}:
                return name
        words = _words(device)
        if "MIG" not in words:
            types = [name for name, price in self.prices.items() if price.per == "gpu" and _words(name) <= words]
            if types:
                return max(types, key=lambda name: len(_words(name)))
        return _MODAL_CPU if backend == "modal" and words.isdisjoint(_GPU_MAKERS) else None

    def type_asked(self, gpu: str) -> str | None:
        """Return the type that a provider's name means, such as ``H100!`` or ``A100:2``; None where it has no price."""
        return self.type_of(gpu.partition(":")[0].rstrip("!+"))


def shipped_prices() -> PriceTable:
    """Return the table that comes with Acento."""
    return _table(SHIPPED, PriceTable({}))


def load_prices(path: Path | str | None = None) -> PriceTable:
    """Return the prices: Acento's, then those of a file, by default the one that ``ACENTO_PRICES`` names.

    A file may give another price to a type that there is, or name one of its own with ``devices``.

    Raises:
        InputError: the file is not there, or a value in it is not possible; the sentence names the file and the line.
    """
    chosen = path or settings().prices
    table = shipped_prices()
    return _table(Path(chosen).expanduser(), table) if chosen else table


def _table(path: Path, base: PriceTable) -> PriceTable:
    try:
        stat = path.stat()
        return _read(path, (stat.st_mtime_ns, stat.st_size), tuple(base.prices.items()))
    except OSError as error:
        raise InputError(
            f"The price file {path} cannot be read ({error.strerror}): mend its path, or unset ACENTO_PRICES."
        ) from error


@cache
def _read(path: Path, _state: tuple[int, int], base: tuple[tuple[str, Price], ...]) -> PriceTable:
    """Return the prices of a file over those of another; kept as long as the file does not change."""
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"The price file {path} is no TOML: {str(error).rstrip('.')}.") from None
    known = dict(base)
    return PriceTable(known | {name: _price(path, text, name, fields, known) for name, fields in values.items()})


def _price(path: Path, text: str, name: str, fields: Any, known: Mapping[str, Price]) -> Price:
    where = f"{path}, line {_line(text, name)}"
    if not isinstance(fields, dict):
        raise InputError(f"{where}: {name} stands outside of a table; write [{name}], and usd_per_hour below it.")
    if known and name not in known and not fields.get("devices"):
        close = get_close_matches(name.upper(), [one.upper() for one in known], 1)
        meant = next((one for one in known if close and one.upper() == close[0]), None)
        raise InputError(
            f"{where}: there is no device type {name!r}; {f'did you mean {meant}? T' if meant else 't'}here are "
            f'{", ".join(known)}. For another device add devices = ["what the machine calls it"].'
        )
    before = known[name].model_dump(exclude={"source", "date"}) if name in known else {}
    own = {"source": str(path)} if known else {}
    try:
        return Price.model_validate(before | own | fields)
    except ValidationError as error:
        found = error.errors()[0]
        key = str(found["loc"][0])
        where = f"{path}, line {_line(text, name, key)}"
        if found["type"] == "extra_forbidden":
            close = get_close_matches(key, Price.model_fields, 1)
            hint = f"did you mean {close[0]}? T" if close else "t"
            raise InputError(
                f"{where}: [{name}] has no field {key!r}; {hint}here are {', '.join(Price.model_fields)}."
            ) from None
        raise InputError(f"{where}: {sentence(f'{key} of [{name}]', found)}") from None


def _line(text: str, name: str, key: str | None = None) -> int:
    """Return the line of a table's header, or of a field below it; that of the header where the field is not there."""
    header, lines = 1, text.splitlines()
    for number, line in enumerate(lines, 1):
        if re.match(rf"\s*(\[\s*[\"']?{re.escape(name)}[\"']?\s*\]|{re.escape(name)}\s*=)", line):
            header = number
            break
    for number in range(header, len(lines)):
        if key is None or lines[number].lstrip().startswith("["):
            break
        if re.match(rf"\s*{re.escape(key)}\s*=", lines[number]):
            return number + 1
    return header


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[\s_/-]+", name.upper()) if word}


def dollars(amount: float) -> str:
    """Return an amount as a person reads it: two digits that count below a dollar, else cents.

    >>> dollars(12.345), dollars(0.01234), dollars(0)
    ('$12.35', '$0.012', '$0.00')
    """
    if amount == 0 or abs(amount) >= 1:
        return f"${amount:.2f}"
    digits = max(2, 1 - math.floor(math.log10(abs(amount))))
    return f"${amount:.{digits}f}"
