"""The task that speaks the demo data set."""

from pathlib import Path

from acento.data.demo import demo_written, write_demo
from tasks.artifacts import artifact_key
from tasks.policy import cached, step
from tasks.progress import progress_artifact


@step("speak", run_name="speak the demo set")
def speak_demo(folder: str) -> str:
    """Write the demo's clips, transcripts and split lists to a folder; ``Cached`` when they are there."""
    if demo_written(Path(folder)):
        return cached(folder)
    with progress_artifact(artifact_key("speak", "demo"), "Speaking the demo set"):
        write_demo(Path(folder))
    return folder
