"""Acento: specialize speech recognition to an accent, a dialect or a speaker, and prove what it gained.

This package is the speech library: everything that is true without an orchestrator. Flows, tasks and compute
backends stand beside it (``flows``, ``tasks``, ``infra``) and import it, never the other way round.
"""

__version__ = "0.1.0"
