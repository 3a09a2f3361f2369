"""How often a test split has been looked at: the best of many models looks better on it than it is."""

from collections.abc import Collection, Iterable

from pydantic import BaseModel

from acento.core.store import Store
from acento.data.dataset import Card, load_card, versions
from acento.data.utterance import ALL
from acento.registry.runs import entries_of
from acento.scoring.entry import Entry
from acento.scoring.table import counted


class SplitUse(BaseModel, frozen=True):
    """How many models a test split has judged so far, in how many runs."""

    dataset: str
    split: str
    models: int
    """Different by content: a model that was run twice is one."""
    runs: int

    @property
    def sentence(self) -> str:
        """What a person should know of it."""
        where = f"the {self.split} split of {self.dataset}"
        if not self.models:
            return f"No model has been judged on {where} before."
        return (
            f"{where[0].upper()}{where[1:]} has judged {counted(self.models, 'model')} in {counted(self.runs, 'run')} "
            "so far; each further look makes the best of them look better than it is."
        )


def count_uses(entries: Iterable[Entry], dataset: str, fingerprints: Collection[str], split: str) -> SplitUse:
    """Count the models and runs among ``entries`` that were measured on a split of a data set, in part or whole.

    A run on all splits together has looked at each of them.

    Args:
        entries: what runs put on the leaderboard.
        dataset: what to call the data set.
        fingerprints: of each of its versions that counts.
        split: the split.
    """
    looks = [entry for entry in entries if entry.split in (split, ALL) and entry.dataset_fingerprint in fingerprints]
    return SplitUse(
        dataset=dataset,
        split=split,
        models=len({entry.model_hash for entry in looks}),
        runs=len({entry.run for entry in looks}),
    )


def split_use(store: Store, card: Card, split: str = "test") -> SplitUse:
    """Count every finished run in the store on a split of a data set.

    All its versions count: a clip never moves from one split to another, so that each version's test split holds those
    of the versions before.
    """
    fingerprints = {load_card(store, f"{card.name}@{number}").fingerprint for number in versions(store, card.name)}
    entries = (entry for run in store.list("runs") for entry, _ in entries_of(store, run))
    return count_uses(entries, card.name, fingerprints | {card.fingerprint}, split)
