"""The recipe of the two small Whisper models that ship with Acento: `python -m acento.training.demo_models`."""
