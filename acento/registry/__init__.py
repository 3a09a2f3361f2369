"""Model versions, their aliases, reports and exports, and the gate before ``production``."""
