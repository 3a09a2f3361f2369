"""What can be known of a request before anything is computed: models and data sets that cannot be used, and why.

Nothing is downloaded, hashed or loaded here, so that a command says in its first second what it would fail at later:
each function raises an InputError whose sentence says which of them cannot be used and why.
"""

from collections.abc import Callable, Container, Iterable
from typing import TypeVar

from acento.core.errors import InputError, ModelError
from acento.core.settings import settings
from acento.core.store import Store
from acento.data.dataset import Card, language_of, load_card, read_clips
from acento.models.base import DecodeOptions, DeviceType
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.checkpoints.completed import check_parts, json_object
from acento.models.checkpoints.references import CTRANSLATE2, SHIPPED, check_format, parse, with_engine
from acento.models.checkpoints.resolver import find_local, resolve
from acento.models.checkpoints.taught import SOURCE_CONFIG, taught
from acento.models.checkpoints.weights import CTRANSLATE2 as CTRANSLATE2_WEIGHTS
from acento.models.devices import Elsewhere, default_dtype
from acento.models.languages import language_code
from acento.models.search import temperatures_of
from acento.registry.gate.evidence import Selection
from acento.registry.gate.judging import ask
from acento.registry.versions import registered_keys
from acento.requests import BenchmarkRequest, ShortenRequest, SpecializeRequest, TrainingRequest
from acento.requests.benchmark import AUTO
from acento.training.planning import check_splits
from acento.training.windows import check_fitting
from acento.validation.verdict import require_valid

T = TypeVar("T")


def unusable(store: Store, request: BenchmarkRequest, *, installed: bool = True) -> dict[str, str]:
    """Return the models and data sets of a benchmark that cannot be used, by name, each with the reason.

    With ``installed`` it is also seen whether what a family needs is installed on this machine.

    Raises:
        InputError: nothing is left to transcribe, or nothing to transcribe it with.
    """
    if request.engine == AUTO:
        check_format(CTRANSLATE2, request.quantization)
    elif request.engine is not None:
        with_engine(f"{SHIPPED}any", request.engine, request.quantization)
    left_out: dict[str, str] = {}
    languages: set[str] = set()

    def check_data(name: str) -> None:
        card = card_with(store, name, request.split)
        require_valid(store, card, request.allow_invalid)
        languages.add(request.language or language_of(store, card, [request.split]) or "")

    usable(request.datasets, check_data, left_out)
    options = asked_options(request, "cpu")  # on which device is not known yet

    def check(name: str) -> None:
        check_model(store, name, installed=installed, languages=languages - {""}, options=options)

    usable(request.models, check, left_out)
    return left_out


def asked_options(request: BenchmarkRequest, device: DeviceType, elsewhere: Elsewhere | None = None) -> DecodeOptions:
    """Return how a benchmark decodes on a device, of this machine or of those ``elsewhere``."""
    return DecodeOptions(
        language=request.language,
        device_type=device,
        dtype=request.dtype or default_dtype(device, elsewhere),
        threads=request.threads or settings().threads,
        cut_s=request.window_s,
        beam_size=request.beam_size,
        temperatures=temperatures_of(request.temperatures),
    )


def asked_cards(store: Store, request: BenchmarkRequest, left_out: Container[str]) -> list[Card]:
    """Return the data sets that can be used; one named twice, by its name and by its latest version, is one."""
    named = [load_card(store, name) for name in request.datasets if name not in left_out]
    return list({card.key: card for card in named}.values())


def usable(names: Iterable[str], use: Callable[[str], T], left_out: dict[str, str]) -> list[T]:
    """Return what each name is used as, once; add to ``left_out`` those that cannot be used, with the reason.

    Raises:
        InputError: none of them can be used; it is the error of the first.
    """
    found, first = [], None
    for name in dict.fromkeys(names):
        if name not in left_out:
            try:
                found.append(use(name))
            except InputError as error:
                left_out[name], first = str(error), first or error
    if not found and first is not None:
        raise first
    return found


def check_model(
    store: Store,
    name: str,
    *,
    installed: bool = True,
    languages: Iterable[str] = (),
    options: DecodeOptions | None = None,
) -> None:
    """See that a model is there, and can be told one of the languages and decode so, as far as that can be told now.

    With ``installed`` it is also seen whether what its family needs is installed on this machine.

    Raises:
        ModelError: it is not there, not whole, of no known family, or knows none of the languages, or cannot decode so.
    """
    if registered_keys(store, name):
        return
    if (seen := find_local(name)) is None:
        return
    folder, family = seen
    if installed and (missing := family.missing()) is not None:
        raise ModelError(missing)
    if options is not None:
        family.check(options)
    checkpoint = Checkpoint(name, None, folder.absolute(), "", family)  # its content is not looked at
    check_parts(checkpoint)
    usable(sorted(set(languages)), lambda language: language_code(checkpoint, language), {})  # one of them is enough


