"""The flow ``specialize``: from recordings to a better model with its proof, in one chain that the gate closes."""

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.api.promoting import Judged
from acento.api.specializing import Specialized, run_steps
from acento.registry.gate.judging import Question
from acento.requests import BenchmarkRequest, FinetuneRequest, SpecializeRequest, StageRequest, ValidateRequest
from acento.training.job import FinetuneResult
from flows.benchmark import benchmark
from flows.finetune import finetune
from flows.requested import flow_of
from flows.stage import stage
from flows.validate import validate
from tasks.gate import judge_candidate, plan_gate, promote_candidate, step_back
from tasks.policy import take


@flow_of(SpecializeRequest, "specialize", title=lambda request: request.heading)
def specialize(request: SpecializeRequest) -> Specialized:
    """Stage, validate, benchmark the base, fine-tune, benchmark the tuned model, and let the gate decide."""
    return run_steps(request, _Flows())


class _Flows:
    """The steps as flows and tasks."""

    def stage(self, request: StageRequest) -> str:
        staged = stage(**request.parameters())
        return f"{staged.name}@{staged.version}"

    def validate(self, request: ValidateRequest) -> str:
        return validate(**request.parameters()).dataset

    def benchmark(self, request: BenchmarkRequest) -> tuple[str, dict[str, str]]:
        done = benchmark(**request.parameters())
        return done.run, done.left_out

    def finetune(self, request: FinetuneRequest) -> FinetuneResult:
        return finetune(**request.parameters())

    def ask(self, request: SpecializeRequest, test: str) -> Question:
        guards = request.guards or []
        return take(plan_gate, request.model_name, request.base_model, test, guards, request.told, request.bound)

    def judge(self, run: str, candidate: str, question: Question) -> Judged:
        return take(judge_candidate, run, candidate, question)

    def step_back(self, tuned: str, refused: str) -> str | None:
        return take(step_back, tuned, refused)

    def promote(self, judged: Judged) -> Judged:
        return take(promote_candidate, judged)
