"""The recipes of the small models that ship with Acento: `python -m acento.training.demo_models`."""
