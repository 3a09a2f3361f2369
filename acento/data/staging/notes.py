"""What staging says of a source beside its counts, a sentence each."""

from collections import Counter

from acento.data.staging.found import Found
from acento.data.utterance import SPLITS


def few_speakers(found: Found) -> str:
    """Return the note on a new data set that is split by prompt though speakers are known."""
    speakers = {item.speaker for item in found.kept if item.speaker}
    number = "one speaker" if len(speakers) == 1 else f"{len(speakers)} speakers"
    return (
        f"The splits are made by prompt: by its {number} a split would be empty, so voices of train are in dev and "
        "test too."
    )


def _clips(number: int) -> str:
    return "clip" if number == 1 else "clips"


def named_splits(found: Found) -> list[str]:
    """Return a note on splits that come from names of folders and lists."""
    named = Counter(item.split for item in found.kept if item.split_by_name)
    if not named:
        return []
    counts = ", ".join(f"{split} {named[split]}" for split in SPLITS if named[split])
    note = f"Names of folders or lists say the splits of {named.total()} {_clips(named.total())}: {counts}."
    if set(named) == {"train"} and len(found.kept) == named["train"]:
        note += " Stage dev and test too; for splits by rule, rename the source and stage it under another name."
    return [note]
