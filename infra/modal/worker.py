"""The Modal worker as Acento's environments have it: with Acento's volumes, and a check of the store.

Prefect finds it by the entry-point group ``prefect.collections``. It takes the place of the worker that it extends:
pools have the same type, ``modal``.
"""

import warnings
from typing import Any

from prefect_modal_worker.configuration import ModalConfiguration, ModalVariables
from prefect_modal_worker.errors import SetupError
from prefect_modal_worker.worker import ModalWorker

from acento.core.extras import missing
from infra.modal.options import volumes_field


class AcentoVariables(ModalVariables):
    """The job variables, with Acento's volumes by default."""

    volumes: dict[str, str] = volumes_field()


class AcentoConfiguration(ModalConfiguration):
    """The configuration of one flow run's sandbox, with Acento's volumes by default."""

    volumes: dict[str, str] = volumes_field()


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="(?s).*The existing type will be overridden")  # that is meant

    class AcentoWorker(ModalWorker):
        """Runs flow runs in Modal sandboxes, and refuses a store that they cannot reach."""

        type = "modal"
        job_configuration = AcentoConfiguration
        job_configuration_variables = AcentoVariables

        async def start(self, *args: Any, **kwargs: Any) -> None:
            """Work until stopped; say at once if Modal's client is not installed."""
            if (sentence := missing("modal", "The Modal worker")) is not None:
                raise SystemExit(f"No worker was started. {sentence}")
            await super().start(*args, **kwargs)

        def check(self, configuration: ModalConfiguration) -> None:
            """See :meth:`ModalWorker.check`; the store must be one that a sandbox can reach."""
            super().check(configuration)
            if store := configuration.env.get("ACENTO_STORE"):
                check_store_url(store)


def check_store_url(url: str) -> None:
    """Check that a store can be reached from Modal.

    Raises:
        SetupError: it is a folder of this machine.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme == "file":
        raise SetupError(
            f"A sandbox on Modal cannot reach the store {url}, a folder of this machine: set ACENTO_STORE to "
            "s3://bucket/prefix or to modal://acento-results."
        )
