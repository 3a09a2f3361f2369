"""What can be known of a request before anything is computed: models and data sets that cannot be used, and why.

Nothing is downloaded, hashed or loaded here, so that a command says in its first second what it would fail at later.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from acento.core.errors import InputError, ModelError
from acento.core.store import Store
from acento.data.dataset import Card, language_of, load_card, read_clips
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.completed import check_parts
from acento.models.checkpoints.converted import check_base
from acento.models.checkpoints.references import REGISTRY, SHIPPED, parse, with_engine
from acento.models.checkpoints.resolver import find_local
from acento.models.checkpoints.weights import is_adapter
from acento.models.languages import language_code
from acento.registry.gate.evidence import Selection
from acento.registry.gate.judging import ask
from acento.registry.versions import find_version
from acento.requests import BenchmarkRequest, SpecializeRequest, TrainingRequest
from acento.training.planning import check_splits
from acento.validation.verdict import require_valid


def unusable(store: Store, request: BenchmarkRequest, *, installed: bool = True) -> dict[str, str]:
    """Return the models and data sets of a benchmark that cannot be used, by name, each with the reason.

    Args:
        store: where the data sets and the registry are.
        request: what was asked.
        installed: also look whether what a family needs is installed on this machine.

    Raises:
        InputError: nothing is left to transcribe, or nothing to transcribe it with.
    """
    if request.engine is not None:
        with_engine(f"{SHIPPED}any", request.engine, request.quantization)
    left_out: dict[str, str] = {}
    languages: set[str] = set()
    for name in dict.fromkeys(request.datasets):
        try:
            card = card_with(store, name, request.split)
            require_valid(store, card, request.allow_invalid)
            languages |= {request.language or language_of(store, card, [request.split]) or ""}
        except InputError as error:
            left_out[name] = str(error)
    _something_left(request.datasets, left_out)
    for name in dict.fromkeys(request.models):
        try:
            check_model(store, name, installed=installed, languages=languages - {""})
        except InputError as error:
            left_out[name] = str(error)
    _something_left(request.models, left_out)
    return left_out


def check_model(store: Store, name: str, *, installed: bool = True, languages: Iterable[str] = ()) -> None:
    """See that a model is there as far as that can be told without the network.

    Args:
        store: where the registry is.
        name: as a person names it.
        installed: also look whether what its family needs is installed on this machine.
        languages: what it is to be told; it must know one of them.

    Raises:
        ModelError: it is not there, not whole, of no known family, or cannot be told any of the languages.
    """
    if name.startswith(REGISTRY):
        find_version(store, name.removeprefix(REGISTRY).partition(":")[0])
        return
    if (seen := find_local(name)) is None:
        folder = Path(parse(name).base).expanduser()
        if is_adapter(folder):
            check_base(name, folder)
        return
    folder, family = seen
    if installed and (missing := family.missing()) is not None:
        raise ModelError(missing)
    checkpoint = Checkpoint(name, None, folder.absolute(), "", family)  # its content is not looked at
    check_parts(checkpoint)
    _check_languages(checkpoint, set(languages))


def check_specialization(store: Store, request: SpecializeRequest, *, installed: bool = True) -> None:
    """See that the data, the model, the test set and the guards of a specialization are there.

    What its source brings is staged first, so that only the other data sets can be looked at.

    Raises:
        InputError: one of them cannot be used; the sentence says which and why.
    """
    dataset, base, guards = request.dataset, request.base_model, request.guards or []
    if request.source is None:
        check_training(store, request, installed=installed)
        test = request.test or dataset
        ask(store, test, guards, incumbent=base, against="the base model", language=request.told)
        return
    check_model(store, base, installed=installed)
    for text in (*([] if request.test is None else [request.test]), *guards):
        selection = Selection.parse(text)
        if selection.dataset.partition("@")[0] != dataset.partition("@")[0]:
            card_with(store, selection.dataset, selection.split)


def check_training(store: Store, request: TrainingRequest, *, installed: bool = True) -> None:
    """See that a data set has clips to learn from and to choose by, and that the base model is there and knows it.

    Raises:
        InputError: one of them cannot be used.
    """
    card = load_card(store, request.dataset)
    check_splits(card)
    told_as = request.told or language_of(store, card, ["train"])
    check_model(store, request.base_model, installed=installed, languages=[told_as] if told_as else [])


def card_with(store: Store, dataset: str, split: str) -> Card:
    """Return a data set's card after seeing that a split of it has clips.

    Raises:
        DataError: there is no such data set, or no clip in the split.
    """
    card = load_card(store, dataset)
    next(read_clips(store, card, split), None)
    return card


def _something_left(names: Sequence[str], left_out: dict[str, str]) -> None:
    """Raise the first reason where every one of the names is left out."""
    if all(name in left_out for name in names):
        raise InputError(left_out[names[0]])


def _check_languages(checkpoint: Checkpoint, languages: Collection[str]) -> None:
    """See that a model knows one of the languages.

    Raises:
        InputError: it knows none of them; the sentence is of the first.
    """
    refused: list[InputError] = []
    for language in sorted(languages):
        try:
            language_code(checkpoint, language)
        except InputError as error:
            refused.append(error)
    if refused and len(refused) == len(languages):
        raise refused[0]
