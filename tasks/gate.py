"""The tasks around the gate: what is asked of a candidate, the verdict, a smaller step, the promotion."""

from collections.abc import Sequence

from acento.api import promoting
from acento.api.promoting import Judged
from acento.core.settings import settings
from acento.core.store import open_store
from acento.registry.gate.judging import Question
from acento.registry.gate.verdict import GateVerdict
from acento.registry.model_version import CARD
from tasks.artifacts import artifact_key, markdown_table, page_link, show_markdown
from tasks.policy import say, step


@step("ask", run_name="fix what {name} will be judged by")
def plan_gate(
    name: str, base_model: str, test: str, guards: Sequence[str], language: str | None, bound: float
) -> Question:
    """Find the test set, the guards and today's production model, before anything is trained."""
    return promoting.fix_question(open_store(settings().store), name, base_model, test, guards, language, bound)


@step("gate", run_name="judge {candidate}")
def judge_candidate(run: str, candidate: str, question: Question) -> Judged:
    """Put the gate's question to a run, keep the verdict with the candidate, and write its model card."""
    judged, verdict = promoting.judge_run(open_store(settings().store), run, candidate, question)
    for sentence in judged.sentences:
        say(sentence)
    if verdict is not None:
        _show(judged, verdict)
    return judged


@step("step-back", run_name="step back from {refused}")
def step_back(tuned: str, refused: str) -> str | None:
    """Make a version between a tuned model and its base, nearer to that than what was refused."""
    smaller, sentence = promoting.step_back(open_store(settings().store), tuned, refused)
    say(sentence)
    return smaller


@step("promote", run_name="promote {judged.model}")
def promote_candidate(judged: Judged) -> Judged:
    """Let ``production`` point to a model that passed the gate."""
    promoted = promoting.promote_judged(open_store(settings().store), judged)
    say(f"{judged.model} is production now.")
    return promoted


def _show(judged: Judged, verdict: GateVerdict) -> None:
    """Publish the verdict as a table."""
    rows = [
        [
            one.name,
            one.role,
            one.clips,
            one.incumbent.text(bounds=1),
            one.candidate.text(bounds=1),
            "yes" if one.passed else "NO",
        ]
        for one in (verdict.test, *verdict.guards)
    ]
    parts = [
        f"# {judged.model}: {'passed' if judged.passed else 'refused'}",
        markdown_table(rows, header=["set", "role", "clips", f"WER of {verdict.against}", "WER of it", "holds"]),
        *(f"- {sentence}" for sentence in judged.sentences),
        f"Model card: {page_link(open_store(settings().store), CARD, judged.card)}.",
    ]
    show_markdown(artifact_key("gate", judged.model), "\n\n".join(parts), f"The gate on {judged.model}")
