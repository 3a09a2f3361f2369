"""A model of Acento's in whisper.cpp: WER and RTFx in full windows, and in those that it was taught (``-ac``).

    python benchmarks/whisper_cpp.py MODEL DATASET [--split test] [--clips 40] [--language es] [--quantization q8_0]
                                     [--margin 1.0] [--threads 2] [--beside]

MODEL is a Whisper as any command takes it, exported into a scratch folder; DATASET is staged in the store. Clips are
decoded one by one and greedily, as ``whisper-cli -nt -bs 1 -bo 1 -nf`` does, by the package ``pywhispercpp``; that
loads the model once. A clip's ``-ac`` is its length and the margin of what the model was taught; ``--margin`` is for
one that was taught nothing. ``--beside`` also decodes with Acento's engine in float32, as the model was taught.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

import acento
from acento.core.audio.recording import decode_flac
from acento.core.settings import settings
from acento.core.store import open_store
from acento.core.text import default_normalizer
from acento.data.dataset import load_card, read_audio, read_clips
from acento.families.whisper.ggml.flags import audio_context
from acento.models.checkpoints.resolver import resolve
from acento.models.checkpoints.taught import resolve_fit
from acento.models.windows import Fit
from acento.scoring import score_texts
from acento.scoring.table import percent_text

Write = Callable[[np.ndarray, int], str]


def main() -> None:
    """Print a row for each window."""
    asked = arguments()
    clips, references = speech(asked)
    checkpoint = resolve(asked.model)
    fit = resolve_fit(checkpoint, "auto")
    short = fit or (None if asked.margin is None else Fit(margin_s=asked.margin))
    with tempfile.TemporaryDirectory() as scratch:
        done = acento.export(str(checkpoint.folder), f"{scratch}/m", format="ggml", quantization=asked.quantization)
        write = whisper_cpp(done.folder / "ggml-model.bin", asked.language, asked.threads)
        rows = [row("full", write, clips, references, asked.normalizer, lambda _: 0)]
        if short is not None:
            title = short.title + ("" if fit else ", not taught")
            context = [audio_context(short, len(clip) / 16_000) for clip in clips]
            rows.append(row(title, write, clips, references, asked.normalizer, context.__getitem__))
    if asked.beside:
        loaded = acento.load_model(asked.model, language=asked.language, threads=asked.threads)
        with loaded as engine, tempfile.TemporaryDirectory() as scratch:
            files = [Path(scratch, f"{number}.wav") for number in range(len(clips))]
            for file, clip in zip(files, clips, strict=True):
                soundfile.write(file, clip, 16_000, subtype="PCM_16")
            engine.transcribe(files[0])
            took = time.perf_counter()
            texts = [str(engine.transcribe(file).text) for file in files]
            took = time.perf_counter() - took
        rows.append(("Acento, float32", *figures(texts, references, clips, took, None, asked.normalizer)))
    seconds = sum(map(len, clips)) / 16_000
    print(
        f"{asked.model}, whisper.cpp {done.quantization}: {len(clips)} clips, {seconds:.0f} s, {asked.threads} threads"
    )
    for title, *values in [("window", "WER %", "RTFx", "audio s per CPU s"), *rows]:
        print(f"{title:28}", *(f"{value:>18}" for value in values))


def row(
    title: str,
    write: Write,
    clips: Sequence[np.ndarray],
    references: Sequence[str],
    normalizer: str,
    context: Callable[[int], int],
) -> tuple[str, ...]:
    """Decode all clips, after one that warms up, and return a row of the table."""
    write(clips[0], context(0))
    took, worked = time.perf_counter(), time.process_time()
    texts = [write(clip, context(number)) for number, clip in enumerate(clips)]
    took, worked = time.perf_counter() - took, time.process_time() - worked
    return title, *figures(texts, references, clips, took, worked, normalizer)


def figures(
    texts: Sequence[str],
    references: Sequence[str],
    clips: Sequence[np.ndarray],
    took: float,
    worked: float | None,
    normalizer: str,
) -> tuple[str, str, str]:
    """Return WER, RTFx by the clock, and audio seconds for each second of CPU."""
    seconds = sum(map(len, clips)) / 16_000
    wer = score_texts(references, texts, normalizer=normalizer).rate
    return percent_text(wer), f"{seconds / took:.1f}", "–" if worked is None else f"{seconds / worked:.1f}"


def whisper_cpp(file: Path, language: str, threads: int) -> Write:
    """Return what writes a clip's text, with a number of encoder positions, 0 for all."""
    from pywhispercpp.model import Model

    model = Model(str(file), n_threads=threads, print_progress=False, print_realtime=False)

    def write(clip: np.ndarray, context: int) -> str:
        segments = model.transcribe(
            clip,
            language=language,
            audio_ctx=context,
            no_timestamps=True,
            single_segment=True,
            no_context=True,
            temperature_inc=0.0,
            greedy={"best_of": 1},
        )
        return " ".join(segment.text.strip() for segment in segments)

    return write


def speech(asked: argparse.Namespace) -> tuple[list[np.ndarray], list[str]]:
    """Return clips, float32 at 16 kHz, and what was said in them; fill in language and normalizer from the data."""
    store = open_store(settings().store)
    card = load_card(store, asked.dataset)
    rows = [one.utterance for one in read_clips(store, card, asked.split) if one.utterance.text][: asked.clips]
    asked.language = asked.language or next((one.language for one in rows if one.language), "en").partition("-")[0]
    asked.normalizer = asked.normalizer or default_normalizer(asked.language).name
    audio = read_audio(store, card, {one.id for one in rows})
    return [decode_flac(audio[one.id]) for one in rows], [str(one.text) for one in rows]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("dataset")
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--language")
    parser.add_argument("--normalizer")
    parser.add_argument("--quantization", default="q8_0")
    parser.add_argument("--margin", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--beside", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
