"""Exports of a model version: other formats and smaller numbers, kept only where dev says that little was lost."""
