"""What a person is told of an export: what was checked, what was not, and which windows it can be run in."""

from acento.families.whisper.ggml.flags import windows_sentence
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.references import UNREAD, Format
from acento.models.checkpoints.taught import resolve_fit


def notes_on(checkpoint: Checkpoint, format: Format, *, scored: bool) -> tuple[str, ...]:
    """Return sentences on an export of a checkpoint; ``scored``: whether dev clips were decoded with it."""
    fit = resolve_fit(checkpoint, "auto")
    said = []
    if format in UNREAD:
        done = (
            "its weights decoded the dev clips in Acento's engine" if scored else "every weight of the model is there"
        )
        said = [f"The file was read back, and {done}; whisper.cpp itself was not run.", windows_sentence(fit)]
    elif fit is not None:
        said = [
            f"The model was taught windows of {fit.title}, which Acento reads from its files; engines that always pad "
            "to 30 s (faster-whisper, the pipeline of transformers) run it in full windows."
        ]
    if not scored:
        said.append("It was not scored: only a version of the registry has dev clips of its own.")
    return tuple(said)
