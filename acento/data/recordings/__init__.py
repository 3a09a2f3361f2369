"""Whole recordings, as they lie in the store, and what may be given as one."""
