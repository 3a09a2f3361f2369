"""The verbs of ``acento``, one module for each group; each imports what it needs when it is called."""
