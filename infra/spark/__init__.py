"""Spark as a place for workers: the session, what its executors run, and files for those who have a cluster."""
