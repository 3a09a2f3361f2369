"""The file format of whisper.cpp (GGML): a Whisper written into it, and read back."""
