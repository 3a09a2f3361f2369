"""Scores of speakers in files: the score, and what it was made of, so that another normalizer needs nothing else."""

import gzip
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from acento.core.text import Normalizer
from acento.scoring.speakers.score import SpeakerOptions, SpeakerScore, speaker_score
from acento.scoring.speakers.spoken import Conversations

SPEAKERS, SPOKEN = "speakers.json", "spoken.json.gz"
_BOTH: TypeAdapter[Conversations] = TypeAdapter(Conversations)


def write_speakers(folder: Path, both: Conversations, normalizer: Normalizer, options: SpeakerOptions) -> None:
    """Score who speaks; write ``speakers.json`` and ``spoken.json.gz``."""
    score = speaker_score(both, normalizer, options)
    (folder / SPEAKERS).write_text(score.model_dump_json(indent=1), encoding="utf-8")
    told = json.dumps(facts_of(both, options), ensure_ascii=False).encode()
    (folder / SPOKEN).write_bytes(gzip.compress(told, mtime=0))


def read_speakers(data: bytes) -> SpeakerScore:
    """Return the score of a file."""
    return SpeakerScore.model_validate_json(data)


def read_spoken(data: bytes) -> tuple[Conversations, SpeakerOptions]:
    """Return what a stored score was made of."""
    found = json.loads(gzip.decompress(data))
    return _BOTH.validate_python(found["spoken"]), SpeakerOptions.model_validate(found["options"])


def facts_of(both: Conversations, options: SpeakerOptions) -> dict[str, Any]:
    """Return all that a score of speakers rests on, as JSON has it."""
    return {"spoken": asdict(both), "options": options.model_dump()}
