"""Acento on a GPU beside what users run instead, on models of published shapes, in one command of under 8 minutes.

    python benchmarks/gpu.py [--clips 128] [--batch-size 32] [--tokens 40] [--rounds 2] [--only NAME ...]

**All weights are random, in the shapes of whisper-large-v3, whisper-large-v3-turbo and parakeet 0.6b**, made here;
nothing is downloaded, and no data is needed: clips are noise. What Whisper writes is forced to ``--tokens`` tokens for
each window of 30 s, on both sides; a CTC model decides once for each frame. So texts say nothing, and what is measured
is the time that so many parameters, windows and tokens take, in bfloat16. Beside Acento's engine stands the Hugging
Face ``pipeline`` on the same weights, and NeMo's own ``transcribe`` where NeMo is installed, in turns.

Prints RTFx, the share of what the device's peak would allow (whisper-large-v3 takes about 93 GFLOP for each second of
audio), and peak GPU memory; then, for large-v3-turbo's shape, training steps a second beside ``Seq2SeqTrainer`` on
noise of 2 to 8 s, in full windows and, Acento alone, in fitted ones. What no time is left for is said and left out.

Without a CUDA device, or with ``--tiny``, it runs tiny shapes on the CPU: that the script works is all it shows then.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from decoding_sides import Acento, Heard, Pipeline, Side, in_turns, ratio
from families import KIT, PUBLISHED_SHAPES, Shape, conformer, make, nemos_own, whisper
from training import SIDES, compare

LIMIT_S = 450.0
"""Seconds after which nothing new is begun."""
WINDOW_S = 30.0
LANGUAGE = "es"
TINY = {
    "whisper-large-v3": whisper(64, (3, 3), mel_bins=128, engines=("transformers",)),
    "whisper-large-v3-turbo": whisper(64, (3, 1), mel_bins=128, engines=("transformers",)),
    "parakeet-ctc-0.6b": Shape(
        "tests.acento.families.tiny_parakeet:make_parakeet",
        {"kind": "ctc", "num_mel_bins": 128},
        conformer(64, 2, 2, num_mel_bins=128),
    ),
}
TRAINED = "whisper-large-v3-turbo"
PEAKS = {
    "H200": 989,
    "H100": 989,
    "GH200": 989,
    "A100": 312,
    "L40S": 362,
    "L40": 181,
    "L4": 121,
    "A10": 125,
    "4090": 165,
}
"""TFLOP/s of dense bfloat16, by a part of the device's name; NVIDIA's data sheets."""
GOALS = {"whisper-large-v3": "5 times the pipeline, and RTFx 1,500 on an H100 or H200"}


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="tiny shapes on the CPU")
    parser.add_argument("--only", nargs="+", choices=[*TINY], default=[*TINY])
    parser.add_argument("--clips", type=int, help="windows of 30 s; default: 128, tiny: 4")
    parser.add_argument("--batch-size", type=int, help="default: 32, tiny: 2")
    parser.add_argument("--tokens", type=int, help="for each window; default: 40, tiny: 6")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, help="of training a turn; default: 8, tiny: 2")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--no-nemo", action="store_true")
    options = parser.parse_args()
    import torch

    options.tiny = options.tiny or not torch.cuda.is_available()
    for name, (full, tiny) in {"clips": (128, 4), "batch_size": (32, 2), "tokens": (40, 6), "steps": (8, 2)}.items():
        setattr(options, name, getattr(options, name) or (tiny if options.tiny else full))
    options.device = "cpu" if options.tiny else "cuda"
    options.cores = os.cpu_count() or 1
    sys.path[:0] = [str(KIT), str(KIT.parent.parent)]
    from acento.models.devices import device_name

    began = time.monotonic()

    def left() -> bool:
        return time.monotonic() - began < LIMIT_S

    if options.tiny:
        print("No CUDA device is used: tiny shapes on the CPU in float32. The figures say nothing about a GPU.")
    print(f"{device_name(options.device)}, {options.clips} windows of 30 s, batch {options.batch_size}, random weights")
    with tempfile.TemporaryDirectory(prefix="acento-gpu-") as folder:
        for name in options.only:
            if left():
                decode(name, Path(folder), options, left)
            else:
                print(f"{name}: left out, as no time is left")
        if not options.no_training and TRAINED in options.only:
            train(Path(folder), options, left)
    print(f"{time.monotonic() - began:.0f} s in all")


def decode(name: str, folder: Path, options: argparse.Namespace, left: Callable[[], bool]) -> None:
    """Print how fast each side decodes with one shape."""
    import torch

    from acento.models.base import DecodeOptions
    from acento.models.checkpoints.resolver import resolve

    shape = (TINY if options.tiny else PUBLISHED_SHAPES)[name]
    path = make(shape, folder / name, options)
    dice = np.random.default_rng(0)
    samples = round(WINDOW_S * 16000)
    clips = {f"clip{n:03d}": dice.standard_normal(samples).astype(np.float32) * 0.1 for n in range(options.clips)}
    checkpoint = resolve(str(path))
    is_whisper = checkpoint.family.name == "whisper"
    asked = DecodeOptions(
        language=LANGUAGE if is_whisper else None,
        device_type=options.device,
        dtype="float32" if options.tiny else "bfloat16",
    )
    print(f"\n{name}'s shape{' (tiny)' if options.tiny else ''}:", flush=True)
    sides: dict[str, Side] = {}
    with said("Acento"):
        sides["Acento"] = Acento(checkpoint, asked, options.batch_size, options.cores)
    with said("Hugging Face pipeline"):
        sides["Hugging Face pipeline"] = pipeline(path, options, is_whisper=is_whisper)
    if not is_whisper and not options.no_nemo:
        with said("NeMo's transcribe"):
            sides["NeMo's transcribe"] = nemo(folder / f"{name}-nemo", clips, options)
    peaks: dict[str, float] = {}
    able = {side: watched(call, side, peaks) for side, call in sides.items()}
    for side in list(able):
        with said(side, able):
            able[side](dict(list(clips.items())[: options.batch_size]))
    found = in_turns(able, clips, options.rounds if left() else 1, warm_up=1)
    flop = flop_of(path, options.tokens) if is_whisper else None
    for side, one in found.items():
        print(f"  {side:24}RTFx {one.rtfx:9.1f}   {share(one.rtfx, flop)}   {peaks[side]:.1f} GB of GPU memory")
    for side in found:
        if side != "Acento" and "Acento" in found:
            print(f"  Acento is {ratio(found['Acento'], found[side]):.2f} times as fast as {side}")
    if name in GOALS and not options.tiny:
        print(f"  goal: {GOALS[name]}")
    if "Acento" in found:
        shares = found["Acento"].heard.shares
        print(
            "  of Acento's inference time: "
            + ", ".join(f"{stage} {100 * part:.0f} %" for stage, part in shares.items())
        )
    sides.clear()
    able.clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def pipeline(path: Path, options: argparse.Namespace, *, is_whisper: bool) -> Side:
    """Return the Hugging Face pipeline, forced to write so many tokens."""
    forced = {"min_new_tokens": options.tokens, "max_new_tokens": options.tokens} if is_whisper else {}
    return Pipeline(
        path, options.batch_size, options.cores, LANGUAGE if is_whisper else None, device=options.device, **forced
    )


def nemo(folder: Path, clips: Any, options: argparse.Namespace) -> Side:
    """Return NeMo's own transcribe on WAV files, with a CTC model of the same shape; raise ImportError without NeMo."""
    from tiny_nemo import make_nemo

    width, layers = (64, 2) if options.tiny else (1024, 24)
    model = make_nemo(folder, kind="ctc", width=width, layers=layers)
    folder.joinpath("wav").mkdir(exist_ok=True)
    listed = [("", audio) for audio in clips.values()]
    call, _ = nemos_own(Path(model), listed, folder / "wav", options)

    def side(some: Any) -> Heard:
        texts, _ = call([("", audio) for audio in some.values()])
        return Heard(dict(zip(some, texts, strict=True)))

    return side


