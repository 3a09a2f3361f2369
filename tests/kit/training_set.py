"""A small staged data set to learn from, for tests of training: its words are of letters that tiny models write."""

from pathlib import Path

from recordings import put

from acento.core.store import Store
from acento.data.dataset import Card
from acento.data.staging import stage
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.training.job import FinetuneJob
from acento.training.planning import plan_finetune
from acento.training.recipe import Recipe

WORDS = ("bad", "cab", "dig", "fig", "hid", "jab", "gab", "chef", "fad", "bead")


def training_set(
    store: Store, folder: Path, *, train: int = 6, dev: int = 2, seconds: float = 0.5, words: int = 1
) -> Card:
    """Stage different recordings of noise, the shortest of them in dev, each with so many words as its text."""
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    for split, count in (("dev", dev), ("train", train)):
        rows = ["uid,file_name,text,speaker,accent,language"]
        for _ in range(count):
            name = f"c{number:02d}"
            put(folder, name, number, seconds=seconds + 0.05 * number)
            text = " ".join(WORDS[(number + place) % len(WORDS)] for place in range(words))
            rows.append(f"{name},{name}.wav,{text},s{number % 3},chilean,es-CL")
            number += 1
        if count:
            (folder / f"{split}_files.csv").write_text("\n".join(rows) + "\n")
    return stage(store, str(folder), "lessons", workers=0).card


def training_job(store: Store, card: Card, model: Path, **recipe: object) -> FinetuneJob:
    """Plan a short training of a tiny model: three steps of two forward passes, unless ``recipe`` says otherwise."""
    values = {"max_steps": 3, "batch_size": 2, "accumulate": 2, "learning_rate": 1e-3, "normalizer": "basic", **recipe}
    checkpoint = resolve(str(model))
    options = DecodeOptions(threads=1)
    return plan_finetune(store, card, checkpoint, Recipe.checked(values), name="tuned", options=options)
