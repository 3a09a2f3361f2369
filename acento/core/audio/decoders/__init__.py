"""The two decoders: libsndfile, and FFmpeg for what that cannot open."""
