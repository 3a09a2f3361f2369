"""The tasks around the gate: what is asked of a candidate, the verdict, a smaller step, the promotion."""

from collections.abc import Sequence

from acento.api import specializing, windows
from acento.api.specializing import Judged
from acento.api.windows import JudgedWindows
from acento.core.store import open_store
from acento.registry.gate.judging import Question
from acento.registry.gate.verdict import GateVerdict
from acento.registry.gate.windows import WINDOW_BOUND
from acento.requests import WindowsRequest
from tasks.artifacts import artifact_key, markdown_table, show_markdown
from tasks.policy import log, step


@step("ask", run_name="fix what {name} will be judged by")
def plan_gate(
    name: str,
    base_model: str,
    test: str,
    guards: Sequence[str],
    language: str | None,
    bound: float,
    allow_few_speakers: bool = False,
    window_bound: float = WINDOW_BOUND,
) -> Question:
    """Find the test set, the guards and today's production model, before anything is trained."""
    rules = language, bound, allow_few_speakers, window_bound
    return specializing.fix_question(open_store(), name, base_model, test, guards, *rules)


@step("ask", run_name="fix what the windows of {request.model} will be judged by")
def plan_windows(request: WindowsRequest) -> Question:
    """Find a model that was taught short windows, the test set and the guards, before anything is transcribed."""
    return windows.fix_question(open_store(), request)


@step("gate-windows", run_name="judge the windows of {model}")
def judge_windows(model: str, question: Question, full: str, short: str) -> JudgedWindows:
    """Put the window gate's question to a run with full windows and one with short ones, and keep the answer."""
    judged = windows.judge_runs(open_store(), model, question, full, short)
    for sentence in judged.verdict.sentences:
        log(sentence)
    parts = [
        f"# Short windows of {model}: {'passed' if judged.verdict.passed else 'refused'}",
        judged.verdict.table.to_markdown(),
        *(f"- {sentence}" for sentence in judged.verdict.sentences),
    ]
    show_markdown(artifact_key("gate-windows", model), "\n\n".join(parts), f"The window gate on {model}")
    return judged


@step("card", run_name="write the model card of {judged.model}")
def write_card(judged: JudgedWindows, question: Question) -> JudgedWindows:
    """Write the model card anew, with the window gate's answer in it."""
    return windows.write_card(open_store(), judged, question)


@step("gate", run_name="judge {candidate}")
def judge_candidate(run: str, candidate: str, question: Question) -> Judged:
    """Put the gate's question to a run, keep the verdict with the candidate, and write its model card."""
    judged = specializing.judge_run(open_store(), run, candidate, question)
    for sentence in judged.sentences:
        log(sentence)
    if judged.verdict is not None:
        _show(judged, judged.verdict)
    return judged


@step("step-back", run_name="step back from {refused}")
def step_back(tuned: str, refused: str) -> tuple[str | None, str]:
    """Make a version between a tuned model and its base, nearer to that than what was refused; say what was done."""
    smaller, sentence = specializing.step_back(open_store(), tuned, refused)
    log(sentence)
    return smaller, sentence


@step("promote", run_name="promote {judged.model}")
def promote_candidate(judged: Judged) -> Judged:
    """Let ``production`` point to a model that passed the gate."""
    promoted = specializing.promote_judged(open_store(), judged)
    log(f"{judged.model} is production now.")
    return promoted


def _show(judged: Judged, verdict: GateVerdict) -> None:
    rows, rate = [], verdict.test.rate_title
    for one in (verdict.test, *verdict.guards):
        incumbent, candidate = one.incumbent.text(bounds=1), one.candidate.text(bounds=1)
        rows.append([one.name, one.role, one.clips, incumbent, candidate, "yes" if one.passed else "NO"])
    parts = [
        f"# {judged.model}: {'passed' if judged.passed else 'refused'}",
        markdown_table(rows, header=["set", "role", "clips", f"{rate} of {verdict.against}", f"{rate} of it", "holds"]),
        *(f"- {sentence}" for sentence in judged.sentences),
        "" if judged.table is None else judged.table.to_markdown(),
        f"Model card: `{judged.card}`.",
    ]
    show_markdown(artifact_key("gate", judged.model), "\n\n".join(parts), f"The gate on {judged.model}")
