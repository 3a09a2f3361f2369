"""Acento: specialize speech recognition to an accent, a dialect or a speaker, and prove what it gained.

>>> import acento
>>> data = acento.stage("recordings/", name="mine", language="es")
>>> board = acento.benchmark(["openai/whisper-small", "registry:mine@production"], data)
>>> tuned = acento.finetune("openai/whisper-small", data, strategy="lora")
>>> print(acento.compare(tuned, "openai/whisper-small", data))
>>> text = acento.load_model("openai/whisper-small").transcribe("clip.mp3").text

The functions run in this process. What they make is kept in the store that the environment variable ``ACENTO_STORE``
names, a folder ``.acento`` by default, so that the same call a second time finds it done. Errors that a person can do
something about are :class:`AcentoError`, each one sentence.
"""

from typing import TYPE_CHECKING

from acento.core import VERSION, heap
from acento.core.plugins import lazy

if TYPE_CHECKING:
    from acento import scoring
    from acento.api.benchmarking import benchmark, compare
    from acento.api.comparing import compare_runs
    from acento.api.data import StagedDataset, load_dataset, stage, validate
    from acento.api.estimating import estimate
    from acento.api.exporting import export
    from acento.api.leaderboards import leaderboard
    from acento.api.recordings.captioning import caption
    from acento.api.recordings.drafting import draft
    from acento.api.recordings.transcribing import Transcripts, transcribe
    from acento.api.scoring import score
    from acento.api.searching import search
    from acento.api.shortening import shorten
    from acento.api.specializing import promote, specialize
    from acento.api.training import finetune
    from acento.api.windows import judge_windows
    from acento.core.errors import AcentoError
    from acento.inference.transcriber import LoadedModel, load_model
    from acento.registry.model_version import ModelVersion
    from acento.registry.versions import load_version
    from acento.scoring.boards.leaderboard import Leaderboard

__version__ = VERSION
heap.share()
__all__ = [
    "AcentoError",
    "Leaderboard",
    "LoadedModel",
    "ModelVersion",
    "StagedDataset",
    "Transcripts",
    "benchmark",
    "caption",
    "compare",
    "compare_runs",
    "draft",
    "estimate",
    "export",
    "finetune",
    "judge_windows",
    "leaderboard",
    "load_dataset",
    "load_model",
    "load_version",
    "promote",
    "score",
    "scoring",
    "search",
    "shorten",
    "specialize",
    "stage",
    "transcribe",
    "validate",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "AcentoError": "acento.core.errors",
        "Leaderboard": "acento.scoring.boards.leaderboard",
        "LoadedModel": "acento.inference.transcriber",
        "ModelVersion": "acento.registry.model_version",
        "StagedDataset": "acento.api.data",
        "benchmark": "acento.api.benchmarking",
        "caption": "acento.api.recordings.captioning",
        "compare": "acento.api.benchmarking",
        "compare_runs": "acento.api.comparing",
        "draft": "acento.api.recordings.drafting",
        "finetune": "acento.api.training",
        "estimate": "acento.api.estimating",
        "export": "acento.api.exporting",
        "judge_windows": "acento.api.windows",
        "leaderboard": "acento.api.leaderboards",
        "load_dataset": "acento.api.data",
        "load_model": "acento.inference.transcriber",
        "load_version": "acento.registry.versions",
        "promote": "acento.api.specializing",
        "score": "acento.api.scoring",
        "scoring": "acento.scoring",
        "search": "acento.api.searching",
        "shorten": "acento.api.shortening",
        "specialize": "acento.api.specializing",
        "stage": "acento.api.data",
        "transcribe": "acento.api.recordings.transcribing",
        "Transcripts": "acento.api.recordings.transcribing",
        "validate": "acento.api.data",
    },
)
