"""Files of nested boxes: MP4 (ISO 14496-12) and Matroska or WebM (RFC 9559)."""

from acento.core.audio.containers.layout import Data, FileLayout, joined

_MP4 = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp")
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def examine(data: Data) -> FileLayout | None:
    """Return whether the outer boxes fill such a file; None if it is none.

    Raises:
        ValueError: another file begins where the first has ended.
    """
    if data[4:8] in _MP4:
        return _mp4(data)
    if int.from_bytes(data[:4], "big") == _EBML:
        return _matroska(data)
    return None


def _mp4(data: Data) -> FileLayout:
    place, size, films = 0, len(data), 0
    while place + 8 <= size:
        length, kind, least = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8], 8
        if length == 1:
            length, least = int.from_bytes(data[place + 8 : place + 16], "big"), 16
        films += kind == b"moov"
        if films > 1:
            raise joined("MP4")
        if length < least:  # 0 is to the end, whatever that is
            return FileLayout()
        place += length
    if place > size:
        return FileLayout(f"its header declares {place} bytes, {size} are there")
    return FileLayout(complete=place == size)


def _matroska(data: Data) -> FileLayout:
    """Walk over the elements of a file; what has no size is entered."""
    place, size, sized, seen = 0, len(data), False, False
    while place < size:
        element, place = _number(data, place, marked=True)
        length, place = _number(data, place, marked=False)
        if element is None or length is None:
            return FileLayout() if place < size else FileLayout("its last element is not whole")
        if element == _EBML and seen:
            raise joined("Matroska")
        seen = True
        if element == _SEGMENT and length >= 0:
            if place + length > size:
                return FileLayout(f"its header declares {place + length} bytes, {size} are there")
            sized = True
        if length >= 0:
            place += length
    if place > size:
        return FileLayout("its last element is not whole")
    return FileLayout(complete=sized)


def _number(data: Data, place: int, *, marked: bool) -> tuple[int | None, int]:
    """Return a number of 1 to 8 bytes and the place after it: None if it is none, -1 if it means an unknown size."""
    first = data[place] if place < len(data) else 0
    width = 9 - first.bit_length()
    if width > (4 if marked else 8) or place + width > len(data):
        return None, len(data) if place + width > len(data) else place
    value = int.from_bytes(data[place : place + width], "big")
    if marked:
        return value, place + width
    most = (1 << 7 * width) - 1
    return (-1 if value & most == most else value & most), place + width
