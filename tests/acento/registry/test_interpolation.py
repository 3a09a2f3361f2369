"""Weights between two models: the ends to the bit, any shards, nothing but a model and its own base."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_whisper import make_whisper
from torch import Tensor

from acento.core.errors import InputError, ModelError
from acento.families.nemo.archive import inspect
from acento.families.nemo.weights import weights_of
from acento.models.base import DecodeOptions
from acento.models.families import FAMILIES
from acento.registry.interpolation import blend, choose, interpolate
from acento.scoring.counting.counts import ErrorCounts

torch.set_num_threads(1)


def weights(seed: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"encoder.w": (4, 3), "encoder.b": (4,), "embed": (5, 4)}
    return {name: torch.randn(shape, generator=generator).to(dtype) for name, shape in shapes.items()}


def checkpoint(folder: Path, tensors: dict[str, Tensor], shards: int = 1) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "whisper", "of": folder.name}))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    names = {tensor: f"model-{place % shards + 1:05d}.safetensors" for place, tensor in enumerate(tensors)}
    for name in set(names.values()):
        save_file({tensor: tensors[tensor] for tensor in tensors if names[tensor] == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    return folder


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name].view(torch.uint8), other[name].view(torch.uint8))
        for name in one
    )


def counts(errors: int, words: int = 100) -> ErrorCounts:
    return ErrorCounts(substitutions=errors, hits=words - errors)


FLOATS = st.floats(-(2.0**90), 2.0**90, width=32)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=8), st.floats(0, 1))
def test_the_ends_are_bit_equal_and_all_else_lies_between(pairs: list[tuple[float, float]], ratio: float) -> None:
    base, tuned = (torch.tensor(list(values)) for values in zip(*pairs, strict=True))
    assert torch.equal(blend(base, tuned, 0.0).view(torch.int32), base.view(torch.int32))
    assert torch.equal(blend(base, tuned, 1.0).view(torch.int32), tuned.view(torch.int32))
    between = blend(base, tuned, ratio)
    slack = 1e-6 * torch.maximum(base.abs(), tuned.abs()) + 1e-38
    assert bool((between >= torch.minimum(base, tuned) - slack).all())
    assert bool((between <= torch.maximum(base, tuned) + slack).all())


def test_a_tensor_that_did_not_learn_keeps_its_bits_at_every_ratio() -> None:
    frozen = torch.tensor([-0.0, 0.1, float("inf")])
    assert torch.equal(blend(frozen, frozen.clone(), 0.3).view(torch.int32), frozen.view(torch.int32))


def test_half_way_is_half_way() -> None:
    assert blend(torch.tensor([1.0, -2.0]), torch.tensor([3.0, 2.0]), 0.5).tolist() == [2.0, 0.0]


def test_half_precision_is_blended_in_float32_and_the_wider_type_is_kept() -> None:
    base, tuned = torch.tensor([2048.0], dtype=torch.float16), torch.tensor([2049.0])
    assert blend(base, tuned, 0.5).dtype == torch.float32
    assert blend(base, tuned, 0.5).item() == 2048.5
    assert blend(base, tuned, 0.0).item() == 2048.0
    assert blend(base, base + 2, 0.5).dtype == torch.float16


def test_whole_numbers_are_no_weights() -> None:
    base, tuned = torch.tensor([3]), torch.tensor([8])
    assert [blend(base, tuned, ratio).item() for ratio in (0.0, 0.4, 1.0)] == [3, 8, 8]


@pytest.mark.parametrize("shards", [(1, 1), (1, 2), (2, 1), (3, 2)])
def test_the_ends_of_a_checkpoint_are_its_base_and_itself_however_they_are_sharded(
    tmp_path: Path, shards: tuple[int, int]
) -> None:
    base, tuned = weights(1), weights(2)
    folders = checkpoint(tmp_path / "base", base, shards[0]), checkpoint(tmp_path / "tuned", tuned, shards[1])
    for ratio, expected in ((0.0, base), (1.0, tuned)):
        out = tmp_path / f"out-{ratio}"
        interpolate(*folders, ratio, out)
        read = {name: tensor for file in out.glob("*.safetensors") for name, tensor in load_file(file).items()}
        assert same(read, expected)
        assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in folders[1].iterdir())


def test_files_beside_the_weights_are_the_tuned_models(tmp_path: Path) -> None:
    base, tuned = checkpoint(tmp_path / "base", weights(1)), checkpoint(tmp_path / "tuned", weights(2))
    (tuned / "_complete.json").write_text("{}")
    (tuned / "curve.png").write_bytes(b"a picture")
    interpolate(base, tuned, 0.5, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["of"] == "tuned"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]
    read = load_file(tmp_path / "out" / "model.safetensors")
    expected = {name: blend(tensor, weights(2)[name], 0.5) for name, tensor in weights(1).items()}
    assert same(read, expected)


@pytest.mark.parametrize("kept_by", ["base", "tuned"])
def test_a_copy_of_a_tied_tensor_that_only_one_has_kept_is_no_difference(tmp_path: Path, kept_by: str) -> None:
    both = {"base": weights(1), "tuned": weights(2)}
    both[kept_by]["proj_out"] = both[kept_by]["embed"].clone()
    interpolate(
        checkpoint(tmp_path / "base", both["base"]),
        checkpoint(tmp_path / "tuned", both["tuned"]),
        0.5,
        tmp_path / "out",
    )
    read = load_file(tmp_path / "out" / "model.safetensors")
    assert read.keys() == both["tuned"].keys()
    if kept_by == "tuned":
        assert torch.equal(read["proj_out"], read["embed"])


def test_models_that_are_not_base_and_tuned_are_refused(tmp_path: Path) -> None:
    base = checkpoint(tmp_path / "base", weights(1))
    more = checkpoint(tmp_path / "more", weights(2) | {"adapter": torch.ones(2)})
    shape = checkpoint(tmp_path / "shape", weights(2) | {"embed": torch.ones(6, 4)})
    for one, other in ((base, more), (more, base)):
        with pytest.raises(ModelError, match=r"1 tensors are in one of them only \(such as adapter\)"):
            interpolate(one, other, 0.5, tmp_path / "out")
    with pytest.raises(ModelError, match=r"embed has the shape \[6, 4\] in one and \[5, 4\] in the other"):
        interpolate(base, shape, 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_without_weights_or_with_damaged_ones_is_named(tmp_path: Path) -> None:
    base, empty = checkpoint(tmp_path / "base", weights(1)), tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ModelError, match=r"The weights in .*empty cannot be read"):
        interpolate(base, empty, 0.5, tmp_path / "out")
    damaged = checkpoint(tmp_path / "damaged", weights(1))
    (damaged / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"The weights in .*damaged cannot be read"):
        interpolate(damaged, base, 0.5, tmp_path / "out")


def test_a_ratio_beyond_the_ends_and_a_place_on_top_of_a_model_are_refused(tmp_path: Path) -> None:
    base, tuned = checkpoint(tmp_path / "base", weights(1)), checkpoint(tmp_path / "tuned", weights(2))
    for ratio in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match="is not between the two models"):
            interpolate(base, tuned, ratio, tmp_path / "out")
    with pytest.raises(InputError, match="cannot be written over"):
        interpolate(base, tuned, 0.5, tmp_path / "sub" / ".." / "tuned")
    assert same(load_file(tuned / "model.safetensors"), weights(2))


@pytest.mark.slow
def test_an_interpolated_whisper_loads_and_is_what_its_weights_say(tmp_path: Path) -> None:
    from transformers import WhisperForConditionalGeneration as Whisper

    base, tuned = make_whisper(tmp_path / "base", seed=1), make_whisper(tmp_path / "tuned", seed=2)
    interpolate(base, tuned, 0.25, tmp_path / "out")
    old, new, between = (Whisper.from_pretrained(folder).state_dict() for folder in (base, tuned, tmp_path / "out"))
    assert between.keys() == old.keys()
    for name, tensor in between.items():
        assert torch.equal(tensor, blend(old[name], new[name], 0.25)), name


def test_the_ratio_with_the_lowest_dev_wer_is_chosen() -> None:
    ratio, sentence = choose({0.2: counts(30), 0.4: counts(20), 0.6: counts(15), 0.8: counts(18)})
    assert ratio == 0.6
    assert sentence == "Ratio 0.6 was chosen on dev: WER 15.0 %, of 4 ratios."


def test_of_equals_the_one_nearest_the_base_is_chosen() -> None:
    assert choose(dict.fromkeys((0.8, 0.6, 0.4), counts(15)))[0] == 0.4


def test_within_the_tolerance_is_equal() -> None:
    scores = {0.2: counts(30), 0.4: counts(17), 0.6: counts(15)}
    assert choose(scores, tolerance=0.02)[0] == 0.4
    assert choose(scores, tolerance=0.01)[0] == 0.6


@given(st.dictionaries(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]), st.integers(0, 99), min_size=1))
def test_nothing_is_better_than_what_is_chosen(errors: dict[float, int]) -> None:
    ratio, _ = choose({ratio: counts(count) for ratio, count in errors.items()})
    assert ratio == min(errors, key=lambda ratio: (errors[ratio], ratio))


def test_dev_clips_without_a_word_choose_nothing() -> None:
    with pytest.raises(InputError, match="the dev clips have no reference words"):
        choose({0.5: ErrorCounts()})
    with pytest.raises(InputError, match="There is no ratio"):
        choose({})


@pytest.mark.nemo
def test_a_nemo_model_between_two_is_an_archive_like_the_tuned_one(tmp_path: Path) -> None:
    from tiny_nemo import make_nemo

    base, tuned = (make_nemo(tmp_path / name, seed=seed) for seed, name in enumerate(("base", "tuned")))
    interpolate(base / "model.nemo", tuned, 0.5, tmp_path / "out")
    old, new, between = (weights_of(folder / "model.nemo") for folder in (base, tuned, tmp_path / "out"))
    assert between.keys() == new.keys()
    assert all(torch.equal(tensor, blend(old[name], new[name], 0.5)) for name, tensor in between.items())
    assert inspect(tmp_path / "out" / "model.nemo") == inspect(tuned / "model.nemo")
    recognizer = FAMILIES["nemo"].load(tmp_path / "out", DecodeOptions(language="es"))
    audio = [np.zeros(16000, np.float32)]
    assert recognizer.finish(recognizer.infer(recognizer.prepare(audio)))
    with pytest.raises(ModelError, match="was not tuned from"):
        interpolate(make_nemo(tmp_path / "wide", width=64), tuned, 0.5, tmp_path / "odd")
