"""Errors besides words: punctuation, casing, hallucinations."""
