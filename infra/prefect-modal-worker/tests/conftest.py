"""What the tests share: a real Prefect server, and a stand-in for Modal's service."""

# ruff: noqa: F401
from prefect_fixtures import prefect_database, prefect_home, prefect_server  # first: it sets the environment

from modal_fixtures import fresh_client, modal, modal_api, nothing_refused  # isort: skip
