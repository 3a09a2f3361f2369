"""Augmentation: clips made different at each step, the same way in each run with the same seed."""
