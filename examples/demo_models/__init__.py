"""The recipes of the small models that ship with Acento: `python -m examples.demo_models`."""
