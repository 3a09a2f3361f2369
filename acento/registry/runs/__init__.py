"""Runs: what was asked for, what came of it, and what is made of many of them."""
