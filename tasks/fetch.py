"""The tasks that fetch real weights and real speech for the demo."""

from acento.data.demo.real import CORPORA, WEIGHTS, fetch_speech, fetch_weights
from tasks.artifacts import artifact_key
from tasks.policy import say, step
from tasks.progress import progress_artifact


@step("fetch-weights", run_name="fetch {name}")
def fetch_real_weights(name: str) -> str:
    """Fetch a published checkpoint into the user's cache; return what ``--model`` takes."""
    weights = WEIGHTS[name]
    with progress_artifact(artifact_key("fetch", name), f"Fetching {name}"):
        folder = fetch_weights(name)
    say(f"{weights.what} (license {weights.license}) is in {folder}.")
    return f"demo:{name}"


@step("fetch-speech", run_name="fetch {language} speech")
def fetch_real_speech(language: str) -> str:
    """Fetch a language's speech into the user's cache; return the table of the demo's clips."""
    corpus = CORPORA[language]
    with progress_artifact(artifact_key("fetch", language), f"Fetching {language} speech"):
        speech = fetch_speech(language)
    say(f"{corpus.what} (license {corpus.license}) is in {speech.folder}.")
    if speech.difference is not None:
        say(speech.difference)
    return str(speech.demo)