@contextmanager
def said(side: str, able: dict[str, Any] | None = None) -> Iterator[None]:
    """Say that a side cannot run, and go on without it."""
    try:
        yield
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        print(f"  {side} is left out: {type(error).__name__}: {first[:200]}")
        if able is not None:
            able.pop(side, None)


def watched(call: Side, side: str, peaks: dict[str, float]) -> Side:
    """Return a side that notes the most GPU memory in use while it decodes, in GB."""

    def watch(clips: Any) -> Heard:
        import torch

        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        heard = call(clips)
        peaks[side] = max(peaks.get(side, 0.0), torch.cuda.max_memory_allocated() / 1e9)
        return heard

    return watch


def flop_of(path: Path, tokens: int) -> float:
    """Return the floating-point operations of a Whisper for each second of audio in 30 s windows.

    Two for each weight and position: of the encoder, of the decoder's cross-attention, which projects what the encoder
    made once, and of the tokens that are written; and the encoder's attention. Norms and convolutions hardly count.
    """
    from transformers import WhisperConfig

    config = WhisperConfig.from_pretrained(path)
    width, positions = config.d_model, config.max_source_positions
    layer = 4 * width**2 + 2 * width * config.encoder_ffn_dim
    encoder = config.encoder_layers * (2 * layer * positions + 4 * positions**2 * width)
    cross = config.decoder_layers * 2 * 2 * width**2 * positions
    written = 8 * width**2 + 2 * width * config.decoder_ffn_dim - 2 * width**2
    decoder = tokens * (2 * (config.decoder_layers * written + width * config.vocab_size))
    return (encoder + cross + decoder) / WINDOW_S


