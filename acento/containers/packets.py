"""MPEG transport streams (ISO 13818-1): packets of one size, so that a cut within one shows."""

from acento.containers.layout import Data, Layout

_SIZES = (188, 192, 204)
"""Bytes of a packet: plain, with a time stamp (M2TS), with a checksum."""


def examine(data: Data) -> Layout | None:
    """Return whether the last packet of a transport stream is whole; None if it is none."""
    for size in _SIZES:
        start = 4 if size == 192 else 0
        if len(data) > 4 * size and all(data[start + n * size] == 0x47 for n in range(4)):
            return Layout("its last packet is not whole") if len(data) % size else Layout()
    return None
