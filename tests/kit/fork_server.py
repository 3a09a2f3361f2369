"""A process that has imported what ``acento`` and ``prefect`` import, and forks for each command: imports cost once.

Run as a script, it reads requests as lines of JSON and answers each with the process id and then the exit code. Each
command is a process of its own with its own working directory, environment, output and end, as any other.
"""

import gc
import importlib
import json
import os
import sys
import threading
from typing import Any

_MODULES = """
    prefect.main prefect.flow_engine prefect.utilities.visualization fastapi.security anyio._backends._asyncio
    flows.benchmark flows.validate flows.specialize flows.search flows.learning_curve flows.cross_validate
    great_expectations pyarrow.dataset matplotlib.backends.backend_svg torch peft
    transformers.models.whisper.modeling_whisper transformers.models.whisper.tokenization_whisper
    acento.families.whisper.recognizer acento.families.whisper.training acento.training.finetune
""".split()  # noqa: SIM905


def main() -> None:
    """Import, and then answer until standard input ends."""
    gc.disable()
    for module in _MODULES:
        importlib.import_module(module)
    gc.freeze()  # what was imported stays: no child looks through it for what can go
    gc.enable()
    alive = [thread.name for thread in threading.enumerate()]
    if len(alive) > 1:
        sys.exit(f"A process with threads cannot be forked safely, and imports have started some: {alive}")
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    print("ready", file=answers, flush=True)
    for line in requests:
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        print(child, file=answers, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def run(asked: dict[str, Any]) -> None:
    """Become the command that was asked for."""
    os.setsid()
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = asked["command"]
    if sys.argv[0] == "prefect":
        from prefect.cli import app as main
    else:
        from flows.cli import main
    sys.exit(main())


if __name__ == "__main__":
    main()
