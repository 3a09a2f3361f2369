"""One side of ``benchmarks/transcribe.py`` on one recording, in a process of its own: it prints what it heard as JSON.

    python benchmarks/transcribe_sides.py SIDE AUDIO MODEL LANGUAGE BATCH_SIZE CORES

The clock runs from after the imports to the last word, loading the model included, as a user waits for it. Nothing of
Acento is imported for the other sides, so that they can run in another environment.
"""

import json
import os
import resource
import sys
import tempfile
import time
from typing import Any

Said = tuple[str, list[tuple[str, float, float]]]
"""The text, and each word with its start and end in seconds; none where the side was not asked for them."""


def acento(audio: str, model: str, language: str, batch_size: int, cores: int) -> Any:
    """``acento.transcribe`` as it is by default: greedy with Whisper's fallbacks, with words; an empty store."""
    import ctranslate2  # noqa: F401 - imports are before the clock on every side
    import torch  # noqa: F401

    import acento as library
    import acento.api.recordings.transcribing
    import acento.transcription.steps

    def run() -> Said:
        with tempfile.TemporaryDirectory(prefix="acento-benchmark-") as store:
            os.environ["ACENTO_STORE"] = store
            done = library.transcribe(
                audio, model, language=language, gpu_batch_size=batch_size, num_requests=cores, out=store
            )
            (row,) = done.ledger
            if row.state != "done":
                raise SystemExit(f"{row.state}: {row}")
            (document,) = done.documents
            return document.text, [(word.text, word.start, word.end) for word in document.words]

    return run


def faster_whisper(audio: str, model: str, language: str, batch_size: int, cores: int, **asked: Any) -> Any:
    """faster-whisper's batched pipeline as its README calls it: five beams, its own VAD, no words."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    def run() -> Said:
        loaded = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=cores, local_files_only=True)
        pipeline = BatchedInferencePipeline(loaded)
        segments, _ = pipeline.transcribe(audio, language=language, batch_size=batch_size, **asked)
        heard = list(segments)
        words = [(word.word.strip(), word.start, word.end) for one in heard for word in one.words or ()]
        return " ".join(one.text.strip() for one in heard), words

    return run


def faster_whisper_greedy(*arguments: Any) -> Any:
    """The same work as Acento's: greedy, with words."""
    return faster_whisper(*arguments, beam_size=1, word_timestamps=True)


def whisperx(audio: str, model: str, language: str, batch_size: int, cores: int) -> Any:
    """whisperX's transcription as its README calls it, without the alignment, whose models are at a hub."""
    import whisperx as library

    def run() -> Said:
        loaded = library.load_model(
            model, "cpu", compute_type="int8", language=language, threads=cores, vad_method="pyannote"
        )
        found = loaded.transcribe(library.load_audio(audio), batch_size=batch_size)
        return " ".join(one["text"].strip() for one in found["segments"]), []

    return run


SIDES = {
    "acento": acento,
    "faster-whisper": faster_whisper,
    "faster-whisper-greedy": faster_whisper_greedy,
    "whisperx": whisperx,
}


def main() -> None:
    """Run the side that is named and print what it heard, and what it took."""
    side, audio, model, language, batch_size, cores = sys.argv[1:]
    run = SIDES[side](audio, model, language, int(batch_size), int(cores))
    wall, cpu = time.perf_counter(), time.process_time()
    text, words = run()
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({**took, "peak_mb": peak / 1024, "text": text, "words": words}))


if __name__ == "__main__":
    main()
