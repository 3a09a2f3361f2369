"""What a training takes of memory, beside what is estimated before its first step.

For each model, strategy and batch a process of its own loads the model, estimates (acento/training/memory.py), makes
two optimizer steps on clips of the length that is asked for, and reports the peak of its memory over what it had when
the model was loaded. Linux only: the peak is that of /proc.

    python benchmarks/memory.py --model demo:whisper-mini --strategy encoder full --batch 8 16 --seconds 6
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from acento.training.planning import load_labeler, load_trainable

MIB = 1 << 20


def main() -> None:
    """Read the options and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", nargs="+", default=["demo:whisper-mini", "demo:moonshine-mini", "demo:parakeet-mini"]
    )
    parser.add_argument("--strategy", nargs="+", default=["encoder", "full"])
    parser.add_argument("--batch", nargs="+", type=int, default=[8, 16])
    parser.add_argument("--seconds", type=float, default=5.5)
    parser.add_argument("--language", default="es")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(**json.loads(options.one))))
        return
    print("| model | strategy | clips | seconds | estimated | measured | estimate / measured |")
    print("| :--- | :--- | ---: | ---: | ---: | ---: | ---: |")
    for model in options.model:
        for strategy in options.strategy:
            for batch in options.batch:
                asked = {
                    "model": model,
                    "strategy": strategy,
                    "batch": batch,
                    "seconds": options.seconds,
                    "language": options.language,
                    "checkpointing": options.checkpointing,
                }
                done = subprocess.run(
                    [sys.executable, __file__, "--one", json.dumps(asked)], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    print(f"| {model} | {strategy} | {batch} | {done.stderr.strip().splitlines()[-1]} |")
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                ratio = found["estimated"] / found["measured"]
                sizes = f"{found['estimated'] / MIB:.0f} MiB | {found['measured'] / MIB:.0f} MiB"
                print(f"| {model} | {strategy} | {batch} | {options.seconds} | {sizes} | {ratio:.2f} |", flush=True)


def measure(
    model: str, strategy: str, batch: int, seconds: float, language: str, checkpointing: bool
) -> dict[str, Any]:
    """Return the estimate and the measured peak, in bytes over the loaded model."""
    import torch

    from acento.models.checkpoints.resolver import resolve
    from acento.training.data.feed import Feed
    from acento.training.data.sampling import Batches
    from acento.training.loop.memory import need_of
    from acento.training.loop.state import TrainingState
    from acento.training.loop.step import Stepper, autocast, make_optimizer
    from acento.training.recipe import Recipe

    recipe = Recipe(
        strategy=strategy,  # type: ignore[arg-type]
        batch_size=batch,
        activation_checkpointing=checkpointing,
        learning_rate=1e-5,
    )
    checkpoint = resolve(model)
    trainable = load_trainable(checkpoint.family, checkpoint.folder, language, recipe, "cpu")
    with tempfile.TemporaryDirectory() as folder:
        train = clips(checkpoint, language, Path(folder), batch, seconds)
        need = need_of(trainable, train, recipe, autocast(recipe, "cpu"))
        learned = trainable.learned()
        optimizer = make_optimizer(learned, recipe)
        batches = Batches([1] * len(train.examples), batch, 0, None)
        stepper = Stepper(trainable, Feed(trainable, train, batches, recipe.augmentation, 0), recipe, optimizer, 2, 1)
        trainable.train()
        torch.set_num_threads(2)
        Path("/proc/self/clear_refs").write_text("5")
        before = of_status("VmRSS")
        state = TrainingState()
        for step in Feed(trainable, train, batches, recipe.augmentation, 0).steps(0, 2):
            stepper(step, state)
            state.step += 1
        return {"estimated": need.of(batch), "measured": of_status("VmHWM") - before}


def clips(checkpoint: Any, language: str, folder: Path, batch: int, seconds: float) -> Any:
    """Stage and prepare noise with texts, as many clips as a batch has."""
    import numpy as np
    import soundfile

    from acento.core.store import LocalStore
    from acento.data.staging import stage
    from acento.training.data.prepare import prepare
    from acento.training.data.prepared import load_prepared

    rows = ["uid,file_name,text,speaker,language"]
    (folder / "clips").mkdir()
    for number in range(batch):
        noise = np.random.default_rng(number).normal(0, 0.1, int(seconds * 16000)).astype(np.float32)
        soundfile.write(folder / "clips" / f"{number}.wav", noise, 16000)
        rows.append(f"{number},{number}.wav,{'casa de la playa ' * max(1, int(seconds / 2))},s,{language}")
    (folder / "clips" / "train_files.csv").write_text("\n".join(rows) + "\n")
    store = LocalStore(folder / "store")
    card = stage(store, str(folder / "clips"), "noise", workers=0).card
    labeler = load_labeler(checkpoint.family, checkpoint.folder, language)
    return load_prepared(store, prepare(store, card, "train", labeler.needs, labeler.labels, lambda *_: None).key)


def of_status(name: str) -> int:
    """Return a line of this process's memory, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


if __name__ == "__main__":
    main()
