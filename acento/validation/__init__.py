"""Validation: measure every clip, judge a staged data set by a Great Expectations suite, and show the verdict."""
