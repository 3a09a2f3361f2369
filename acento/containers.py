"""What an audio file's container says about its own length, where the decoders do not look or do not tell.

libsndfile shortens a cut WAV, AIFF, AU, CAF or W64 to what is there and never asks whether an Ogg stream has ended;
FFmpeg takes a cut WMA or AVI for a short one. A recording that lost its second half would pass. So these few headers
are read here.
"""

import os
from typing import BinaryIO, Literal

_STREAMED = 0x7FFF_0000
"""Sizes from here on are what programs write into a header when they cannot know the length yet."""
_OGG_PAGE = 27 + 255 + 255 * 255
"""Bytes of the largest Ogg page (RFC 3533)."""

_W64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def what_is_missing(file: BinaryIO) -> str | None:
    """Say what a file lacks of the length that its header declares; None if nothing, or where the decoders tell.

    Moves the file's position.
    """
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WAVE":
        return _missing_of_chunk(file, b"data", "little")
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return _missing_of_chunk(file, b"SSND", "big")
    if head[:4] == b"OggS":
        return _missing_of_ogg(file)
    if head == _ASF[:12]:
        return _missing_of_asf(file)
    if head[:4] == b".snd":
        return _missing_of_au(file)
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return _missing_of_size(file, 4, 4, "little", plus=8)
    if head == _W64[:12]:
        return _missing_of_size(file, 16, 8, "little")
    if head[:4] == b"caff":
        return _missing_of_caf(file)
    return None


def _missing_of_chunk(file: BinaryIO, name: bytes, order: str) -> str | None:
    """Compare the size that the sound chunk of a RIFF or IFF file declares with the bytes that follow it."""
    size = file.seek(0, os.SEEK_END)
    position, tenth_of_a_second = 12, 4096
    while position + 8 <= size:
        file.seek(position)
        header = file.read(8)
        declared = int.from_bytes(header[4:], "little" if order == "little" else "big")
        if header[:4] == b"fmt ":
            tenth_of_a_second = max(1, int.from_bytes(file.read(12)[8:12], "little") // 10)
        if header[:4] == name:
            there = size - position - 8
            if declared < _STREAMED and declared - there > tenth_of_a_second:
                return f"its header declares {declared} bytes of sound, {there} are there"
            return None
        position += 8 + declared + declared % 2
    return "it has no sound after its header"


def _missing_of_ogg(file: BinaryIO) -> str | None:
    """Look whether the last Ogg page is whole and marked as the end of its stream (RFC 3533, section 6)."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2 * _OGG_PAGE))
    tail = file.read()
    start = tail.rfind(b"OggS")
    page = tail[start:] if start >= 0 else b""
    if len(page) >= 27:
        segments = page[26]
        if page[5] & 4 and len(page) >= 27 + segments + sum(page[27 : 27 + segments]):
            return None
    return "its last page is not the end of the stream"


def _missing_of_au(file: BinaryIO) -> str | None:
    """Compare the bytes of sound that an AU header declares with those that follow it."""
    file.seek(4)
    offset = int.from_bytes(file.read(4), "big")
    return _missing_of_size(file, 8, 4, "big", plus=offset)


def _missing_of_caf(file: BinaryIO) -> str | None:
    """Look whether every chunk of a Core Audio file is whole (Apple Core Audio Format Specification 1.0)."""
    size = file.seek(0, os.SEEK_END)
    position, sound = 8, False
    while position + 12 <= size:
        file.seek(position)
        header = file.read(12)
        declared = int.from_bytes(header[4:], "big", signed=True)
        sound |= header[:4] == b"data"
        if declared < 0:  # sound to the end of the file, whose length was not known when it was written
            return None
        position += 12 + declared
    if position > size:
        return f"its header declares {position} bytes, {size} are there"
    return None if sound else "it has no sound after its header"


def _missing_of_size(file: BinaryIO, at: int, width: int, order: Literal["little", "big"], plus: int = 0) -> str | None:
    """Compare the size that stands at one place of a header, and ``plus`` bytes before it, with the file's own."""
    size = file.seek(0, os.SEEK_END)
    file.seek(at)
    declared = int.from_bytes(file.read(width), order)
    if declared >= _STREAMED and width == 4:
        return None
    declared += plus
    return f"its header declares {declared} bytes, {size} are there" if declared > size else None


def _missing_of_asf(file: BinaryIO) -> str | None:
    """Compare the file size that the File Properties object declares with the true one (ASF specification, 3.2)."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(1 << 16)
    start = head.find(_ASF_PROPERTIES)
    declared = int.from_bytes(head[start + 40 : start + 48], "little") if start >= 0 else 0
    return f"its header declares {declared} bytes, {size} are there" if declared > size else None
