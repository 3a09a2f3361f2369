"""What processes elsewhere are given so that they do as this one would: whole paths of models, settings, no secret."""

import os
from pathlib import Path

from acento.core.settings import settings
from acento.jobs.job import Job
from acento.models.checkpoints.references import parse

_SETTINGS = ("trust", "trust_code")
_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")


def model_folder(job: Job) -> Path | None:
    """Return the folder of a job's model; None where it is one of a hub, the registry, or shipped with Acento."""
    model = job.base if job.kind == "finetune" else job.model
    folder = Path(parse(model.id).base).expanduser()
    return folder if folder.exists() else None


def portable(job: Job) -> Job:
    """Return the job with the whole path of a model in a folder, which changes its name and not what is computed."""
    folder = model_folder(job)
    if folder is None:
        return job
    model = job.base if job.kind == "finetune" else job.model
    name = model.id.replace(parse(model.id).base, str(folder.absolute()), 1)
    whole = model.model_copy(update={"id": name})
    return job.model_copy(update={"base" if job.kind == "finetune" else "model": whole})


def passed_on() -> dict[str, str]:
    """Return the environment variables of this process that decide what the work comes to or where the store is."""
    told = {f"ACENTO_{name.upper()}": str(getattr(settings(), name)) for name in _SETTINGS}
    told |= {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {name: value for name, value in told.items() if value}
