"""Looking after a store: what is in it, what of that is needed, and whether it works."""
