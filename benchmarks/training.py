"""Acento's training beside the plain Hugging Face ``Seq2SeqTrainer`` recipe: same model, clips, batches, in one run.

    python benchmarks/training.py [--strategies encoder full decoder] [--clips 144] [--batch-size 8] [--epochs 10]
    python benchmarks/training.py --shape base [--clips 8] [--batch-size 2] [--epochs 3]
    python benchmarks/training.py --real [--strategies encoder] [--clips 48] [--batch-size 8] [--epochs 2]
    python benchmarks/training.py --real --to-equal-wer [--epochs 3] [--dev-clips 48] [--log equal-wer.jsonl]

Both compute in float32 on the same number of threads, with AdamW (fused, which is the Trainer's default too), a cosine
schedule, no dropout, no evaluation and no checkpoint. Each side is a process of its own, so that its peak memory is its
own; the two take turns of one epoch, so that a machine whose speed drifts slows both. CPU seconds (user and system, all
threads of the process) stand beside the clock: other work on the machine moves them less. On both sides OpenMP's
threads wait asleep (``--waiting passive``): where other work holds a core, threads that spin at each barrier burn three
to five times the CPU seconds of the training itself, and what is measured is that.

Features are made beforehand on both sides, as ``datasets.map`` does it for the recipe; the seconds are printed and not
counted. The recipe reads them as the usual notebooks do, from a data set's nested lists; ``--features memory`` gives it
arrays in memory instead, its best case, in which it never waits for its data. What frozen layers make of them Acento
keeps from the first epoch on, within its time. The recipe freezes the encoder's positions as Acento does;
``from_pretrained`` of transformers 5 makes them learn, although Whisper's are fixed sinusoids, and then the two would
not train the same model.

Prints for each strategy the turns, steps a second, peak memory, the largest difference of the loss in any step,
``ratio STRATEGY: N`` (all steps of a side by all seconds of it), and where Acento's time goes (a profile of one more
epoch, which the table does not count). ``--shape base`` trains a random model of whisper-base's shape on 30 s windows.

``--real`` trains whisper-base itself on Dutch clips of 2 to 8 s; both are downloaded. There Acento's windows are fitted
to the clips, as ``acento finetune`` does it for such clips, and the recipe's are 30 s, as always; ``--window full`` has
30 s on both sides. The two then learn from the same clips in the same batches, but do not compute the same.

``--to-equal-wer`` also decodes dev clips after each epoch, Acento's model in the windows that it was taught and the
recipe's in full ones, and says after how many seconds of training each side had the WER that both reached. Decoding is
not counted. Each line of that goes to ``--log``, too.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SIDES = ("acento", "recipe")
SCRIPT = str(Path(__file__).with_name("training_sides.py"))
DEFAULTS = {
    "mini": (144, 8, 10),
    "base": (8, 2, 3),
    "real": (48, 8, 2),
}  # clips, batch size, epochs: 10 is what so few clips are given
RATES = {"mini": 1e-4, "base": 1e-4, "real": 3e-5}
"""The highest learning rate of both sides; what has learned already takes less."""
BASE_LAYERS = {"layers": 6, "attention_heads": 8, "ffn_dim": 2048}


def main() -> None:
    """Read the options and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["mini", "base"], default="mini")
    parser.add_argument(
        "--real", action="store_const", dest="shape", const="real", help="whisper-base and human speech"
    )
    parser.add_argument("--strategies", nargs="+", help="with --real encoder, else full, encoder and decoder")
    parser.add_argument("--window", choices=["full", "fit"], help="Acento's; with --real fit, else full")
    parser.add_argument("--to-equal-wer", action="store_true", help="with --real: seconds until both err alike on dev")
    parser.add_argument("--dev-clips", type=int, default=48)
    parser.add_argument("--log", type=Path, default=Path("equal-wer.jsonl"), help="of --to-equal-wer")
    parser.add_argument("--clips", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--features", choices=["arrow", "memory"], default="arrow", help="of the recipe")
    parser.add_argument(
        "--waiting", choices=["passive", "active"], default="passive", help="OpenMP's threads, both sides"
    )
    options = parser.parse_args()
    defaults, real = DEFAULTS[options.shape], options.shape == "real"
    if options.to_equal_wer and not real:
        parser.error("--to-equal-wer decodes real speech: add --real")
    options.window = options.window or ("fit" if real else "full")
    options.strategies = options.strategies or (["encoder"] if real else ["full", "encoder", "decoder"])
    options.clips = options.clips or defaults[0]
    options.batch_size = options.batch_size or defaults[1]
    options.epochs = options.epochs or defaults[2]
    if options.clips % options.batch_size:
        parser.error(
            "--clips must be a multiple of --batch-size: the Trainer cuts its batches without regard to epochs"
        )
    with tempfile.TemporaryDirectory(prefix="acento-benchmark-") as folder:
        setting = prepare(Path(folder), options)
        setting["save"] = options.to_equal_wer
        results = {}
        for strategy in options.strategies:
            dev = EqualWer(options, setting, strategy) if options.to_equal_wer else None
            results[strategy] = compare(setting | {"strategy": strategy}, dev)
            if dev is not None:
                print(dev.verdict())
    print(f"\n{'strategy':9} {'side':7} {'steps/s':>8} {'steps/CPU s':>12} {'from epoch 2':>13} {'peak MB':>8}")
    for strategy, sides in results.items():
        for side in SIDES:
            print(
                "{:9} {:7} {speed:8.2f} {by_cpu:12.2f} {later:13.2f} {peak:8.0f}".format(strategy, side, **sides[side])
            )
    for strategy, sides in results.items():
        ours, theirs = (np.array(sides[side]["losses"]) for side in SIDES)
        said = f"{strategy}: loss from {ours[0]:.3f} to {ours[-1]:.3f}, "
        if options.window == "full":
            said += f"largest difference in any of {len(ours)} steps {abs(ours - theirs).max():.1e}"
        else:
            said += f"the recipe's from {theirs[0]:.3f} to {theirs[-1]:.3f}: windows differ"
        print(said)
    print(
        f"features beforehand: Acento {results[strategy]['acento']['prepared_s']:.1f} s, recipe {setting['took']:.1f} s"
    )
    for strategy, sides in results.items():
        print(f"what bounds {strategy} now: {sides['acento']['bound']}")
    for strategy, sides in results.items():
        ratio = {name: sides["acento"][name] / sides["recipe"][name] for name in ("speed", "by_cpu", "later", "peak")}
        print(
            "ratio {}: {speed:.2f} ({by_cpu:.2f} by CPU seconds; {later:.2f} from the second epoch on; "
            "{peak:.2f} of the memory)".format(strategy, **ratio)
        )


def prepare(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Write the clips as Acento has them and their features as the recipe has them; return what children are told."""
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    from acento.families.whisper.training import load_labeler
    from acento.models.checkpoints.resolver import resolve
    from acento.models.devices import device_name
    from acento.training.data.contexts import ALIKE
    from acento.training.data.sampling import Batches

    disable_progress_bar()
    set_verbosity_error()
    language = "nl" if options.shape == "real" else "es"
    model = resolve("demo:whisper-base" if options.shape == "real" else "demo:whisper-mini").folder
    if options.shape == "base":
        model = make_base(model, folder / "base")
    labeler = load_labeler(model, language)
    window_s = labeler.needs.window_s or 30.0
    if options.shape == "real":
        clips = read_real(options.clips)
    else:
        clips = speak(options.clips, window_s if options.shape == "base" else 0.0)
    labels = [labeler.labels(text) for text, _ in clips]
    lengths = [len(samples) for _, samples in clips]
    (folder / "audio.i2").write_bytes(b"".join(samples.astype("<i2").tobytes() for _, samples in clips))
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=round(window_s))
    began = time.perf_counter()
    features = [extractor(samples / np.float32(32768), sampling_rate=16000).input_features[0] for _, samples in clips]
    took = time.perf_counter() - began
    np.save(folder / "features.npy", np.stack(features))
    # in fitted windows clips of similar length stand together, as in Acento's loop
    units = [length // ALIKE for length in lengths] if options.window == "fit" else lengths
    batches = Batches(units, options.batch_size, 0)
    steps = options.epochs * batches.steps_per_epoch
    fitted = " (Acento: as short as the clips)" if options.window == "fit" else ""
    what = "whisper-base" if options.shape == "real" else f"a model of whisper-{options.shape}'s shape"
    print(
        f"{device_name('cpu')}, {options.threads} threads, float32, {what}, batch "
        f"{options.batch_size}\n{options.clips} clips of {min(lengths) / 16000:.1f} to {max(lengths) / 16000:.1f} s in "
        f"windows of {window_s:g} s{fitted}, {steps} steps in {options.epochs} epochs"
    )
    return {
        "folder": str(folder),
        "took": took,
        "model": str(model),
        "language": language,
        "labels": labels,
        "lengths": lengths,
        "units": units,
        "device": "cpu",
        "rate": RATES[options.shape],
        "order": [batches.at(step) for step in range(steps)],
        "start": WhisperConfig.from_pretrained(model).decoder_start_token_id,
        **{
            name: getattr(options, name)
            for name in ("batch_size", "epochs", "threads", "features", "waiting", "window")
        },
    }


def read_real(count: int) -> list[tuple[str, Any]]:
    """Return texts and samples (int16, 16 kHz) of Dutch training clips."""
    from dutch import dutch

    return [(clip.text, (clip.audio * 32768).astype(np.int16)) for clip in dutch("train", count)]


def speak(count: int, window_s: float) -> list[tuple[str, Any]]:
    """Return texts and samples (int16, 16 kHz): the demo's clips, or several joined for a long window."""
    from acento.core.audio.recording import decode
    from acento.data.demo import demo_clips, wav_bytes

    sentences = [(clip.text, decode(wav_bytes(clip))) for clip in demo_clips() if clip.split == "train"]
    if not window_s:
        return sentences[:count]
    dice, found = random.Random(0), []
    while len(found) < count:
        parts, limit = [], dice.uniform(0.3, 1.0) * window_s * 16000
        for text, samples in dice.sample(sentences, len(sentences)):
            if sum(len(one) for _, one in parts) + len(samples) <= limit:
                parts.append((text, samples))
        found.append((" ".join(text for text, _ in parts)[:150], np.concatenate([one for _, one in parts])))
    return found


def make_base(mini: Path, folder: Path) -> Path:
    """Write a random model of whisper-base's shape, with the small model's tokenizer, and return its folder."""
    import shutil

    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    shutil.copytree(mini, folder)
    layers = {f"{part}_{name}": value for part in ("encoder", "decoder") for name, value in BASE_LAYERS.items()}
    config = WhisperConfig.from_pretrained(
        mini, d_model=512, vocab_size=51865, max_source_positions=1500, max_target_positions=448, **layers
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = type(model.generation_config).from_pretrained(mini)
    model.save_pretrained(folder)
    return folder


def compare(setting: dict[str, Any], dev: "EqualWer | None" = None) -> dict[str, dict[str, Any]]:
    """Train with both sides in turns of an epoch; return what each measured."""
    print(f"{setting['strategy']}:", flush=True)
    running = {side: Child(side, setting) for side in SIDES}
    turns: dict[str, list[Any]] = {side: [] for side in SIDES}
    for turn in range(setting["epochs"]):
        for side in sorted(SIDES, reverse=bool(turn % 2)):
            turns[side].append(running[side].turn())
            if dev is not None:
                dev.decode(side, turn + 1, turns[side])
        (our_wall, our_cpu), (their_wall, their_cpu) = (turns[side][-1] for side in SIDES)
        print(
            f"  epoch {turn + 1}: Acento {our_wall:6.2f} s, {our_cpu:6.2f} s of CPU   recipe {their_wall:6.2f} s, "
            f"{their_cpu:6.2f} s of CPU   {their_wall / our_wall:.2f} ({their_cpu / our_cpu:.2f} by CPU)",
            flush=True,
        )
    results = {}
    steps = len(setting["order"])
    for side, child in running.items():
        walls, cpus = np.array(turns[side]).T
        results[side] = child.result() | {
            "speed": steps / walls.sum(),
            "by_cpu": steps / cpus.sum(),
            "later": steps / len(walls) / float(np.median(walls[1:] if len(walls) > 1 else walls)),
        }
    return results


class EqualWer:
    """Decodes dev after each epoch of each side, and knows when both erred alike."""

    def __init__(self, options: argparse.Namespace, setting: dict[str, Any], strategy: str) -> None:
        from dutch import dutch

        read = dutch("dev", options.dev_clips)
        self._clips, self._texts = {one.id: one.audio for one in read}, {one.id: one.text for one in read}
        self._log, self._folder, self._strategy = options.log, Path(setting["folder"]), strategy
        self._cores = options.threads
        self._found: dict[str, list[tuple[float, float, float]]] = {side: [] for side in SIDES}

    def decode(self, side: str, epoch: int, turns: list[Any]) -> None:
        """Decode dev with what a side saved, and write a line."""
        from decoding_sides import Acento, word_errors

        from acento.models.base import DecodeOptions
        from acento.models.checkpoints.resolver import resolve
        from acento.models.checkpoints.taught import resolve_fit

        checkpoint = resolve(str(self._folder / f"saved-{side}-{self._strategy}"))
        asked = DecodeOptions(language="nl", fit=resolve_fit(checkpoint, "auto"))
        heard = Acento(checkpoint, asked, 8, self._cores)(self._clips)
        errors, words = word_errors(self._texts, heard)
        wall, cpu = (float(sum(column)) for column in zip(*turns, strict=True))
        wer = sum(errors) / sum(words)
        self._found[side].append((wer, wall, cpu))
        row = {
            "side": side,
            "strategy": self._strategy,
            "epoch": epoch,
            "train_s": round(wall, 2),
            "train_cpu_s": round(cpu, 2),
            "dev_wer": round(wer, 5),
            "dev_clips": len(self._clips),
            "window": "full" if asked.fit is None else asked.fit.title,
        }
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"  {side:7} epoch {epoch}: {wall:7.1f} s of training, dev WER {100 * wer:.1f} %", flush=True)

    def verdict(self) -> str:
        """Say when each side had the WER that both reached."""
        target = max(min(wer for wer, _, _ in found) for found in self._found.values())
        first = {side: next(row for row in found if row[0] <= target) for side, found in self._found.items()}
        (_, our_wall, our_cpu), (_, their_wall, their_cpu) = (first[side] for side in SIDES)
        return (
            f"dev WER of {100 * target:.1f} % or less: Acento after {our_wall:.1f} s of training, the recipe after "
            f"{their_wall:.1f} s: {their_wall / our_wall:.2f} times as fast ({their_cpu / our_cpu:.2f} by CPU seconds)"
        )


class Child:
    """One side in a process of its own: it trains an epoch whenever it is told to."""

    def __init__(self, side: str, setting: dict[str, Any]) -> None:
        path = Path(setting["folder"]) / f"{side}-{setting['strategy']}"
        path.with_suffix(".json").write_text(json.dumps(setting))
        self._errors = path.with_suffix(".err")
        command = [sys.executable, SCRIPT, side, str(path.with_suffix(".json"))]
        environment = os.environ | {"OMP_WAIT_POLICY": setting["waiting"], "HF_HUB_OFFLINE": "1"}
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        self._hear()

    def turn(self) -> Any:
        """Let it train an epoch; return seconds by the clock, and of CPU."""
        self._say()
        return self._hear()

    def result(self) -> Any:
        """Return what it says last."""
        self._say()
        found = self._hear()
        self._process.wait()
        return found

    def _say(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(self._errors.read_text()[-4000:])
        return json.loads(line)


if __name__ == "__main__":
    main()
