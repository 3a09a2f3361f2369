"""Tests of the front door: pages of runs have no charts."""

from no_charts import no_charts  # noqa: F401
