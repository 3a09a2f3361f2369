"""Text before it is scored: normalizer presets, each with a name and a version that stand beside every score."""

from acento.core.text.normalizer import Normalizer, Step
from acento.core.text.presets import NORMALIZERS, default_normalizer, normalize, normalizer, normalizer_for

__all__ = ["NORMALIZERS", "Normalizer", "Step", "default_normalizer", "normalize", "normalizer", "normalizer_for"]
