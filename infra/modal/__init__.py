"""Acento on Modal: the worker with Acento's defaults, a store in a volume, and containers that do jobs."""
