"""What a person can ask for: one model for each job, the only list of its parameters.

The options of the command line, the parameters of flows, the forms of deployments and the functions of ``import
acento`` are made from these fields: their names, types, bounds, defaults and descriptions.
"""

from acento.requests.base import Option, Request, bare
from acento.requests.benchmark import BenchmarkRequest
from acento.requests.captions import CaptionsRequest
from acento.requests.data import StageRequest, ValidateRequest
from acento.requests.draft import DraftRequest
from acento.requests.score import ScoreRequest
from acento.requests.training import (
    CurveRequest,
    FinetuneRequest,
    FoldsRequest,
    SearchRequest,
    ShortenRequest,
    SpecializeRequest,
    TrainingRequest,
)
from acento.requests.transcribe import TranscribeRequest
from acento.requests.windows import WindowsRequest

__all__ = [
    "BenchmarkRequest",
    "CaptionsRequest",
    "CurveRequest",
    "DraftRequest",
    "FinetuneRequest",
    "FoldsRequest",
    "Option",
    "Request",
    "ScoreRequest",
    "SearchRequest",
    "ShortenRequest",
    "SpecializeRequest",
    "StageRequest",
    "TrainingRequest",
    "TranscribeRequest",
    "ValidateRequest",
    "WindowsRequest",
    "bare",
]
