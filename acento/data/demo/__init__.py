"""The demo data set: Chilean Spanish sentences, spoken by espeak-ng, the accent made by respelling.

Its speech is synthetic, and deterministic to the byte; it needs nothing but the wheels that Acento installs.
"""

from acento.data.demo.clips import DemoClip, demo_clips, demo_written, wav_bytes, write_demo

__all__ = ["DemoClip", "demo_clips", "demo_written", "wav_bytes", "write_demo"]
