"""What runs a model fastest on this machine, measured once and kept in the store: engine, threads, batch size."""
