"""Captions: what was said as lines that a person can read while it is said."""