def check_specialization(store: Store, request: SpecializeRequest, *, installed: bool = True) -> None:
    """See that the data, the model, the test set and the guards of a specialization are there.

    What its source brings is staged first, so that only the other data sets can be looked at.
    """
    dataset, base, guards = request.dataset, request.base_model, request.guards or []
    if request.source is None:
        check_training(store, request, installed=installed)
        test = request.test or dataset
        ask(store, test, guards, incumbent=base, against="the base model", language=request.output_language)
        return
    check_model(store, base, installed=installed)
    for text in (*([] if request.test is None else [request.test]), *guards):
        selection = Selection.parse(text)
        if selection.dataset.partition("@")[0] != dataset.partition("@")[0]:
            card_with(store, selection.dataset, selection.split)


def check_training(store: Store, request: TrainingRequest, *, installed: bool = True) -> None:
    """See that a data set has clips to learn from and to choose by, and that the base model is there and knows it."""
    card = load_card(store, request.dataset)
    check_splits(card)
    told_as = request.output_language or language_of(store, card, ["train"])
    check_model(store, request.base_model, installed=installed, languages=[told_as] if told_as else [])
    if (seen := find_local(request.base_model)) is not None:
        check_fitting(seen[1], request.changes.get("window"), request.changes.get("keep_full"))


def check_shortening(store: Store, request: ShortenRequest, *, installed: bool = True) -> None:
    """See that a data set has clips to learn from, and that the base model is there and can be taught short windows."""
    name = request.base_model
    if registered_keys(store, name):
        check_shortens(resolve(name), request)
    elif (seen := find_local(name)) is not None:
        folder, family = seen
        check_shortens(Checkpoint(name, None, folder.absolute(), "", family), request)
    check_training(store, request, installed=installed)
    if sets := judged_sets(store, request, request.dataset):
        ask(store, sets[0], sets[1:], incumbent=name, against="its full windows", language=request.language)


def judged_sets(store: Store, request: ShortenRequest, dataset: str) -> list[str]:
    """Return what the window gate looks at after a shortening on a data set, the test set first.

    That is what was asked for, or the data itself where its test clips have transcripts.
    """
    test = request.test or (dataset if _has_references(store, dataset) else None)
    return [*([] if test is None else [test]), *(request.guards or [])]


def _has_references(store: Store, dataset: str) -> bool:
    card = load_card(store, dataset)
    return bool(card.splits.get("test")) and any(row.utterance.text for row in read_clips(store, card, "test"))


def check_shortens(checkpoint: Checkpoint, request: ShortenRequest) -> None:
    """See that a model can be taught short windows, and was not, and that the recipe is one for it.

    Raises:
        InputError: it cannot be; the sentence says what to do instead.
    """
    family, name = checkpoint.family, checkpoint.id
    if family.weights == CTRANSLATE2_WEIGHTS or parse(name).quantization is not None:
        source = _made_from(checkpoint)
        raise InputError(
            f"Model {name} is one of CTranslate2, which cannot be trained: shorten the model that it was made from"
            f"{'' if source is None else f', {source},'} and export that."
        )
    if family.window is None:
        raise InputError(
            f"Model {name} is of the family {family.name!r}, which takes clips of any length already, or nothing but "
            "its own window: there is nothing to shorten."
        )
    fit = taught(checkpoint.folder)
    if fit is not None and not request.again:
        raise InputError(
            f"Model {name} was taught short windows already ({fit.title}): use it as it is, or add --again to teach it "
            "once more on this data."
        )
    for key, wanted in {"objective": "distill", "window": "fit"}.items():
        if request.changes[key] != wanted:
            raise InputError(
                f"A shortening has {key}={wanted} in its recipe, not {request.changes[key]!r}: leave it out, or "
                "learn from transcripts with acento finetune."
            )


def _made_from(checkpoint: Checkpoint) -> str | None:
    """Return what a model of CTranslate2 was made from, as its name or its files say; None where they do not."""
    source, _, reader = checkpoint.id.rpartition(":")
    if source and reader.startswith("ctranslate2"):
        return source
    named = json_object(checkpoint.folder / SOURCE_CONFIG).get("_name_or_path")
    return named if isinstance(named, str) and named else None


def card_with(store: Store, dataset: str, split: str) -> Card:
    """Return a data set's card; it is a DataError if there is none, or no clip in the split."""
    card = load_card(store, dataset)
    next(read_clips(store, card, split), None)
    return card
