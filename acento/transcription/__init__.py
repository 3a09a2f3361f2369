"""Recordings of any length to documents: windows, stitched texts, and the files written of them."""
