"""Intervals, tests, and what clips could show; no texts."""
