"""The two sides of ``training.py``, each run as a process of its own: Acento's training, and the plain recipe's."""

import json
import os
import resource
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

BETAS = (0.9, 0.98)
GROUPS = {
    "matrix products": ("mm", "linear", "matmul"),
    "convolutions": ("conv",),
    "attention": ("attention",),
    "GELU": ("gelu",),
    "norms": ("layer_norm",),
    "AdamW and clipping": ("adam", "_foreach", "vector_norm"),
}


class Turns:
    """The child's end: waits for each turn, and says what it took."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever a library prints is no answer

    def wait(self, answer: Any = "ready") -> None:
        """Say something, wait to be told to go on, and start the clocks."""
        self.say(answer)
        if not sys.stdin.readline():
            raise SystemExit("the benchmark has ended")
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def took(self) -> tuple[float, float]:
        """Return the seconds since the last wait, by the clock and of CPU."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu

    def say(self, answer: Any) -> None:
        """Write a line to the parent."""
        self._out.write(json.dumps(answer) + "\n")
        self._out.flush()


def acento(setting: dict[str, Any]) -> None:
    """Train as the loop of a fine-tuning job does, but for dev and checkpoints."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    from acento.models.families import FAMILIES
    from acento.training.data.contexts import Contexts, fit_of
    from acento.training.data.feed import Feed
    from acento.training.data.prepared import Example, Prepared
    from acento.training.data.sampling import Batches
    from acento.training.loop.checkpoints import Weights
    from acento.training.loop.state import TrainingState
    from acento.training.loop.step import Stepper, make_optimizer
    from acento.training.planning import load_trainable
    from acento.training.recipe import Recipe

    turns = Turns()
    torch.set_num_threads(setting["threads"])
    recipe = Recipe(
        strategy=setting["strategy"],
        learning_rate=setting["rate"],
        betas=BETAS,
        warmup=0.0,
        epochs=setting["epochs"],
        batch_size=setting["batch_size"],
        window=setting["window"],
    )
    trainable = load_trainable(
        FAMILIES["whisper"], Path(setting["model"]), setting["language"], recipe, setting["device"]
    )
    examples = [
        Example(str(at), "", tuple(labels), None, None, setting["language"], length)
        for at, (labels, length) in enumerate(zip(setting["labels"], setting["lengths"], strict=True))
    ]
    trainable.teaches = fit_of(recipe, examples, trainable.window_s)
    batches = Batches(setting["units"], recipe.batch_size, recipe.seed)
    learned, total, epoch = trainable.learned(), len(setting["order"]), batches.steps_per_epoch
    weights, optimizer = Weights(learned, recipe), make_optimizer(learned, recipe)
    prepared = Prepared(examples, [], Path(setting["folder"]) / "audio.i2")
    contexts = Contexts.of(recipe, trainable.window_s)
    feed = Feed(trainable, prepared, batches, recipe.augmentation, recipe.seed, contexts=contexts)
    stepper, state = Stepper(trainable, feed, recipe, optimizer, total, epoch), TrainingState()
    trainable.train()
    began = time.perf_counter()
    for _ in feed.steps(0, epoch):  # makes every clip's features and keeps them
        pass
    prepared_s = time.perf_counter() - began

    def train(end: int) -> None:
        for clips in feed.steps(state.step, end):
            assert clips.rows == setting["order"][state.step % total]
            state.history.append(stepper(clips, state))
            state.step += 1
            weights.after_step(state.step)

    turns.wait()
    while state.step < total:
        train(state.step + epoch)
        took = turns.took()
        if setting.get("save"):
            with weights.as_saved():
                trainable.save(emptied(saved(setting, "acento")))
        turns.wait(took)
    answer = {"losses": [row["loss"] for row in state.history], "prepared_s": prepared_s} | memory()
    state.step = 0
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        train(min(epoch, 6))
    turns.say(answer | {"bound": bound(profiled)})


def recipe(setting: dict[str, Any]) -> None:
    """Train as the tutorials do: a collator that pads, and ``Seq2SeqTrainer``."""
    import torch
    from datasets import Dataset
    from transformers import (
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        TrainerCallback,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    turns = Turns()
    torch.set_num_threads(setting["threads"])
    model = WhisperForConditionalGeneration.from_pretrained(setting["model"], dtype=torch.float32)
    extractor = WhisperFeatureExtractor.from_pretrained(setting["model"])
    tokenizer = WhisperTokenizer.from_pretrained(setting["model"])
    if setting["strategy"] == "encoder":
        for parameter in (*model.model.decoder.parameters(), *model.proj_out.parameters()):
            parameter.requires_grad = False
    elif setting["strategy"] == "decoder":
        model.freeze_encoder()
    model.model.encoder.embed_positions.requires_grad_(False)
    model.config.use_cache = False

    features = np.load(Path(setting["folder"]) / "features.npy")
    rows: Any = [
        {"input_features": one, "labels": [setting["start"], *labels]}
        for one, labels in zip(features, setting["labels"], strict=True)
    ]
    places = [row for batch in setting["order"] for row in batch]
    if setting["features"] == "arrow":
        data: Any = Dataset.from_list(rows).select(places)
    else:
        data = Rows(rows, places)

    def collate(clips: list[Any]) -> Any:
        batch = extractor.pad([{"input_features": clip["input_features"]} for clip in clips], return_tensors="pt")
        padded = tokenizer.pad([{"input_ids": clip["labels"]} for clip in clips], return_tensors="pt")
        labels = padded["input_ids"].masked_fill(padded.attention_mask.ne(1), -100)
        batch["labels"] = labels[:, 1:] if (labels[:, 0] == setting["start"]).all() else labels
        return batch

    epoch = len(setting["order"]) // setting["epochs"]

    def ended() -> None:
        took = turns.took()
        if setting.get("save"):
            folder = emptied(saved(setting, "recipe"))
            shutil.copytree(setting["model"], folder, dirs_exist_ok=True)  # tokenizer and features
            model.save_pretrained(folder)
        turns.wait(took)

    class InTurns(TrainerCallback):
        def on_step_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if state.global_step == 0:
                turns.wait("ready")
            elif state.global_step % epoch == 0:
                ended()

        def on_train_end(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
            ended()

    arguments = Seq2SeqTrainingArguments(
        output_dir=str(Path(setting["folder"]) / "recipe"),
        per_device_train_batch_size=setting["batch_size"],
        max_steps=len(setting["order"]),
        train_sampling_strategy="sequential",  # the order of the places above, which is Acento's
        learning_rate=setting["rate"],
        adam_beta1=BETAS[0],
        adam_beta2=BETAS[1],
        weight_decay=0.01,
        max_grad_norm=1.0,
        lr_scheduler_type="cosine",
        warmup_steps=0,
        eval_strategy="no",
        save_strategy="no",
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        use_cpu=setting["device"] == "cpu",
        bf16=setting["device"] == "cuda",
        remove_unused_columns=False,
    )
    trainer = Seq2SeqTrainer(
        model=model, args=arguments, train_dataset=data, data_collator=collate, callbacks=[InTurns()]
    )
    trainer.train()
    turns.say({"losses": [row["loss"] for row in trainer.state.log_history if "loss" in row]} | memory())


def saved(setting: dict[str, Any], side: str) -> Path:
    """Return the folder of a side's model after its last epoch."""
    return Path(setting["folder"]) / f"saved-{side}-{setting['strategy']}"


def emptied(folder: Path) -> Path:
    """Return a folder that is new and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


class Rows:
    """Examples in an order, in memory."""

    def __init__(self, rows: list[Any], places: list[int]) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, at: int) -> Any:
        return self._rows[self._places[at]]


def bound(profiled: Any) -> str:
    """Say which kinds of operations the CPU's time goes to, the largest first."""
    spent: Counter[str] = Counter()
    for event in profiled.key_averages():
        name = event.key.lower()
        group = next((group for group, words in GROUPS.items() if any(word in name for word in words)), "the rest")
        spent[group] += event.self_cpu_time_total
    total = sum(spent.values())
    return ", ".join(f"{group} {100 * time / total:.0f} %" for group, time in spent.most_common())


def memory() -> dict[str, float]:
    """Return the most memory that this process had, of the host and of the GPU, in megabytes."""
    import torch

    return {"peak": peak() / 1e6, "gpu_peak": torch.cuda.max_memory_allocated() / 1e6}


def peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the parent's memory too
        return 1024 * int(status.read_text().partition("VmHWM:")[2].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    {"acento": acento, "recipe": recipe}[sys.argv[1]](json.loads(Path(sys.argv[2]).read_text()))
