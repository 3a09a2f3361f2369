"""Whisper in windows as short as its clips, on transformers and on CTranslate2."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_whisper import make_whisper

from acento.families.whisper.convert import convert
from acento.families.whisper.encoder import encode
from acento.inference.engine import Decoded, Engine
from acento.inference.plan import PlannedClip
from acento.models.base import Audio, DecodeOptions, Recognizer
from acento.models.checkpoints.resolver import resolve
from acento.models.windows import Fit

KINDS = {
    "multilingual": {"window_s": 30, "seed": 4},
    "128 mel bins": {"window_s": 30, "mel_bins": 128, "seed": 4},
    "english-only": {"window_s": 30, "multilingual": False, "seed": 4},
}
SHORT = Fit(margin_s=0.5, shortest_s=1.0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("whisper")
    made = {kind: make_whisper(root / kind, **options) for kind, options in KINDS.items()}  # type: ignore[arg-type]
    for kind, folder in list(made.items()):
        exported = root / f"{kind} in CTranslate2"
        exported.mkdir()
        convert(resolve(str(folder)), exported, "ctranslate2", "float32")
        made[exported.name] = exported
    return made


def load(folder: Path, fit: Fit | None = SHORT) -> Recognizer:
    checkpoint = resolve(str(folder))
    language = None if "english-only" in folder.name else "es"
    return checkpoint.family.load(checkpoint.folder, DecodeOptions(language=language, fit=fit))


def noises(*seconds: float) -> list[Audio]:
    random = np.random.default_rng(5)
    counts = [round(16000 * one) for one in seconds]
    return [
        (0.1 * random.standard_normal(n) * np.sin(np.arange(n) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(counts)
    ]


def tokens(recognizer: Recognizer, audio: list[Audio], context: int | None) -> list[list[int]]:
    return [one.ids for one in recognizer.infer(recognizer.prepare_in(audio, context))]


def decode(recognizer: Recognizer, audio: list[Audio], batch_size: int = 8) -> Decoded:
    clips = [PlannedClip(f"clip{row}", len(one) / 16000, "", "", row) for row, one in enumerate(audio)]
    return Engine(recognizer, batch_size=batch_size).decode([clips], lambda clip: audio[clip.row])


EACH = [*KINDS, *(f"{kind} in CTranslate2" for kind in KINDS)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_by_its_parts_gives_the_bits_of_transformers(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    encoder, features = recognizer.model.model.encoder, recognizer.prepare(noises(1.0, 30.0))  # type: ignore[attr-defined]
    with torch.inference_mode():
        assert torch.equal(encode(encoder, features), encoder(features).last_hidden_state)


@pytest.mark.parametrize("kind", EACH)
def test_a_batch_in_a_short_context_writes_what_each_clip_writes_alone_there(
    folders: dict[str, Path], kind: str
) -> None:
    recognizer, audio = load(folders[kind]), noises(0.1, 0.9, 1.7, 2.4)
    context = recognizer.context(audio)
    assert context == 3 * 16000
    together = tokens(recognizer, audio, context)
    assert together == [tokens(recognizer, [one], context)[0] for one in audio]
    assert len({tuple(one) for one in together}) > 1, "the test says nothing if every clip has the same text"


@pytest.mark.parametrize("kind", KINDS)
def test_states_of_a_batch_are_those_of_each_clip_alone(folders: dict[str, Path], kind: str) -> None:
    recognizer, audio = load(folders[kind]), noises(0.1, 0.9, 1.7, 2.4)
    encoder = recognizer.model.model.encoder  # type: ignore[attr-defined]
    with torch.inference_mode():
        together = encode(encoder, recognizer.prepare_in(audio, 48000))
        alone = torch.cat([encode(encoder, recognizer.prepare_in([one], 48000)) for one in audio])
    assert together.shape[1] == 150, "3 s have 150 positions"
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_features_of_a_short_context_are_the_first_of_the_whole_window(folders: dict[str, Path]) -> None:
    recognizer, audio = load(folders["multilingual"]), noises(0.1, 2.4)
    short, whole = recognizer.prepare_in(audio, 48000), recognizer.prepare(audio)
    assert short.shape[-1] == 300
    torch.testing.assert_close(short, whole[..., :300], atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", [*KINDS, "multilingual in CTranslate2"])
def test_a_clip_as_long_as_the_window_is_encoded_in_the_whole_one_and_so_is_its_batch(
    folders: dict[str, Path], kind: str
) -> None:
    recognizer, audio = load(folders[kind]), noises(30.0, 0.1)
    assert recognizer.context(audio) is None
    assert recognizer.context(noises(29.6)) is None
    assert recognizer.context(audio[1:]) == 16000, "no shorter than the shortest"
    mixed = decode(recognizer, audio)
    whole = decode(load(folders[kind], None), audio)
    assert [row.text for row in mixed.predictions] == [row.text for row in whole.predictions]
    assert mixed.runaways == 0
    assert all(row.text is not None for row in decode(recognizer, audio, batch_size=1).predictions)


@pytest.mark.parametrize("kind", ["multilingual", "multilingual in CTranslate2"])
def test_a_text_without_an_end_in_a_short_context_is_written_in_the_whole_window(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    endless = shutil.copytree(folders[kind], tmp_path / kind)
    config = json.loads((endless / "generation_config.json").read_text())
    config["suppress_tokens"] = sorted({*config["suppress_tokens"], config["eos_token_id"]})
    (endless / "generation_config.json").write_text(json.dumps(config))
    audio = noises(0.1, 0.9, 1.7)
    recognizer = load(endless)
    context = recognizer.context(audio)
    heard = recognizer.infer(recognizer.prepare_in(audio, context))
    assert [one.ended for one in recognizer.finish(heard)] == [False] * 3
    assert {len(one.ids) for one in heard} == {19}, "16, and 3 for its share of the window; 36 in the whole one"
    decoded, whole = decode(recognizer, audio, batch_size=2), decode(load(endless, None), audio, batch_size=2)
    assert (decoded.runaways, whole.runaways) == (3, 0)
    assert [row.text for row in decoded.predictions] == [row.text for row in whole.predictions]
    assert {len(row.text or "") for row in whole.predictions} == {36}


@pytest.mark.parametrize("kind", ["multilingual", "multilingual in CTranslate2"])
def test_warming_up_needs_no_whole_window(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    contexts: list[int | None] = []
    prepare_in = recognizer.prepare_in
    recognizer.prepare_in = lambda windows, context: contexts.append(context) or prepare_in(windows, context)  # type: ignore[func-returns-value,method-assign]
    recognizer.warm_up(2)
    assert contexts == [24000]


def test_the_language_is_guessed_in_a_short_context(folders: dict[str, Path]) -> None:
    checkpoint = resolve(str(folders["multilingual"]))
    guessing = checkpoint.family.load(checkpoint.folder, DecodeOptions(fit=SHORT))
    audio = noises(0.1, 0.9, 1.7, 2.4)
    features = guessing.prepare_in(audio, 48000)
    likely = guessing.spoken_languages(features)
    assert likely is not None
    assert [sum(one.values()) for one in likely] == pytest.approx([1.0] * 4)
    told = {}
    for code in ("en", "es", "sv"):
        recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language=code, fit=SHORT))
        told[code] = tokens(recognizer, audio, 48000)
    expected = [told[max(one, key=lambda code: one[code])][row] for row, one in enumerate(likely)]
    assert [one.ids for one in guessing.infer(features)] == expected
