"""Tests of runs: their pages have no charts."""

from no_charts import no_charts  # noqa: F401
