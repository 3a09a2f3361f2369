"""The lengths that a CTranslate2 Whisper was made for, from the heads of the variables in its ``model.bin``."""

import struct
from pathlib import Path

_VERSIONS = range(4, 7)
"""Of the format; in these a variable has a type and a count of bytes."""
_POSITIONS = {
    "encoder/position_encodings/encodings": "max_source_positions",
    "decoder/position_encodings/encodings": "max_target_positions",
}


def read_positions(path: Path) -> dict[str, int]:
    """Return ``max_source_positions`` and ``max_target_positions``, those of them that the file says.

    The file is a version, the name and revision of a specification, and for each variable its name, its dimensions, its
    type and its bytes; texts are ended by a zero, numbers little-endian. The bytes are skipped.
    """
    found: dict[str, int] = {}
    with path.open("rb") as file:

        def number(kind: str) -> int:
            (value,) = struct.unpack(f"<{kind}", file.read(struct.calcsize(f"<{kind}")))
            return int(value)

        def text() -> str:
            return file.read(number("H")).rstrip(b"\0").decode()

        try:
            if number("I") not in _VERSIONS:
                return {}
            text()
            number("I")
            for _ in range(number("I")):
                name = text()
                shape = [number("I") for _ in range(number("B"))]
                number("B")
                size = number("I")
                file.seek(size, 1)
                if name in _POSITIONS and shape:
                    found[_POSITIONS[name]] = shape[0]
        except (struct.error, UnicodeDecodeError):
            return {}  # loading says what is wrong with it
    return found
