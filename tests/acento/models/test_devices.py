"""Where the device is: on this machine it is asked for, elsewhere the request decides."""

import pytest

from acento.core.errors import InputError
from acento.models import devices
from acento.models.devices import Elsewhere, cores, default_dtype, pick_device


@pytest.fixture(autouse=True)
def _no_gpu_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available", lambda: ["cpu"])


def test_a_gpu_is_refused_where_there_is_none_and_not_elsewhere() -> None:
    with pytest.raises(InputError, match="'cuda' is not on this machine"):
        pick_device("cuda")
    assert pick_device("cuda", Elsewhere()) == "cuda"


@pytest.mark.parametrize(("gpu", "device"), [(None, "cpu"), ("", "cuda"), ("L40S", "cuda")])
def test_auto_is_a_gpu_elsewhere_if_one_was_asked_for(gpu: str | None, device: str) -> None:
    assert pick_device("auto", Elsewhere(gpu)) == device


def test_apples_gpu_is_nowhere_else() -> None:
    with pytest.raises(InputError, match="--compute inline"):
        pick_device("mps", Elsewhere())


@pytest.mark.parametrize(
    ("gpu", "dtype"),
    [("", "bfloat16"), ("A100", "bfloat16"), ("H100:2", "bfloat16"), ("T4", "float16"), ("v100", "float16")],
)
def test_bfloat16_is_for_the_gpus_that_have_it(gpu: str, dtype: str) -> None:
    assert default_dtype("cuda", Elsewhere(gpu)) == dtype


def test_the_cpu_decodes_in_float32_everywhere() -> None:
    assert default_dtype("cpu", Elsewhere("A100")) == default_dtype("cpu") == "float32"


def test_a_machine_elsewhere_has_the_cores_that_are_known_of_it() -> None:
    assert cores(Elsewhere(cores=16)) == 16
