"""Dutch speech by two actors, as the benchmarks of whisper-base use it; downloaded on first use."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

ACTORS = ("small", "big")


def dutch(split: str, count: int | None, shortest_s: float = 2.0, longest_s: float = 8.0) -> list[Any]:
    """Return clips of a split in the order of their ids, spread over all of them, of so many seconds each.

    Of texts with at least four words; none of the test split is a text that is said in the training split, too.
    """
    import soundfile

    from acento.core.audio.recording import decode
    from acento.data.demo.real.selection import LEAST_WORDS
    from acento.data.demo.real.speech import RealClip, fetch_speech
    from acento.data.splits import prompt_of

    speech = fetch_speech("nl")
    with speech.clips.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    elsewhere = {prompt_of(row["sentence"]) for row in rows if row["split"] != split}
    fitting = [
        row
        for row in sorted(rows, key=lambda row: row["id"])
        if row["split"] == split
        and row["speaker"] in ACTORS
        and len(prompt_of(row["sentence"]).split()) >= LEAST_WORDS
        and (split == "train" or prompt_of(row["sentence"]) not in elsewhere)
        and shortest_s <= soundfile.info(speech.folder / row["path"]).duration <= longest_s
    ]
    if count is not None and count < len(fitting):
        fitting = [fitting[int(place)] for place in np.linspace(0, len(fitting) - 1, count)]
    return [
        RealClip(row["id"], row["sentence"], decode(speech.folder / row["path"]).astype(np.float32) / 32768)
        for row in fitting
    ]


def stage_dutch(store: Any, folder: Path, *splits: str, count: int | None = None) -> Any:
    """Stage such clips of some splits in a store; return the data set's card."""
    import soundfile

    from acento.data.staging import stage

    clips = folder / "dutch"
    clips.mkdir()
    for split in splits:
        with (clips / f"{split}_files.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["uid", "file_name", "text", "language"])
            for clip in dutch(split, count):
                soundfile.write(clips / f"{clip.id}.wav", clip.audio, 16000)
                rows.writerow([clip.id, f"{clip.id}.wav", clip.text, "nl"])
    return stage(store, str(clips), "dutch", workers=0).card
