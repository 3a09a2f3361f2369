"""Modal: a Prefect worker that runs flow runs in sandboxes, a store in volumes, and containers that do jobs."""
