"""What may be asked of a transcription: a sentence for what does not fit together."""

from typing import Any

import pytest

from acento.core.errors import InputError
from acento.requests import CaptionsRequest, ScoreRequest, TranscribeRequest


@pytest.mark.parametrize("given", ["txt,srt", ["txt", "srt"], ["TXT, srt", "srt"], ("txt", "srt")])
def test_formats_are_listed_as_anybody_types_them(given: Any) -> None:
    assert TranscribeRequest.of(paths=["a.wav"], formats=given).formats == ["txt", "srt"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"paths": []}, "paths needs at least one value"),
        ({"speakers": 2}, "--speakers is for telling speakers apart: add --diarize"),
        ({"voices": ["ana=ana.wav"]}, "--voice is for telling speakers apart: add --diarize"),
        ({"merge": "chunks"}, "--merge is for telling speakers apart: add --diarize"),
        ({"diarize": True, "merge": "words"}, "merge must be 'overlap' or 'chunks'"),
        ({"diarize": True, "speakers": 2, "max_speakers": 3}, r"either known \(--speakers\) or bounded"),
        ({"diarize": True, "min_speakers": 3, "max_speakers": 2}, "At least 3 speakers cannot be at most 2"),
        ({"diarize": True, "voices": ["ana"]}, "A voice is NAME=FILE, such as ana=ana.wav; got 'ana'"),
        ({"beam_size": 5, "temperatures": "0.5,1"}, "Beams search at temperature 0"),
        ({"quantization": "int8"}, "A quantization is for CTranslate2: add --engine ctranslate2"),
        ({"channels": "left"}, "channels must be 'mix' or 'each'; got 'left'"),
    ],
)
def test_what_does_not_fit_together_is_said_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        TranscribeRequest.of(**({"paths": ["a.wav"]} | values))


def test_formats_that_are_only_commas_are_named() -> None:
    assert TranscribeRequest.of(paths=["a.wav"], formats=[]).formats == []  # a draft writes none
    assert TranscribeRequest.of(paths=["a.wav"], formats=",").formats == [","]  # refused, as no format has that name
    with pytest.raises(InputError, match="formats needs at least one value"):
        CaptionsRequest.of(paths=["a.json"], formats=[])


@pytest.mark.parametrize("name", ["collar", "word_collar"])
def test_a_collar_is_finite(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} must be a finite number; got inf"):
        ScoreRequest.of(references="a.rttm", hypotheses=["b.rttm"], **{name: float("inf")})


def test_a_run_is_called_by_what_it_reads() -> None:
    assert TranscribeRequest.of(paths=["talks/"]).heading == "transcribe talks"
    assert TranscribeRequest.of(paths=["a/b.wav", "c.wav"]).heading == "transcribe b.wav and 1 more"
