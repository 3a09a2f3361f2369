"""What the tests of Modal share: the stand-in may have refused nothing."""

from modal_fixtures import fresh_client, nothing_refused  # noqa: F401
