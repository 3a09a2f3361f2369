"""The flow ``specialize``: from recordings to a better model with its proof, in one chain that the gate closes."""

from collections.abc import Callable
from typing import Any, Final

from acento.api import specializing, windows
from acento.api.benchmarking import run_benchmark
from acento.api.data import check_dataset, stage_source
from acento.api.specializing import Specialized, run_steps
from acento.api.training import finetune_model
from acento.core.store import open_store
from acento.requests import SpecializeRequest
from flows.benchmark import benchmark
from flows.finetune import finetune
from flows.runtime.request_flow import carried_by, flow_of
from flows.stage import stage
from flows.validate import validate
from tasks.gate import judge_candidate, judge_windows, plan_gate, promote_candidate, step_back
from tasks.policy import run_task

STEPS: Final[dict[Callable[..., Any], Callable[..., Any]]] = {
    stage_source: lambda request: stage(**request.parameters()),
    check_dataset: lambda request: validate(**request.parameters()).verdict.dataset,
    run_benchmark: lambda request: benchmark(**request.parameters()),
    finetune_model: lambda request: finetune(**request.parameters()),
    specializing.fix_question: lambda *args: run_task(plan_gate, *args),
    windows.short_windows: lambda model: windows.short_windows(open_store(), model),
    windows.judge_runs: lambda *args: run_task(judge_windows, *args),
    specializing.judge_run: lambda *args: run_task(judge_candidate, *args),
    specializing.step_back: lambda *args: run_task(step_back, *args),
    specializing.promote_judged: lambda *args: run_task(promote_candidate, *args),
}
"""The flow or task that carries out each step of a specialization."""


@flow_of(SpecializeRequest, "specialize")
def specialize(request: SpecializeRequest) -> Specialized:
    """Stage, validate, benchmark the base, fine-tune, benchmark the tuned model, and let the gates decide."""
    return run_steps(request, carried_by(STEPS))
