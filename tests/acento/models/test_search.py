"""Beams and temperatures as a person asks for them, and the families that know them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.core.errors import InputError, ModelError
from acento.models.base import DecodeOptions
from acento.models.families import FAMILIES
from acento.models.search import temperatures_of
from acento.requests import BenchmarkRequest

WHISPERS = {"whisper", "whisper-ctranslate2"}
ASKED = {"models": ["demo:whisper-mini"], "datasets": ["demo"]}


@given(st.sets(st.integers(0, 100), min_size=1, max_size=8))
def test_rising_temperatures_are_read_as_typed_and_as_numbers(hundredths: set[int]) -> None:
    numbers = [one / 100 for one in sorted(hundredths)]
    assert temperatures_of(",".join(map(str, numbers))) == temperatures_of(numbers) == tuple(numbers)
    assert temperatures_of(BenchmarkRequest.of(**ASKED, temperatures=numbers).temperatures) == tuple(numbers)


@pytest.mark.parametrize(
    "asked", ["", "0,", "0,hot", "0.2,0", "0,0", "0,1.2", "-0.1", "nan", [], [0.5, 0.4], 7, [None]]
)
def test_other_temperatures_are_refused_with_an_example(asked: object) -> None:
    with pytest.raises(InputError, match=r"numbers from 0 to 1, .* such as 0,0.2,0.4,0.6,0.8,1.0; got"):
        temperatures_of(asked)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="temperatures: Temperatures are numbers"):
        BenchmarkRequest.of(**ASKED, temperatures=asked)


def test_beams_without_a_temperature_of_0_are_refused() -> None:
    with pytest.raises(InputError, match="begin the temperatures with 0, or leave out the beam size of 5"):
        BenchmarkRequest.of(**ASKED, beam_size=5, temperatures="0.2,0.4")
    assert BenchmarkRequest.of(**ASKED, beam_size=5, temperatures="0,0.4").beam_size == 5


@pytest.mark.parametrize("beam_size", [0, -1, 51, "many"])
def test_beam_sizes_that_are_none_are_refused(beam_size: object) -> None:
    with pytest.raises(InputError, match="beam_size must be"):
        BenchmarkRequest.of(**ASKED, beam_size=beam_size)


def test_the_greedy_default_is_not_part_of_what_is_stored() -> None:
    assert not {"beam_size", "temperatures"} & DecodeOptions().model_dump().keys()
    assert DecodeOptions(beam_size=5, temperatures=(0, 0.2)).model_dump()["temperatures"] == (0.0, 0.2)


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("options", [{"beam_size": 2}, {"temperatures": (0.0, 0.2)}])
def test_only_whispers_search(name: str, options: dict) -> None:
    family = FAMILIES[name]
    family.check(DecodeOptions())
    if name in WHISPERS:
        family.check(DecodeOptions(**options))
    else:
        with pytest.raises(ModelError, match=f"Only a Whisper searches .* family '{name}': leave out the beam size"):
            family.check(DecodeOptions(**options))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_only_whispers_compute_in_int8_and_on_transformers_on_the_cpu(name: str) -> None:
    for device in ("cpu", "cuda"):
        options = DecodeOptions(dtype="int8", device_type=device)  # type: ignore[arg-type]
        if name == "whisper-ctranslate2" or (name == "whisper" and device == "cpu"):
            FAMILIES[name].check(options)
        else:
            with pytest.raises(ModelError, match=f"The family '{name}' does not compute in int8"):
                FAMILIES[name].check(options)
