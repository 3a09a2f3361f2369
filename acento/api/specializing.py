"""Specialize a model and prove it: stage, validate, benchmark, fine-tune, benchmark again, and let the gate decide."""

from typing import Any, Protocol

from pydantic import BaseModel

from acento.api.benchmarking import run_here
from acento.api.precheck import check_specialization
from acento.api.promoting import Judged, fix_question, judge_run, promote_judged, step_back
from acento.api.staging import stage_source
from acento.api.training import plan_training, train_here
from acento.api.validating import validate_dataset
from acento.api.working import Named, name_of, options_of, working
from acento.core.errors import AcentoError, InputError
from acento.core.store import Store
from acento.registry.gate.judging import Question
from acento.requests import BenchmarkRequest, FinetuneRequest, SpecializeRequest, StageRequest, ValidateRequest
from acento.training.job import FinetuneResult
from acento.validation.verdict import InvalidDataError, failure

STEPS_BACK = 3
"""Smaller steps that are tried at most: each is one more look at the test split, and the verdict counts them."""


class Specialized(BaseModel, frozen=True):
    """What came of a specialization."""

    dataset: str
    base_model: str
    judged: list[Judged]
    """Every candidate, in the order it was tried; the last one is what the gate had the last word on."""

    @property
    def outcome(self) -> Judged:
        """The last candidate."""
        return self.judged[-1]


class Steps(Protocol):
    """Who carries out the steps: this process, or Prefect's flows and tasks."""

    def stage(self, request: StageRequest) -> str:
        """Return the version that was staged, ``NAME@VERSION``."""

    def validate(self, request: ValidateRequest) -> str:
        """Return the version that passed, ``NAME@VERSION``."""

    def benchmark(self, request: BenchmarkRequest) -> tuple[str, dict[str, str]]:
        """Return the run, and what was left out of it, with the reason."""

    def finetune(self, request: FinetuneRequest) -> FinetuneResult:
        """Return what the training came to."""

    def ask(self, request: SpecializeRequest, test: str) -> Question:
        """Return what a candidate will be judged by."""

    def judge(self, run: str, candidate: str, question: Question) -> Judged:
        """Return what the gate says of a candidate after a run."""

    def step_back(self, tuned: str, refused: str) -> str | None:
        """Return a version nearer to the base than what was refused; None where there is none."""

    def promote(self, judged: Judged) -> Judged:
        """Let ``production`` point to a candidate that passed."""


@options_of(SpecializeRequest, "base_model", "dataset", "compute", "max_minutes")
def specialize(base: Named, data: Named, **options: Any) -> Specialized:
    """Fine-tune a model, measure it beside its base and today's production, and promote it if the gate lets it pass.

    >>> done = specialize("demo:whisper-mini", "mine", recipe={"max_steps": 1}, interpolate=False)
    >>> done.outcome.passed, done.outcome.sentences[0]
    (False, 'Refused, compared with the base model: no significant gain on mine@1.')

    Args:
        base: as ``finetune`` takes it.
        data: the name of a staged data set, or what ``stage`` returned.
        options: see below.

    Raises:
        InputError: a data set, a model or an option cannot be used, or the data fails validation.
    """
    request = SpecializeRequest.of(base_model=name_of(base), dataset=name_of(data), **options)
    with working("specialize") as store:
        check_specialization(store, request)
        return run_steps(request, _Here(store))


def run_steps(request: SpecializeRequest, steps: Steps) -> Specialized:
    """Carry a specialization out, step by step.

    Raises:
        AcentoError: the training left no model.
        InputError: a model could not be measured.
    """
    dataset, base, told = request.dataset, request.base_model, request.told
    if request.source is not None:
        name = dataset.partition("@")[0]
        dataset = steps.stage(StageRequest(source=request.source, name=name, language=request.language))
    if not request.allow_invalid:
        # from here on one version, whatever is staged meanwhile
        dataset = steps.validate(ValidateRequest(dataset=dataset, model=base, language=told))
    asked = steps.ask(request, request.test or dataset)

    def measure(*models: str) -> str:
        """Benchmark models on every set that the gate looks at; return the run."""
        run, left_out = steps.benchmark(
            BenchmarkRequest(
                models=list(dict.fromkeys(models)),
                datasets=asked.datasets,
                num_requests=request.num_requests,
                language=told,
                device=request.device,
                compute=request.compute,
                allow_invalid=request.allow_invalid,
            )
        )
        for name, why in left_out.items():
            raise InputError(f"{name} could not be measured. {why}")
        return run

    measure(base, asked.incumbent)
    training = {name: getattr(request, name) for name in FinetuneRequest.model_fields}
    tuned = steps.finetune(FinetuneRequest(**training | {"dataset": dataset, "language": told}))
    candidate = tuned.model
    if candidate is None:
        raise AcentoError(f"The training of {request.title} left no model: {tuned.sentence}")
    judged = [steps.judge(measure(base, asked.incumbent, candidate), candidate, asked)]
    while request.interpolate and judged[-1].offer == "interpolate" and len(judged) <= STEPS_BACK:
        smaller = steps.step_back(candidate, judged[-1].model)
        if smaller is None:
            break
        judged.append(steps.judge(measure(base, asked.incumbent, smaller), smaller, asked))
    if request.promote and judged[-1].passed and not judged[-1].promoted:
        judged[-1] = steps.promote(judged[-1])
    return Specialized(dataset=dataset, base_model=base, judged=judged)


class _Here:
    """The steps in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def stage(self, request: StageRequest) -> str:
        card = stage_source(self._store, request).card
        return f"{card.name}@{card.version}"

    def validate(self, request: ValidateRequest) -> str:
        verdict = validate_dataset(self._store, request).verdict
        if not verdict.passed:
            raise InvalidDataError(failure(verdict), verdict.key)
        return verdict.dataset

    def benchmark(self, request: BenchmarkRequest) -> tuple[str, dict[str, str]]:
        finished, run = run_here(self._store, request)
        return run, dict(finished.leaderboard.left_out)

    def finetune(self, request: FinetuneRequest) -> FinetuneResult:
        return train_here(self._store, plan_training(self._store, request))

    def ask(self, request: SpecializeRequest, test: str) -> Question:
        return fix_question(
            self._store, request.model_name, request.base_model, test, request.guards or [], request.told, request.bound
        )

    def judge(self, run: str, candidate: str, question: Question) -> Judged:
        return judge_run(self._store, run, candidate, question)[0]

    def step_back(self, tuned: str, refused: str) -> str | None:
        return step_back(self._store, tuned, refused)[0]

    def promote(self, judged: Judged) -> Judged:
        return promote_judged(self._store, judged)
