"""The flow ``judge-windows``: a tuned model with short windows and with full ones, and the window gate's answer."""

from collections.abc import Callable
from typing import Any, Final

from acento.api import windows
from acento.api.benchmarking import run_benchmark
from acento.api.windows import JudgedWindows, run_steps
from acento.requests import WindowsRequest
from flows.benchmark import benchmark
from flows.runtime.request_flow import carried_by, flow_of
from tasks.gate import judge_windows as judge_runs
from tasks.gate import plan_windows, write_card
from tasks.policy import run_task

STEPS: Final[dict[Callable[..., Any], Callable[..., Any]]] = {
    windows.fix_question: lambda *args: run_task(plan_windows, *args),
    run_benchmark: lambda request: benchmark(**request.parameters()),
    windows.judge_runs: lambda *args: run_task(judge_runs, *args),
    windows.write_card: lambda *args: run_task(write_card, *args),
}
"""The flow or task that carries out each step."""


@flow_of(WindowsRequest, "judge-windows")
def judge_windows(request: WindowsRequest) -> JudgedWindows:
    """Benchmark a tuned model with full windows and with short ones, and let the window gate decide which it keeps."""
    return run_steps(request, carried_by(STEPS))
