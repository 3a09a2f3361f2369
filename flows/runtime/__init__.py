"""What flows and commands run in: a Prefect server, signals and pipes, and flows made of requests."""
