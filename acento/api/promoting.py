"""The gate: what is asked of a candidate, the verdict, a smaller step, the promotion."""

from collections.abc import Sequence

from pydantic import BaseModel

from acento.api.working import Named, name_of, working
from acento.core.store import Store
from acento.models.checkpoints.resolver import resolve
from acento.registry.aliases import PRODUCTION
from acento.registry.card.card import publish_report, report_of
from acento.registry.card.report import card_path, latest_report
from acento.registry.gate.judging import Question, ask, judge
from acento.registry.gate.verdict import GateVerdict
from acento.registry.interpolation import smaller_step
from acento.registry.model_version import ModelVersion
from acento.registry.promotion import current
from acento.registry.promotion import promote as move_alias
from acento.registry.versions import find_version


class Judged(BaseModel, frozen=True):
    """What the gate said of a candidate, and where the whole of it is."""

    model: str
    """``registry:NAME@VERSION``."""
    passed: bool
    promoted: bool
    sentences: list[str]
    offer: str | None
    card: str
    """The model card's path."""
    run: str
    folder: str
    """The run's files."""


def promote(model: Named, alias: str = PRODUCTION, *, why: str = "", force: bool = False) -> ModelVersion:
    """Let an alias point to a model version; ``production`` only after the gate's consent, or by force.

    >>> promote("whisper-mini-mine", "staging").id == load_version("whisper-mini-mine@staging").id
    True

    Args:
        model: ``registry:NAME@VERSION``, or what ``finetune`` returned.
        alias: its name.
        why: for those who read the alias's history.
        force: do without the gate; that is written down.

    Raises:
        InputError: the gate has not consented, or another process moved the alias just now.
    """
    with working("promote") as store:
        version = find_version(store, name_of(model))
        move_alias(store, version, alias, why=why, forced=force)
        return version


def fix_question(
    store: Store, name: str, base_model: str, test: str, guards: Sequence[str], language: str | None, bound: float
) -> Question:
    """Find the test set, the guards and today's production model of a name, before anything is trained."""
    today = current(store, name, PRODUCTION)
    incumbent, against = (
        (base_model, "the base model") if today is None else (today.id, f"today's production {today.id}")
    )
    return ask(store, test, guards, incumbent=incumbent, against=against, language=language, bound=bound)


def judge_run(store: Store, run: str, candidate: str, question: Question) -> tuple[Judged, GateVerdict | None]:
    """Put the gate's question to a run, keep the verdict with the candidate, and write its model card.

    A candidate that is production already is not judged anew: there is no verdict then.
    """
    version = find_version(store, candidate)
    judged = Judged(
        model=candidate,
        passed=True,
        promoted=True,
        sentences=["It is production already."],
        offer=None,
        card="",
        run=run,
        folder=str(store.local_folder(f"runs/{run}")),
    )
    if candidate == question.incumbent:
        found = latest_report(store, version)
        gate = None if found is None else found.report.gate
        sentences = judged.sentences + ([] if gate is None else list(gate.sentences))
        return judged.model_copy(update={"sentences": sentences, "card": card_path(store, version)}), None
    verdict = judge(store, run, question, incumbent=resolve(question.incumbent), candidate=resolve(candidate))
    publish_report(store, version, report_of(store, version, run, question, verdict))
    said = {
        "passed": verdict.passed,
        "promoted": False,
        "sentences": list(verdict.sentences),
        "offer": verdict.offer,
        "card": card_path(store, version),
    }
    return judged.model_copy(update=said), verdict


def step_back(store: Store, tuned: str, refused: str) -> tuple[str | None, str]:
    """Make a version between a tuned model and its base, nearer to that than what was refused; say what was done."""
    below = float(find_version(store, refused).about.recipe.get("interpolate", 1.0)) if refused != tuned else 1.0
    smaller, sentence = smaller_step(store, find_version(store, tuned), below)
    return None if smaller is None else smaller.id, sentence


def promote_judged(store: Store, judged: Judged) -> Judged:
    """Let ``production`` point to a model that passed the gate."""
    move_alias(store, find_version(store, judged.model), why=f"passed the gate in run {judged.run}")
    return judged.model_copy(update={"promoted": True})
