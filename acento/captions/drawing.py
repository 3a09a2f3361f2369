"""Text on the pictures of a video: white with a black outline, at the bottom."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from acento.captions.cue import Cue, Line, one_after_another
from acento.core.errors import InputError

Plane = NDArray[np.float32]

_SIZE: Final = 0.055
"""The height of letters, of the shorter side of the picture."""
_SMALLEST: Final = 9
_WIDEST: Final = 0.92
"""The part of the picture's width that a line may take: letters are made smaller for it."""
_MARGIN: Final = 0.05
_LEADING: Final = 1.25
_BLACK: Final = 16.0
_RGB_TO_YUV: Final = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]) / 255
"""ITU-R BT.601, studio range."""


@dataclass(frozen=True, slots=True)
class _Overlay:
    """What is drawn of a cue: rows of the picture, and how much of outline and letters covers each pixel, 0 to 1."""

    top: int
    outline: Plane
    letters: Plane
    colors: Plane
    """Y, U, V of the letters of each row."""


class Drawer:
    """Draws the cue of each time on pictures of one size."""

    def __init__(self, cues: Sequence[Cue], font: Path | None = None, colors: Mapping[str, str] | None = None) -> None:
        """Take the cues.

        Raises:
            InputError: the font cannot be read, or lacks a character of them.
        """
        self._cues = one_after_another(cues)
        self._starts = [cue.start for cue in self._cues]
        self._font = font or _default_font()
        self._colors = colors or {}
        self._drawn: tuple[tuple[int, int, int], _Overlay] | None = None
        check_font(self._font, {character for cue in self._cues for line in cue.lines for character in line.text})

    def shown(self, seconds: float) -> int | None:
        """Return the number of the cue that is shown at a time; None: none is."""
        index = bisect_right(self._starts, seconds) - 1
        return index if index >= 0 and seconds < self._cues[index].end else None

    def draw(self, picture: NDArray[np.uint8], width: int, height: int, cue: int) -> None:
        """Draw a cue on a picture: YUV 4:2:0, planar, (height * 3 / 2, width), both even; it is changed."""
        key = (cue, width, height)
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = key, _overlay(self._cues[cue].lines, self._font, self._colors, width, height)
        over = self._drawn[1]
        half = slice(over.top // 2, over.top // 2 + len(over.letters) // 2)
        planes = [picture[:height], *(part.reshape(height // 2, width // 2) for part in _chroma(picture, height))]
        for number, plane in enumerate(planes):
            rows = slice(over.top, over.top + len(over.letters)) if number == 0 else half
            outline, letters, color = over.outline, over.letters, over.colors[:, number : number + 1]
            if number:
                outline, letters, color = _halved(outline), _halved(letters), color[::2]
            blank = _BLACK if number == 0 else 128.0
            below = plane[rows] * (1 - outline) + blank * outline
            plane[rows] = np.clip(below * (1 - letters) + color * letters + 0.5, 0, 255).astype(np.uint8)


def _chroma(picture: NDArray[np.uint8], height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return picture[height : height + height // 4], picture[height + height // 4 :]


def _halved(plane: Plane) -> Plane:
    rows, columns = plane.shape
    means: Plane = plane.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3), dtype=np.float32)
    return means


def _overlay(lines: Sequence[Line], font: Path, colors: Mapping[str, str], width: int, height: int) -> _Overlay:
    size = max(_SMALLEST, round(_SIZE * min(width, height)))
    letters = ImageFont.truetype(str(font), size)
    widest = max(letters.getlength(line.text) for line in lines)
    if widest > _WIDEST * width:
        size = max(1, int(size * _WIDEST * width / widest))
        letters = ImageFont.truetype(str(font), size)
    stroke, step = max(1, size // 9), round(size * _LEADING)
    tall = min(height // 2 * 2, (step * len(lines) + 2 * stroke + 3) // 2 * 2)
    top = max(0, (height - tall - round(_MARGIN * height)) // 2 * 2)
    masks = [Image.new("L", (width, tall)) for _ in range(2)]
    rows = np.empty((tall, 3), np.float32)
    for number, line in enumerate(lines):
        rows[step * number :] = _yuv(colors.get(line.speaker or "", "#ffffff"))
        for mask, outline in zip(masks, (stroke, 0), strict=True):
            place = (width / 2, stroke + step * number)
            ImageDraw.Draw(mask).text(place, line.text, 255, letters, anchor="ma", stroke_width=outline)
    covered = [np.asarray(mask).astype(np.float32) / np.float32(255) for mask in masks]
    return _Overlay(top, covered[0], covered[1], rows)


def _yuv(color: str) -> Plane:
    yuv: Plane = (_RGB_TO_YUV @ ImageColor.getrgb(color)[:3] + (16, 128, 128)).astype(np.float32)
    return yuv


def _default_font() -> Path:
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def check_font(font: Path, characters: set[str]) -> None:
    """Check that a font can be read and has some characters.

    Raises:
        InputError: it cannot, or has not.
    """
    from matplotlib.ft2font import FT2Font

    try:
        known = FT2Font(str(font)).get_charmap()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{font} is no font that can be read: name a .ttf, .otf or .ttc file.") from error
    lacking = sorted(one for one in characters if ord(one) not in known and not one.isspace() and one.isprintable())
    if lacking:
        shown, more = " ".join(lacking[:5]), f" and {len(lacking) - 5} others" if len(lacking) > 5 else ""
        raise InputError(f"The font {font.name} has no {shown}{more}: name one that has with --font.")