def share(rtfx: float, flop: float | None) -> str:
    """Say what part of the device's peak a speed is, where both are known."""
    from acento.models.devices import device_name

    if flop is None:
        return ""
    used = rtfx * flop / 1e12
    import torch

    name = device_name("cuda") if torch.cuda.is_available() else ""
    peak = next((value for part, value in PEAKS.items() if part in name), None)
    of_peak = (
        "" if peak is None else f", {100 * used / peak:.0f} % of {peak}; the ceiling is RTFx {peak * 1e12 / flop:,.0f}"
    )
    return f"{used:.2f} TFLOP/s ({flop / 1e9:.2f} GFLOP for each audio second{of_peak})"


def train(folder: Path, options: argparse.Namespace, left: Callable[[], bool]) -> None:
    """Print training steps a second beside Seq2SeqTrainer, all weights learning."""
    from transformers import WhisperConfig, WhisperFeatureExtractor

    from acento.families.whisper.training import load_labeler
    from acento.training.data.contexts import ALIKE
    from acento.training.data.sampling import Batches

    if not left():
        print("training: left out, as no time is left")
        return
    model = folder / TRAINED
    config = WhisperConfig.from_pretrained(model)
    labeler = load_labeler(model, LANGUAGE)
    batch, epochs = (2, 1) if options.tiny else (8, 2)
    dice = np.random.default_rng(1)
    lengths = [int(seconds * 16000) for seconds in dice.uniform(2, 8, batch * options.steps)]
    audio = [(dice.standard_normal(length) * 3000).astype("<i2") for length in lengths]
    (folder / "audio.i2").write_bytes(b"".join(samples.tobytes() for samples in audio))
    extractor = WhisperFeatureExtractor(feature_size=config.num_mel_bins)
    features = [extractor(one / np.float32(32768), sampling_rate=16000).input_features[0] for one in audio]
    np.save(folder / "features.npy", np.stack(features))
    text = ("bad cab " * options.tokens)[: max(1, options.tokens - 3)]  # a token each, and room for the prompt
    speeds: dict[str, dict[str, Any]] = {}
    for window in ("full", "fit"):
        if not left():
            print(f"training in {window} windows: left out, as no time is left")
            continue
        units = [length // ALIKE for length in lengths] if window == "fit" else lengths
        batches = Batches(units, batch, 0)
        setting = {
            "folder": str(folder),
            "took": 0.0,
            "model": str(model),
            "language": LANGUAGE,
            "labels": [labeler.labels(text)] * len(lengths),
            "lengths": lengths,
            "units": units,
            "order": [batches.at(step) for step in range(epochs * batches.steps_per_epoch)],
            "start": config.decoder_start_token_id,
            "batch_size": batch,
            "epochs": epochs,
            "threads": options.cores,
            "features": "memory",
            "waiting": "passive",
            "window": window,
            "device": options.device,
            "strategy": "full",
            "rate": 1e-5,
        }
        print(f"\ntraining {TRAINED}'s shape, batch {batch}, all weights, Acento in {window} windows:", flush=True)
        with said("training"):
            speeds[window] = compare(setting)
            for side in SIDES:
                one = speeds[window][side]
                print(f"  {side:8}{one['later']:8.2f} steps/s   {one['gpu_peak'] / 1000:.1f} GB of GPU memory")
            times = speeds[window]["acento"]["later"] / speeds[window]["recipe"]["later"]
            goal = "" if options.tiny else " (goal: 2)"
            print(f"  Acento is {times:.2f} times as fast as Seq2SeqTrainer{goal}")
            print(f"  what bounds it: {speeds[window]['acento']['bound']}")


if __name__ == "__main__":
    main()
