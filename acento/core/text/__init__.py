"""Text before it is scored: normalizer presets, each with a name and a version that stand beside every score."""

from acento.core.text.presets import NORMALIZERS, Normalizer, default_normalizer, normalizer, normalizer_for

__all__ = ["NORMALIZERS", "Normalizer", "default_normalizer", "normalizer", "normalizer_for"]
