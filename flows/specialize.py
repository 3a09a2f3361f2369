"""The flow ``specialize``: from recordings to a better model with its proof, in one chain that the gate closes."""

from typing import Annotated, Any

from prefect import flow
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

import flows.rooms  # noqa: F401  (first of the rooms: it refuses a stranger's `tasks`)
from acento.core.errors import AcentoError, InputError
from acento.core.settings import ComputeName
from acento.training.request import FinetuneRequest
from flows.benchmark import benchmark
from flows.finetune import Device, NonEmpty, Positive, Strategy, finetune, with_strategy
from flows.stage import stage
from flows.validate import validate
from tasks.gate import Judged, judge_candidate, plan_gate, promote_candidate, step_back
from tasks.policy import take

STEPS_BACK = 3
"""Smaller steps that are tried at most: each is one more look at the test split, and the verdict counts them."""


class Specialized(BaseModel):
    """What came of a specialization."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    base_model: str
    judged: list[Judged]
    """Every candidate, in the order it was tried; the last one is what the gate had the last word on."""

    @property
    def outcome(self) -> Judged:
        """The last candidate."""
        return self.judged[-1]


def _title() -> str:
    asked = flow_run.parameters
    return f"specialize {FinetuneRequest(dataset=asked['dataset'], base_model=asked['base_model']).title}"


@flow(name="specialize", flow_run_name=_title, persist_result=False, result_serializer="json")
def specialize(
    dataset: NonEmpty,
    base_model: NonEmpty,
    name: NonEmpty | None = None,
    source: NonEmpty | None = None,
    test: NonEmpty | None = None,
    guards: list[NonEmpty] | None = None,
    bound: Annotated[float, Field(ge=0, lt=1)] = 0.02,
    interpolate: bool = True,
    promote: bool = True,
    strategy: Strategy | None = None,
    recipe: dict[str, Any] | None = None,
    language: NonEmpty | None = None,
    model_language: NonEmpty | None = None,
    device: Device | None = None,
    threads: Positive | None = None,
    num_requests: Positive | None = None,
    max_minutes: Annotated[float, Field(gt=0)] | None = None,
    compute: ComputeName | None = None,
    allow_invalid: bool = False,
) -> Specialized:
    """Stage, validate, benchmark the base, fine-tune, benchmark the tuned model, and let the gate decide.

    Args:
        dataset: the staged data set's name, NAME or NAME@VERSION
        base_model: a folder, Hugging Face id (``owner/name@revision``), demo:NAME or registry:NAME@VERSION
        name: the tuned model's name in the registry; made of the base's and the data set's
        source: what to stage into the data set first; a folder, archive, table, manifest or Hugging Face data set
        test: what the model must become better on, such as ``santiago[accent=chilean]``; the data set's test split
        guards: what it must not become worse on, each such as ``madrid`` or ``santiago[accent=neutral]``
        bound: the largest loss on a guard that is let pass, a fraction of WER
        interpolate: where the gate refuses, try weights between the base's and the tuned ones, chosen on dev
        promote: let ``production`` point to a model that passed
        strategy: what learns; encoder, unless the recipe says otherwise
        recipe: what departs from the recipe that suits the number of clips, such as ``{"epochs": 20}``
        language: the language spoken in the source, such as ``es``; models are told it too
        model_language: what the models are told to write, where they lack the language of the data
        device: cpu, cuda or mps; the best there is
        threads: CPU threads of the training; every core
        num_requests: placements that share the work of a benchmark
        max_minutes: of one sitting of the training
        compute: the backend that trains and transcribes
        allow_invalid: also use a data set that fails validation
    """
    request = FinetuneRequest(dataset=dataset, base_model=base_model, name=name)
    told = model_language or language
    if source is not None:
        staged = stage(source, dataset.partition("@")[0], language=language)
        dataset = f"{staged.name}@{staged.version}"
    if not allow_invalid:
        # from here on one version, whatever is staged meanwhile
        dataset = validate(dataset, model=base_model, language=told).dataset
    asked = take(plan_gate, request.model_name, base_model, test or dataset, guards or [], told, bound)

    def measure(*models: str) -> str:
        """Benchmark models on every set that the gate looks at; return the run.

        Raises:
            InputError: one of them could not be measured on one of the sets.
        """
        done = benchmark(
            models=list(dict.fromkeys(models)),
            datasets=asked.datasets,
            num_requests=num_requests,
            language=told,
            device=device,
            compute=compute,
            allow_invalid=allow_invalid,
        )
        for name, why in done.left_out.items():
            raise InputError(f"{name} could not be measured. {why}")
        return done.run

    measure(base_model, asked.incumbent)
    tuned = finetune(
        dataset=dataset,
        base_model=base_model,
        name=name,
        recipe=with_strategy(recipe, strategy),
        language=told,
        device=device,
        threads=threads,
        max_minutes=max_minutes,
        compute=compute,
        allow_invalid=allow_invalid,
    )
    candidate = tuned.model
    if candidate is None:
        raise AcentoError(f"The training of {request.title} left no model: {tuned.sentence}")
    judged = [take(judge_candidate, measure(base_model, asked.incumbent, candidate), candidate, asked)]
    while interpolate and judged[-1].offer == "interpolate" and len(judged) <= STEPS_BACK:
        smaller = take(step_back, candidate, judged[-1].model)
        if smaller is None:
            break
        judged.append(take(judge_candidate, measure(base_model, asked.incumbent, smaller), smaller, asked))
    if promote and judged[-1].passed and not judged[-1].promoted:
        judged[-1] = take(promote_candidate, judged[-1])
    return Specialized(dataset=dataset, base_model=base_model, judged=judged)
