"""Ogg (RFC 3533): whether the stream has ended, and where joined streams begin."""

from acento.core.audio.containers.layout import Data, FileLayout, FilePart

_PAGE = 27 + 255 + 255 * 255
"""Bytes of the largest page."""
_FIRST, _LAST = 2, 4


def examine(data: Data) -> FileLayout | None:
    """Return whether an Ogg file has its end, and the recordings that it chains; None if it is none."""
    if data[:4] != b"OggS":
        return None
    if not _ends(data):
        return FileLayout("its last page is not the end of the stream")
    links = _links(data)
    if len(links) == 1:
        return FileLayout()
    return FileLayout(parts=tuple(FilePart(a, b) for a, b in zip(links, [*links[1:], len(data)], strict=True)))


def _ends(data: Data) -> bool:
    """Whether the last page is whole and marked as the end of its stream (section 6)."""
    tail = data[-2 * _PAGE :]
    start = tail.rfind(b"OggS")
    page = tail[start:] if start >= 0 else b""
    if len(page) < 27 or not page[5] & _LAST:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _links(data: Data) -> list[int]:
    """Return where each chained stream begins: at a first page that comes after one that is none."""
    links, place, first_before = [], 0, False
    while 0 <= (place := data.find(b"OggS", place)) <= len(data) - 27:
        first = bool(data[place + 5] & _FIRST)
        if first and not first_before:
            links.append(place)
        first_before = first
        segments = data[place + 26]
        place += 27 + segments + sum(data[place + 27 : place + 27 + segments])
    return links or [0]
