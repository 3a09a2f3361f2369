"""Files of blocks that say their size, or of which a header tells the number: Ogg, FLV, VOC, NIST SPHERE, MPEG-TS."""

import math

from acento.core.audio.containers.layout import Data, FileLayout, FilePart, joined

_TRANSPORT = (188, 192, 204)
"""Bytes of a packet of a transport stream (ISO 13818-1): plain, with a time stamp (M2TS), with a checksum."""
_PAGE = 27 + 255 + 255 * 255
"""Bytes of the largest page of Ogg."""
_FIRST, _LAST = 2, 4
_VOC = b"Creative Voice File\x1a"
_ONE_ONLY = {b"FLV\x01": "FLV", b"TTA1": "TTA", b"MAC ": "APE", b"Crea": "VOC"}
"""How files begin of which FFmpeg reads only the first that it finds."""


def examine(data: Data) -> FileLayout | None:
    """Return whether the last block of such a file is whole; None if it is none.

    Raises:
        ValueError: another file begins within.
    """
    if (kind := _ONE_ONLY.get(data[:4])) and data.find(data[:8], 8) > 0:
        raise joined(kind)
    if data[:4] == b"OggS":
        return _ogg(data)
    if data[:4] == b"FLV\x01":
        return _flv(data)
    if data[:20] == _VOC:
        return _voc(data)
    if data[:8] == b"NIST_1A\n":
        return _sphere(data)
    for size in _TRANSPORT:
        start = 4 if size == 192 else 0
        if len(data) > 4 * size and all(data[start + n * size] == 0x47 for n in range(4)):
            return FileLayout("its last packet is not whole") if len(data) % size else FileLayout()
    return None


def _flv(data: Data) -> FileLayout:
    """Walk over the tags, each of which is followed by its size (Adobe FLV 10.1, annex E)."""
    place, size = int.from_bytes(data[5:9], "big") + 4, len(data)
    while place + 11 <= size:
        place += 11 + int.from_bytes(data[place + 1 : place + 4], "big") + 4
    return FileLayout(None if place == size else "its last tag is not whole")


def _voc(data: Data) -> FileLayout:
    """Walk over the blocks to the terminator, a zero, that some writers leave out."""
    place, size = int.from_bytes(data[20:22], "little"), len(data)
    while place + 4 <= size and data[place]:
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "little")
    return FileLayout(None if place <= size else "its last block is not whole")


def _sphere(data: Data) -> FileLayout:
    """Compare the number of samples in the header of text with what follows it, where they are not compressed."""
    head = data[: min(int(data[8:16]), 1 << 16)]
    fields = {words[0]: words[2] for line in head.split(b"\n")[2:] if len(words := line.split(maxsplit=2)) == 3}
    if b"," in fields.get(b"sample_coding", b""):
        raise ValueError("its samples are compressed (shorten): convert it, for example by w_decode or sph2pipe")
    due = math.prod(int(fields.get(name, b"1")) for name in (b"sample_count", b"sample_n_bytes", b"channel_count"))
    there = len(data) - len(head)
    return FileLayout(f"its header declares {due} bytes of sound, {there} are there" if due > there else None)


def _ogg(data: Data) -> FileLayout:
    """Look whether the stream has ended, and where joined streams begin (RFC 3533)."""
    if not _ogg_ends(data):
        return FileLayout("its last page is not the end of the stream")
    links = _ogg_links(data)
    if len(links) == 1:
        return FileLayout()
    return FileLayout(parts=tuple(FilePart(a, b) for a, b in zip(links, [*links[1:], len(data)], strict=True)))


def _ogg_ends(data: Data) -> bool:
    """Whether the last page is whole and marked as the end of its stream (section 6)."""
    tail = data[-2 * _PAGE :]
    start = tail.rfind(b"OggS")
    page = tail[start:] if start >= 0 else b""
    if len(page) < 27 or not page[5] & _LAST:
        return False
    return len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])


def _ogg_links(data: Data) -> list[int]:
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
