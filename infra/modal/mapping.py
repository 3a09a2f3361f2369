"""One call of ``Function.map``: an app described, run while it is needed, and its results as they come.

The app is ephemeral: when its maker leaves, or dies and its heartbeats end, Modal ends its containers.
"""

import json
import queue
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any

import modal
from prefect_modal_worker.image import build, secrets, volumes

from acento.core.errors import InputError
from acento.jobs.job import Job
from infra.compute.portable import passed_on
from infra.modal.container import COUNT, QUEUE, Container
from infra.modal.options import options_asked
from infra.modal.store import MOUNTS, SCHEME, parse

APP = "acento-jobs"
"""The name of the app, as Modal's page lists it."""

_LOOK_S = 1.0
_IDLE_S = 60
_RETRIES = 3


class Over(Exception):  # noqa: N818 - how waiting for results ends
    """Nothing more will come; the error that ended it, if any."""

    def __init__(self, error: BaseException | None) -> None:
        """Take the error."""
        super().__init__()
        self.error = error


class Mapping:
    """A running app and its one call of ``map``, whose results a thread collects."""

    def __init__(self, jobs: Sequence[Job], workers: int, store: str, news: str) -> None:
        """Take the jobs, how many containers may share them, the store's URL, and the queue's id for news."""
        self.jobs = jobs
        self.left = set(range(len(jobs)))
        self.failures: list[BaseException] = []
        """What the map raised for inputs that it does not name."""
        self._arrived: queue.Queue[Any] = queue.Queue()
        self._app, self._class = describe(jobs, workers, store, news)
        self._stack = ExitStack()
        self._thread = threading.Thread(target=self._collect, name="modal-map", daemon=True)

    def __enter__(self) -> "Mapping":
        """Start the app and hand over the jobs."""
        self._stack.enter_context(self._app.run())
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End the app and its containers."""
        with suppress(Exception):  # the app ends with its heartbeats, too
            self._stack.close()
        self._thread.join(_LOOK_S)

    def take(self, timeout: float) -> tuple[int, dict[str, Any]] | None:
        """Return the next job's index and what came of it; None if there is nothing new within ``timeout`` seconds.

        Raises:
            Over: nothing more will come.
        """
        try:
            found = self._arrived.get(timeout=timeout)
        except queue.Empty:
            return None
        if found is None or isinstance(found, BaseException):
            raise Over(found)
        index = int(found["index"])
        if index not in self.left:
            return None  # a machine that was taken away had done it already
        self.left.discard(index)
        return index, found

    def _collect(self) -> None:
        over: BaseException | None = None
        try:
            indexes, specs = range(len(self.jobs)), [job.model_dump_json() for job in self.jobs]
            results = self._class().execute.map(indexes, specs, order_outputs=False, return_exceptions=True)
            for result in results:
                if isinstance(result, dict):
                    self._arrived.put(result)
                else:
                    self.failures.append(result)
        except BaseException as error:
            over = error
        self._arrived.put(over)


def describe(jobs: Sequence[Job], workers: int, store: str, news: str) -> tuple[modal.App, Any]:
    """Return the app, and the class in it that does the jobs.

    Raises:
        InputError: an option cannot be, or the jobs were planned for a GPU and none is asked for.
    """
    options = options_asked()
    if not options.gpus and any(job.options.device_type == "cuda" for job in jobs):
        raise InputError("The work was planned for a GPU, and none is asked of Modal: set ACENTO_GPU_TYPE, such as L4.")
    if store.startswith(SCHEME) and (name := parse(store)[0]) not in options.volumes.values():
        options = options.model_copy(update={"volumes": {**options.volumes, f"/acento/{name}": name}})
    env = {
        "ACENTO_STORE": store,
        "ACENTO_COMPUTE": "inline",
        "DO_NOT_TRACK": "1",
        MOUNTS: json.dumps({name: path for path, name in options.volumes.items()}),
        QUEUE: news,
        COUNT: str(workers),
    }
    models = next((path for path, name in options.volumes.items() if name.endswith("-models")), None)
    if models is not None:
        env["HF_HOME"] = f"{models}/huggingface"
    env |= passed_on()
    app = modal.App(APP, include_source=False)
    decorate = app.cls(
        image=build(options),
        gpu=options.gpus or None,
        cpu=options.cores or float(max(job.options.threads for job in jobs)),  # Modal's default is an eighth
        memory=options.mebibytes,
        timeout=options.timeout,
        retries=modal.Retries(max_retries=_RETRIES, initial_delay=1.0),
        max_containers=min(workers, len(jobs)),
        scaledown_window=_IDLE_S,
        env=env,
        secrets=secrets(options),
        volumes=volumes(options),
        region=options.region or None,
        cloud=options.cloud,
    )
    return app, decorate(Container)
