"""A Prefect worker that runs each flow run in a Modal sandbox: work pools of type ``modal``."""
