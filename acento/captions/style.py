"""How captions look: how long lines and cues are, how fast they are read, and how speakers are told apart.

The defaults are those of Netflix's timed text style guides (general requirements, and the guides of the languages).
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

SpeakerLabels: TypeAlias = Literal["none", "prefix", "bracket", "tag", "color"]

_LATIN: Final = (42, 17.0)
_BY_LANGUAGE: Final = {
    **dict.fromkeys(("en", "ar"), (42, 20.0)),
    **dict.fromkeys(("zh", "cmn", "yue"), (32, 18.0)),
    "ja": (32, 14.0),
    "ko": (32, 24.0),
    "th": (35, 17.0),
}
"""Columns of a line and columns a second: 32 are 16 full-width characters."""


class CaptionStyle(BaseModel):
    """How captions look; what is None is as usual in the language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    line_length: Annotated[int, Field(ge=8, le=200)] | None = None
    """Columns of a line; a full-width character is two. None: 42, and 32 in Chinese, Japanese and Korean."""
    lines: Annotated[int, Field(ge=1, le=4)] = 2
    """Lines of a cue, at most."""
    reading_speed: Annotated[float, Field(gt=0, le=100)] | None = None
    """Columns a second that people read. None: 20 in English, 17 in most languages; 13 is usual for children."""
    min_s: Annotated[float, Field(gt=0, le=10)] = 0.833
    """Seconds that a cue is shown, at least: 5/6."""
    max_s: Annotated[float, Field(gt=0, le=60)] = 7.0
    """Seconds that a cue is shown, at most."""
    gap_frames: Annotated[int, Field(ge=0, le=24)] = 2
    """Frames without a cue between two."""
    frame_rate: Annotated[float, Field(ge=1, le=240)] = 24.0
    """Frames a second; only the gap depends on it."""
    speakers: SpeakerLabels = "tag"
    """How speakers are told apart where there are several: ``prefix`` is ``Ana: Hola.``, ``bracket`` ``[Ana] Hola.``,
    both where the speaker changes; ``color`` colors lines; ``tag`` is the format's own mark (``<v Ana>``,
    ``ttm:agent``), and a bracket in SRT and videos, which have none.
    """
    times: bool = False
    """Of plain text and documents: whether each paragraph begins with its time."""

    @model_validator(mode="after")
    def _in_order(self) -> "CaptionStyle":
        if self.min_s > self.max_s:
            raise ValueError(f"min_s must be at most max_s; got {self.min_s:g} and {self.max_s:g}")
        return self

    @property
    def without_marks(self) -> "CaptionStyle":
        """The style where nothing marks speakers but what is written."""
        return self.model_copy(update={"speakers": "bracket"}) if self.speakers == "tag" else self

    @property
    def gap_s(self) -> float:
        """Seconds without a cue between two."""
        return self.gap_frames / self.frame_rate

    def in_language(self, language: str | None) -> "Settled":
        """Return the numbers for a language, an ISO 639 code or a tag.

        >>> CaptionStyle().in_language("ja").line_length, CaptionStyle(line_length=30).in_language("zh-TW").line_length
        (32, 30)
        """
        base = (language or "").replace("_", "-").partition("-")[0].lower()
        length, speed = _BY_LANGUAGE.get(base, _LATIN)
        return Settled(
            line_length=self.line_length or length,
            lines=self.lines,
            reading_speed=self.reading_speed or speed,
            min_s=self.min_s,
            max_s=self.max_s,
            gap_s=self.gap_s,
        )


class Settled(BaseModel, frozen=True):
    """The numbers of a style in one language; see :class:`CaptionStyle`."""

    line_length: int
    lines: int
    reading_speed: float
    min_s: float
    max_s: float
    gap_s: float
