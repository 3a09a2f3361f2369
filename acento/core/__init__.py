"""What every other room stands on: errors, settings, the store, audio, text."""

VERSION = "0.2.0"
"""The version of Acento."""
