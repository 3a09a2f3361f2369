"""Finding speech: how likely each moment of a recording is somebody talking."""

VERSION = 1
"""Raised by hand when the same audio may give other probabilities."""
