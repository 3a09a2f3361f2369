"""Executes a fine-tuning job: trains, and publishes the best weights as a version of the registry."""

import json
from datetime import UTC, datetime
from pathlib import Path

from acento.core.callbacks import NO_CALLBACKS, Callbacks
from acento.core.provenance import code_version, library_versions, machine
from acento.core.store import Store
from acento.inference.runner import Runner, Worker
from acento.models.checkpoints.checkpoint import ModelSpec
from acento.models.checkpoints.references import REGISTRY
from acento.models.devices import device_name
from acento.models.trainable import Trainable
from acento.registry.model_version import CURVE, HISTORY, RECIPE, ModelAbout
from acento.registry.publishing import base_license, data_license, publish_model
from acento.registry.versions import find_version
from acento.scoring.counting.headline import headline_of
from acento.training.finetune import train
from acento.training.job import FinetuneJob, FinetuneResult
from acento.training.loop.checkpoints import Weights
from acento.training.loop.curve import draw
from acento.training.loop.state import Row, TrainingState, write_history
from acento.training.tensorboard import live_log

_LIBRARIES = ("torch", "transformers", "peft", "safetensors", "audiomentations", "bitsandbytes", "numpy")


def execute(runner: Runner, job: FinetuneJob, worker: Worker) -> FinetuneResult:
    """Train, alone on the device: models that are loaded for decoding make room first."""
    with runner.alone(), live_log(runner.store, job) as log:

        def on_metrics(row: Row) -> None:
            log(row)
            worker.callbacks.on_metrics(row)

        callbacks = Callbacks(on_metrics=on_metrics, should_stop=worker.should_stop)
        return finetune(runner.store, job, minutes=job.minutes, callbacks=callbacks)


def finetune(
    store: Store, job: FinetuneJob, *, minutes: float | None = None, callbacks: Callbacks = NO_CALLBACKS
) -> FinetuneResult:
    """Train, and publish the best weights as a version of the registry; see :func:`acento.training.finetune.train`."""
    return train(store, job, _publish, minutes=minutes, callbacks=callbacks)


def _publish(store: Store, job: FinetuneJob, trainable: Trainable, weights: Weights, where: TrainingState) -> str:
    """Publish the weights that the model holds now as a version of the registry, and return its digits."""
    about = ModelAbout(
        name=job.name,
        base=job.base.model_dump(),
        dataset=job.dataset,
        dataset_fingerprint=job.dataset_fingerprint,
        recipe=job.recipe.model_dump(mode="json"),
        job=job.key,
        strategy=job.recipe.strategy,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provenance={
            "code": code_version(),
            "libraries": library_versions(_LIBRARIES),
            "machine": machine(),
            "device": device_name(job.options.device_type),
            "threads": job.options.threads,
            "train_clips": job.train_clips,
            "dev_clips": job.dev_clips,
            "left_out": job.left_out,
        },
        dev_wer_before=where.base_wer,
        dev_wer=where.best_wer,
        normalizer=job.normalizer.identity,
        headline=headline_of(job.normalizer),
        language=job.language if job.recipe.objective == "text" else _language_of(store, job.base),
        base_license=base_license(job.base),
        data_license=data_license(store, job.dataset),
        window=trainable.teaches,
    )

    def fill(folder: Path) -> None:
        trainable.eval()
        with weights.as_saved():
            trainable.save(folder)
        text = json.dumps(about.recipe, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / RECIPE).write_text(text + "\n", encoding="utf-8")
        write_history(where.history, folder / HISTORY)
        draw(where.history, folder / CURVE, title=f"{job.name}: {job.base.id} on {job.dataset}")

    return publish_model(store, about, fill).version


def _language_of(store: Store, base: ModelSpec) -> str | None:
    """Return what a base is told to write, where it is of the registry; a shortening leaves that as it is."""
    return find_version(store, base.id).about.language if base.id.startswith(REGISTRY) else None
