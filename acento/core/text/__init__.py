"""Text before it is scored: normalizer presets, each with a name and a version that stand beside every score."""

from acento.core.text.presets import NORMALIZERS, Normalizer, normalizer

__all__ = ["NORMALIZERS", "Normalizer", "normalizer"]
