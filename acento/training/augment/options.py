"""How training may change a clip; everything is off by default."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

Color = Literal["white", "pink", "brown"]


def _within(low: float, high: float, unit: str) -> AfterValidator:
    """Check a range: both ends within bounds, the lower one first."""

    def check(values: tuple[float, float]) -> tuple[float, float]:
        if not values[0] <= values[1]:
            raise ValueError(f"a range goes from low to high, and {values[0]:g} is above {values[1]:g}: exchange them")
        if not all(low <= value <= high for value in values):
            raise ValueError(f"both ends of the range must lie between {low:g} and {high:g} {unit}")
        return values

    return AfterValidator(check)


Probability = Annotated[float, Field(ge=0.0, le=1.0)]
_Range = tuple[float, float]


class Augmentation(BaseModel, frozen=True, extra="forbid"):
    """How often and how far clips are changed, drawn anew for each clip at each step.

    A probability of 0 and no masks, as by default, leave every clip as it is.
    """

    speed: Probability = 0.0
    """Probability that a clip is played faster or slower, pitch and tempo alike (Ko et al. 2015)."""
    speed_range: Annotated[_Range, _within(0.5, 2.0, "times the speed")] = (0.9, 1.1)
    """Times the speed; Ko et al. 2015 train on 0.9, 1.0 and 1.1."""
    pitch: Probability = 0.0
    """Probability that the pitch moves while the tempo stays."""
    pitch_semitones: Annotated[_Range, _within(-12, 12, "semitones")] = (-2.0, 2.0)
    reverb: Probability = 0.0
    """Probability that a clip sounds as in a room."""
    reverb_s: Annotated[_Range, _within(0.02, 3.0, "seconds")] = (0.1, 0.6)
    """Seconds in which an echo decays by 60 dB; living rooms and offices have 0.3 to 0.6."""
    noise: Probability = 0.0
    """Probability that noise is added."""
    noise_snr_db: Annotated[_Range, _within(-20, 80, "dB")] = (5.0, 30.0)
    """Speech power over noise power in dB, measured where there is speech."""
    noise_colors: Annotated[tuple[Color, ...], Field(min_length=1)] = ("white", "pink", "brown")
    """Kinds of synthetic noise: of equal power for each Hz, or falling by 3 or 6 dB each octave."""
    noise_folder: str | None = None
    """A folder of recordings of noise, used instead of synthetic noise."""
    gain: Probability = 0.0
    """Probability that a clip becomes louder or quieter."""
    gain_db: Annotated[_Range, _within(-60, 60, "dB")] = (-6.0, 6.0)
    warp: Probability = 0.0
    """Probability that frequencies are stretched, as by a longer or shorter vocal tract (Jaitly & Hinton 2013): another
    speaker's voice without another tempo. Worth most where few people speak in the training clips."""
    warp_range: Annotated[_Range, _within(0.7, 1.4, "times the mel bin")] = (0.9, 1.1)
    """Times the mel bin; Jaitly & Hinton 2013 draw from 0.9 to 1.1."""
    time_masks: Annotated[int, Field(ge=0, le=20)] = 0
    """SpecAugment (Park et al. 2019): stretches of speech that are blotted out; they use 2."""
    time_mask_s: Annotated[float, Field(gt=0.0, le=5.0)] = 0.5
    """The longest of them in seconds; none is ever longer than a fifth of the clip's speech."""
    frequency_masks: Annotated[int, Field(ge=0, le=20)] = 0
    """SpecAugment: bands of frequency that are blotted out while somebody speaks; Park et al. use 2."""
    frequency_mask: Annotated[float, Field(gt=0.0, le=0.5)] = 0.3
    """The widest of them as a share of all mel bins; Park et al. use 27 of 80."""

    @property
    def changes_audio(self) -> bool:
        """Whether any clip's samples may be changed."""
        return any((self.speed, self.pitch, self.reverb, self.noise, self.gain))

    @property
    def masks(self) -> bool:
        """Whether features are masked."""
        return bool(self.time_masks or self.frequency_masks)

    @property
    def changes_features(self) -> bool:
        """Whether any clip's features may be changed after they were computed."""
        return self.masks or self.warp > 0

    @property
    def is_off(self) -> bool:
        """Whether every clip stays as it is."""
        return not self.changes_audio and not self.changes_features
