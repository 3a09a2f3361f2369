"""Prefect flows, one file for each job that a person starts or schedules, and ``cli.py``, the ``acento`` command."""
