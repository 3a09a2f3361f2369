"""Real processes for tests, as those of the Modal worker have them, and the root of this checkout."""

from pathlib import Path

from processes import BIN, PrefectServer, answers, free_port, running, serving, wait_until

__all__ = ["BIN", "ROOT", "PrefectServer", "answers", "free_port", "running", "serving", "wait_until"]

ROOT = Path(__file__).resolve().parent.parent.parent
