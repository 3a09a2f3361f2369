"""Files of chunks and plain headers: WAV, RF64, AIFF, AU, CAF, W64, AVI and WMA."""

import struct
from typing import Literal

from acento.core.audio.containers.layout import Data, FileLayout, FilePart, joined

_STREAMED = 0x7FFF_0000
"""Sizes from here on are what programs write into a header when they cannot know the length yet."""
_TO_THE_END = b"\xff\xff\xff\xff"
_AFTER_SOUND = (
    b"LIST", b"fact", b"id3 ", b"ID3 ", b"bext", b"cue ", b"smpl", b"JUNK", b"junk", b"PAD ", b"iXML", b"axml", b"_PMX",
    b"afsp", b"DISP", b"PEAK", b"inst", b"acid", b"FLLR", b"minf", b"elm1", b"regn", b"umid", b"DGDA", b"cart", b"levl",
    b"COMM", b"NAME", b"ANNO", b"AUTH", b"(c) ", b"MARK", b"INST", b"COMT", b"APPL", b"CHAN", b"ID3\x02", b"ID3\x03",
    b"ID3\x04", b"<?xm", b"free",
)  # fmt: skip
"""How what is no sound may begin after it."""

_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")

_FORMAT = {"little": "<HHIIHH", "big": ">HHIIHH"}
_PLAIN = (1, 3, 0xFFFE)
"""Formats of a WAV file in which samples stand one after the other: integers, floats, and those of a longer header."""

Order = Literal["little", "big"]


def examine(data: Data) -> FileLayout | None:
    """Return what the header of such a file and its size tell together; None if it is none."""
    head = data[:12]
    if head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:] == b"WAVE":
        return _chunks(data, b"data", "big" if head[:4] == b"RIFX" else "little")
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return _chunks(data, b"SSND", "big")
    if head[:4] == b".snd":
        return _au(data)
    if head[:4] == b"caff":
        return _caf(data)
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        declared = int.from_bytes(head[4:8], "little")
        return FileLayout() if declared >= _STREAMED else _compared(data, declared + 8, "AVI")
    if head == _W64[:12]:
        return _compared(data, int.from_bytes(data[16:24], "little"), "W64")
    if head == _ASF[:12]:
        start = data[: 1 << 16].find(_ASF_PROPERTIES)
        return _compared(data, int.from_bytes(data[start + 40 : start + 48], "little") if start >= 0 else 0, "WMA")
    return None


def _compared(data: Data, declared: int, kind: str) -> FileLayout:
    """Compare the size that a file declares with its own."""
    size = len(data)
    if size < declared < _STREAMED << 32:
        return FileLayout(f"its header declares {declared} bytes, {size} are there")
    if (
        0 < declared < size
        and data[declared : declared + 4] + data[declared + 8 : declared + 12] == data[:4] + data[8:12]
    ):
        raise joined(kind)
    return FileLayout(complete=declared == size)


def _chunks(data: Data, name: bytes, order: Order) -> FileLayout:
    """Compare the size that the sound chunk of a RIFF or IFF file declares with what follows it."""
    size, place, tenth_of_a_second, long = len(data), 12, 4096, None
    while place + 8 <= size:
        kind, declared = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], order)
        if kind == b"ds64":
            long = int.from_bytes(data[place + 16 : place + 24], "little")
        if kind == b"fmt ":
            form, channels, _, _, width, bits = struct.unpack(_FORMAT[order], data[place + 8 : place + 24].ljust(16))
            if form in _PLAIN and (not channels or width % channels or width // channels * 8 < bits):
                raise ValueError(f"its header is damaged: {channels} channels of {bits} bits in {width} bytes")
            tenth_of_a_second = max(1, int.from_bytes(data[place + 16 : place + 20], order) // 10)
        if kind == name:
            if long is not None and declared == 0xFFFF_FFFF:
                declared = long
            elif declared >= _STREAMED:
                return FileLayout()
            return _sound(data, place, declared, tenth_of_a_second, order)
        place += 8 + declared + declared % 2
    return FileLayout("it has no sound after its header")


def _sound(data: Data, place: int, declared: int, tenth_of_a_second: int, order: Order) -> FileLayout:
    """Judge the size that the sound chunk at ``place`` declares."""
    size = len(data)
    there, end = size - place - 8, place + 8 + declared + declared % 2
    true = min(there, _STREAMED - 1).to_bytes(4, order)
    if declared > there:
        if int.from_bytes(data[4:8], order) in (size - 8, size):  # all of the file is there, by its outer header
            return FileLayout(parts=(FilePart(0, size, patches=((place + 4, true),)),))
        return FileLayout(f"its header declares {declared} bytes of sound, {there} are there")
    if data[end : end + 4] == data[:4] and data[end + 8 : end + 11] == data[8:11]:
        return FileLayout(joined_at=end)
    counted = int.from_bytes(data[4:8], order) == size - 8 > end
    if (there - declared > tenth_of_a_second or counted) and not _is_no_sound(data, end, order):
        whole = min(size - 8, _STREAMED - 1).to_bytes(4, order)
        return FileLayout(parts=(FilePart(0, size, patches=((4, whole), (place + 4, true))),))
    return FileLayout()


def _is_no_sound(data: Data, place: int, order: Order) -> bool:
    """Whether what follows the sound chunk is more chunks to the end, a tag, or nothing but zeros."""
    head, size = data[place : place + 8], len(data)
    if head[:4] in _AFTER_SOUND or head[:3] == b"TAG":
        return True
    zeros = bytes(1 << 16)
    if all(data[at : at + len(zeros)] == zeros[: size - at] for at in range(place, size, len(zeros))):
        return True
    while place + 8 <= size and all(32 <= byte < 127 for byte in data[place : place + 4]):
        declared = int.from_bytes(data[place + 4 : place + 8], order)
        place += 8 + declared + declared % 2
    return place in (size, size + 1)


def _au(data: Data) -> FileLayout:
    """Compare the bytes of sound that an AU header declares with those that follow it, of which all are sound."""
    offset, declared = struct.unpack(">II", data[4:12]) if len(data) >= 12 else (0, 0)
    there = len(data) - offset
    if declared >= _STREAMED:
        return FileLayout()
    if declared > there:
        return FileLayout(f"its header declares {declared + offset} bytes, {len(data)} are there")
    if data[offset + declared : offset + declared + 4] == b".snd":
        return FileLayout(joined_at=offset + declared)
    if declared < there:
        return FileLayout(parts=(FilePart(0, len(data), patches=((8, _TO_THE_END),)),))
    return FileLayout()


def _caf(data: Data) -> FileLayout:
    """Look whether every chunk of a Core Audio file is whole (Apple Core Audio Format Specification 1.0)."""
    size, place, sound = len(data), 8, None
    while place + 12 <= size and all(32 <= byte < 127 for byte in data[place : place + 4]):
        kind, declared = data[place : place + 4], int.from_bytes(data[place + 4 : place + 12], "big", signed=True)
        if kind == b"caff":
            return FileLayout(joined_at=place)
        if kind == b"data":
            sound = place
            if declared < 0:  # sound to the end of the file, whose length was not known when it was written
                return FileLayout()
        place += 12 + declared
    if sound is None:
        return FileLayout("it has no sound after its header")
    if place > size:
        return FileLayout(f"its header declares {place} bytes, {size} are there")
    if place < size:
        return FileLayout(parts=(FilePart(0, size, patches=((sound + 4, (size - sound - 12).to_bytes(8, "big")),)),))
    return FileLayout()
