"""Drafts: what a model heard in recordings without transcripts, for a person to correct, and then a data set."""
