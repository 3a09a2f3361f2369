"""Beam search and second tries on CTranslate2, beside those on transformers."""

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
import torch
from tiny_whisper import make_whisper

from acento.families.whisper.convert import convert
from acento.families.whisper.ctranslate2.search import SearchingCTranslate2
from acento.families.whisper.fallback import Attempt, with_fallback
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.resolver import resolve

TEMPERATURES = (0.0, 0.4, 0.8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("whisper")
    made = make_whisper(root / "transformers", window_s=2, seed=2)
    (root / "ctranslate2").mkdir()
    convert(resolve(str(made)), root / "ctranslate2", "ctranslate2", "float32")
    return {"transformers": made, "ctranslate2": root / "ctranslate2"}


def load(folder: Path, **options: Any) -> Recognizer:
    checkpoint = resolve(str(folder))
    return checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es", **options))


def clips(count: int = 7) -> list[Audio]:
    drawn = np.random.default_rng(5)
    lengths = [int(n) for n in np.linspace(0.2, 1.9, count) * 16000]
    return [
        (0.1 * drawn.standard_normal(n) * np.sin(np.arange(n) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


def texts(recognizer: Recognizer, audio: list[Audio]) -> list[str]:
    return [heard.text for heard in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


def test_beams_find_other_texts_than_the_greedy_decoder_and_mostly_those_of_transformers(
    folders: dict[str, Path],
) -> None:
    """The two searches differ in what counts as ended, so that not every text is the same."""
    found = texts(load(folders["ctranslate2"], beam_size=5), clips())
    assert found != texts(load(folders["ctranslate2"]), clips())
    assert sum(map(str.__eq__, found, texts(load(folders["transformers"], beam_size=5), clips()))) >= 4


def test_what_passes_at_temperature_0_is_the_greedy_text(folders: dict[str, Path]) -> None:
    assert texts(load(folders["ctranslate2"], temperatures=TEMPERATURES), clips()) == texts(
        load(folders["ctranslate2"]), clips()
    )


def test_texts_are_as_likely_as_on_transformers(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Attempt] = []

    def watched(*args: Any, **more: Any) -> list[Attempt]:
        seen.extend(found := with_fallback(*args, **more))
        return found

    for engine in ("ctranslate2", "transformers"):
        where = "ctranslate2.search" if engine == "ctranslate2" else "search_recognizer"
        monkeypatch.setattr(f"acento.families.whisper.{where}.with_fallback", watched)
        texts(load(folders[engine], temperatures=(0.0,)), clips())
    ours, theirs = seen[: len(clips())], seen[len(clips()) :]
    assert [one.ids for one in ours] == [one.ids for one in theirs]
    for name in ("mean_logprob", "no_speech"):
        assert [getattr(one, name) for one in ours] == pytest.approx([getattr(one, name) for one in theirs], abs=1e-4)
    assert min(one.no_speech for one in ours) > 0


def test_a_processor_encodes_window_by_window_what_a_batch_gives(folders: dict[str, Path]) -> None:
    recognizer = load(folders["ctranslate2"])
    assert isinstance(recognizer, SearchingCTranslate2.__base__)
    features = recognizer.prepare(clips()).features
    whole = np.array(recognizer._model.encode(ctranslate2.StorageView.from_array(features.numpy())))
    encoded = recognizer._encode(features)
    assert np.array_equal(np.array(encoded), whole)
    assert np.array_equal(np.array(recognizer._rows(encoded, features, [1, 4])), whole[[1, 4]])


def test_a_text_that_fails_is_drawn_again(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acento.families.whisper.fallback.LEAST_LIKELY", -0.42)  # what three of the texts reach
    recognizer = load(folders["ctranslate2"], temperatures=TEMPERATURES, words=True)
    assert isinstance(recognizer, SearchingCTranslate2)
    calls: list[tuple[int, dict[str, Any]]] = []
    inner = recognizer._generate

    def generate(encoded: Any, prompts: list[list[int]], most: int, **search: Any) -> list[Any]:
        calls.append((len(prompts), search))
        return inner(encoded, prompts, most, **search)

    recognizer._generate = generate  # type: ignore[method-assign]
    encoded: list[int] = []
    encode = recognizer._encode
    recognizer._encode = lambda features: (encoded.append(len(features)), encode(features))[1]  # type: ignore
    greedy, found = texts(load(folders["ctranslate2"]), clips()), texts(recognizer, clips())
    assert [search.get("sampling_temperature") for _, search in calls] == [None, 0.4, 0.8][: len(calls)]
    assert [rows for rows, _ in calls][:2] == [7, 4]
    assert encoded == [7], "what was encoded is not encoded again for another try, nor for the times of words"
    assert [new == old for new, old in zip(found, greedy, strict=True)].count(True) >= 3
