"""The tasks around the gate: what is asked of a candidate, the verdict, a smaller step, the promotion."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.models.checkpoints.resolver import resolve
from acento.registry.aliases import PRODUCTION, current, promote
from acento.registry.card.report import card_path, latest_report, publish_report, report_of
from acento.registry.gate.judging import Question, ask, judge
from acento.registry.gate.verdict import Verdict
from acento.registry.smaller_step import smaller_step
from acento.registry.versions import CARD, find_version
from acento.scoring.score import Rate
from tasks.artifacts import artifact_key, markdown_table, page_link, show_markdown
from tasks.policy import say, step


class Judged(BaseModel):
    """What the gate said of a candidate, and where the whole of it is."""

    model_config = ConfigDict(frozen=True)

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


@step("ask", run_name="fix what {name} will be judged by")
def plan_gate(
    name: str, base_model: str, test: str, guards: Sequence[str], language: str | None, bound: float
) -> Question:
    """Find the test set, the guards and today's production model, before anything is trained."""
    store = open_store(settings().store)
    today = current(store, name, PRODUCTION)
    incumbent, against = (
        (base_model, "the base model") if today is None else (today.id, f"today's production {today.id}")
    )
    return ask(store, test, guards, incumbent=incumbent, against=against, language=language, bound=bound)


@step("gate", run_name="judge {candidate}")
def judge_candidate(run: str, candidate: str, question: Question) -> Judged:
    """Put the gate's question to a run, keep the verdict with the candidate, and write its model card."""
    store = open_store(settings().store)
    if candidate == question.incumbent:
        return _already(store, candidate, run)
    verdict = judge(store, run, question, incumbent=resolve(question.incumbent), candidate=resolve(candidate))
    version = find_version(store, candidate)
    publish_report(store, version, report_of(store, version, run, question, verdict))
    judged = Judged(
        model=candidate,
        passed=verdict.passed,
        promoted=False,
        sentences=list(verdict.sentences),
        offer=verdict.offer,
        card=card_path(store, version),
        run=run,
        folder=str(store.local_folder(f"runs/{run}")),
    )
    for sentence in verdict.sentences:
        say(sentence)
    _show(judged, verdict)
    return judged


def _already(store: Store, candidate: str, run: str) -> Judged:
    """Return what was said of today's production model when it became that."""
    version = find_version(store, candidate)
    found = latest_report(store, version)
    gate = None if found is None else found.report.gate
    say(f"{candidate} is production already.")
    return Judged(
        model=candidate,
        passed=True,
        promoted=True,
        sentences=["It is production already.", *([] if gate is None else gate.sentences)],
        offer=None,
        card=card_path(store, version),
        run=run,
        folder=str(store.local_folder(f"runs/{run}")),
    )


@step("step-back", run_name="step back from {refused}")
def step_back(tuned: str, refused: str) -> str | None:
    """Make a version between a tuned model and its base, nearer to that than what was refused."""
    store = open_store(settings().store)
    below = float(find_version(store, refused).about.recipe.get("interpolate", 1.0)) if refused != tuned else 1.0
    smaller, sentence = smaller_step(store, find_version(store, tuned), below)
    say(sentence)
    return None if smaller is None else smaller.id


@step("promote", run_name="promote {judged.model}")
def promote_candidate(judged: Judged) -> Judged:
    """Let ``production`` point to a model that passed the gate."""
    store = open_store(settings().store)
    version = find_version(store, judged.model)
    promote(store, version, why=f"passed the gate in run {judged.run}")
    say(f"{version.id} is production now.")
    return judged.model_copy(update={"promoted": True})


def _show(judged: Judged, verdict: Verdict) -> None:
    """Publish the verdict as a table."""
    rows = [
        [one.name, one.role, one.clips, _percent(one.incumbent), _percent(one.candidate), "yes" if one.passed else "NO"]
        for one in (verdict.test, *verdict.guards)
    ]
    parts = [
        f"# {judged.model}: {'passed' if judged.passed else 'refused'}",
        markdown_table(rows, header=["set", "role", "clips", f"WER of {verdict.against}", "WER of it", "holds"]),
        *(f"- {sentence}" for sentence in judged.sentences),
        f"Model card: {page_link(open_store(settings().store), CARD, judged.card)}.",
    ]
    show_markdown(artifact_key("gate", judged.model), "\n\n".join(parts), f"The gate on {judged.model}")


def _percent(rate: Rate) -> str:
    """Return a WER in percent with its interval."""
    if rate.value is None:
        return "–"
    bounds = "" if rate.low is None or rate.high is None else f" [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
    return f"{100 * rate.value:.2f}{bounds}"
