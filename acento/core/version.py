"""The version of Acento."""

VERSION = "0.2.0"
