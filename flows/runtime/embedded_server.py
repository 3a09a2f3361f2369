"""The program of the embedded Prefect server: runs on a socket that its starter opened, and leaves when told to.

Prefect stops its own temporary server while that still writes down what task runs reported: their last states are
lost, and the interrupted writes print tracebacks. This one waits first until everything reported is recorded. It also
stops by itself when the process that started it is gone, however that ended.

Started by :mod:`flows.runtime.embedded` as a file, so that no module of the user's folder can stand in its way; imports
nothing of Acento.
"""

import os
import select
import sys
import time
from socket import socket
from threading import Thread

import uvicorn

_RECORDING_LIMIT_S = 20.0
_QUIET_S = 0.3
_POLL_S = 0.05


def main() -> None:
    """Serve Prefect's API on the inherited socket ``argv[1]`` until standard input ends or the starter is gone."""
    listener = socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        "prefect.server.api.server:create_app", factory=True, log_level="warning", access_log=False, lifespan="on"
    )
    server = uvicorn.Server(config)
    Thread(target=_stop_when_told, args=(server, os.getppid()), daemon=True).start()
    server.run(sockets=[listener])
    if not server.started:
        raise SystemExit(3)


def _stop_when_told(server: uvicorn.Server, starter: int) -> None:
    """Wait for a byte or the end of standard input, or for the death of the starter; then stop the server."""
    while os.getppid() == starter:
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready:
            break
    wait_until_recorded()
    server.should_exit = True


def wait_until_recorded(limit_s: float = _RECORDING_LIMIT_S) -> None:
    """Wait until every event that reached this server has been handled, for 0.3 s on end, at most ``limit_s``."""
    deadline = time.monotonic() + limit_s
    quiet_since = time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - quiet_since < _QUIET_S:
        if _waiting_events() > 0:
            quiet_since = time.monotonic()
        time.sleep(_POLL_S)


def _waiting_events() -> int:
    """Return how many events are queued or being written; 0 where Prefect does not say."""
    memory = sys.modules.get("prefect.server.utilities.messaging.memory")
    counts = getattr(memory, "METRICS", {}).get("events")
    return counts["published"] - counts["consumed"] if counts else 0


if __name__ == "__main__":
    main()
