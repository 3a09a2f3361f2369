"""The tasks of the demos: speak the synthetic data set; fetch real weights and real speech."""

from pathlib import Path

from acento.data.demo import demo_written, write_demo
from acento.data.demo.real import CORPORA, WEIGHTS, fetch_speech, fetch_weights
from tasks.artifacts import artifact_key, progress_artifact
from tasks.policy import cached, log, step


@step("speak", run_name="speak the demo set")
def speak_demo(folder: str) -> str:
    """Write the demo's clips, transcripts and split lists to a folder; ``Cached`` when they are there."""
    if demo_written(Path(folder)):
        return cached(folder)
    with progress_artifact(artifact_key("speak", "demo"), "Speaking the demo set"):
        write_demo(Path(folder))
    return folder


@step("fetch-weights", run_name="fetch {name}")
def fetch_real_weights(name: str) -> str:
    """Fetch a published checkpoint into the user's cache; return what ``--model`` takes."""
    with progress_artifact(artifact_key("fetch", name), f"Fetching {name}"):
        folder = fetch_weights(name)
    log(f"{WEIGHTS[name].what} (license {WEIGHTS[name].license}) is in {folder}.")
    return f"demo:{name}"


@step("fetch-speech", run_name="fetch {language} speech")
def fetch_real_speech(language: str) -> str:
    """Fetch a language's speech into the user's cache; return the table of the demo's clips."""
    with progress_artifact(artifact_key("fetch", language), f"Fetching {language} speech"):
        speech = fetch_speech(language)
    log(f"{CORPORA[language].what} (license {CORPORA[language].license}) is in {speech.folder}.")
    if speech.difference is not None:
        log(speech.difference)
    return str(speech.demo)
