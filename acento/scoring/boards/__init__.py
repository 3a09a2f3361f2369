"""Boards of runs: ranked, over all runs, and data sets side by side."""
