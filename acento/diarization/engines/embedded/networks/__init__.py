"""The two networks of the embedded diarization: who of a few speaks in a window, and whose voice a stretch is."""
