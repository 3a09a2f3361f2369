"""Prefect tasks, one thin file for each step: retries, caching, logging and artifacts around one library call."""
