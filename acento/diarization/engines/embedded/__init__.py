"""The diarization that needs no account and no gated download."""
