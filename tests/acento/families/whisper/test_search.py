"""Beam search, sampling and second tries of Whisper, against plain definitions of them."""

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_whisper import make_whisper

from acento.families.whisper.fallback import Attempt, seed_of
from acento.families.whisper.recognizer import WhisperRecognizer
from acento.families.whisper.search_recognizer import SearchingWhisper
from acento.inference.engine import Engine
from acento.inference.plan import PlannedClip
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.models.runaways import is_runaway
from acento.models.windows import Fit

MOST = 24
TEMPERATURES = (0.0, 0.4, 0.8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("whisper")
    return [make_whisper(root / str(seed), window_s=2, seed=seed) for seed in (2, 7, 8)]


def load(folder: Path, **options: Any) -> WhisperRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language="es", **options))
    assert isinstance(recognizer, WhisperRecognizer)
    return recognizer


def clips(count: int = 7) -> list[Audio]:
    drawn = np.random.default_rng(5)
    lengths = np.linspace(0.2, 1.9, count) * 16000
    return [
        (0.1 * drawn.standard_normal(int(n)) * np.sin(np.arange(int(n)) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


def texts(recognizer: WhisperRecognizer, audio: list[Audio]) -> list[str]:
    return [heard.text for heard in recognizer.finish(recognizer.infer(recognizer.prepare(audio)))]


def encoded(recognizer: SearchingWhisper, audio: list[Audio]) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode():
        states = recognizer._encode(recognizer.prepare(audio).features)
        return states, recognizer._prompts(states)


def next_logprobs(recognizer: SearchingWhisper, states: torch.Tensor, written: Sequence[int], prompt: list[int]) -> Any:
    """What transformers' own decoder gives for the next token, everything computed anew."""
    decoder = recognizer._decoder
    with torch.inference_mode():
        hidden = recognizer.model.model.decoder(
            input_ids=torch.tensor([[*prompt, *written]]), encoder_hidden_states=states[None]
        ).last_hidden_state
        logits = recognizer.model.proj_out(hidden)[0, -1].float()
    never = decoder._never if written else decoder._never_first
    return logits.masked_fill(never, float("-inf")).log_softmax(-1)


def plain_beam_search(
    recognizer: SearchingWhisper, states: torch.Tensor, prompt: list[int], size: int
) -> tuple[list[int], float]:
    """OpenAI's search for one window, as its ``BeamSearchDecoder`` and ``MaximumLikelihoodRanker`` define it."""
    eos = recognizer._decoder._eos
    beams: dict[tuple[int, ...], float] = {(): 0.0}
    finished: dict[tuple[int, ...], float] = {}
    for _ in range(MOST):
        scores = {}
        for text, total in beams.items():
            likely, tokens = next_logprobs(recognizer, states, text, prompt).topk(size + 1)
            scores |= {
                (*text, token): total + gain for gain, token in zip(likely.tolist(), tokens.tolist(), strict=True)
            }
        beams = {}
        for text in sorted(scores, key=lambda one: scores[one], reverse=True):
            if text[-1] == eos:
                if len(finished) < size:
                    finished[text[:-1]] = scores[text]
            else:
                beams[text] = scores[text]
                if len(beams) == size:
                    break
        if len(finished) >= size:
            break
    for text in sorted(beams, key=lambda one: beams[one], reverse=True):
        if len(finished) < size:
            finished[text] = beams[text]
    best = max(finished, key=lambda one: finished[one] / len(one))
    return list(best), finished[best]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "models"), [(2, 3), (5, 1)])
def test_beam_search_is_openais_in_batches(folders: list[Path], size: int, models: int) -> None:
    lengths = set()
    for folder in folders[:models]:
        recognizer = load(folder, beam_size=size)
        states, prompts = encoded(recognizer, clips())
        found = recognizer._decoder.search(states, prompts, size, MOST)
        expected = [
            plain_beam_search(recognizer, row, prompt.tolist(), size)
            for row, prompt in zip(states, prompts, strict=True)
        ]
        assert [one.ids for one in found] == [ids for ids, _ in expected]
        assert [one.logprob for one in found] == pytest.approx([total for _, total in expected], abs=1e-3)
        lengths |= {len(one.ids) for one in found}
    assert len(lengths) > 3, "windows must end at different steps for this to be tested"


def test_beam_search_finds_other_and_likelier_texts_than_the_greedy_decoder(folders: list[Path]) -> None:
    better = []
    for folder in folders:
        recognizer = load(folder, beam_size=5)
        states, prompts = encoded(recognizer, clips())
        greedy = recognizer._decoder.search(states, prompts, 1, MOST)
        beams = recognizer._decoder.search(states, prompts, 5, MOST)
        better += [
            new.logprob / max(1, len(new.ids)) - old.logprob / max(1, len(old.ids))
            for new, old in zip(beams, greedy, strict=True)
            if new.ids != old.ids
        ]
    assert len(better) > 3
    assert np.mean(better) > 0


def test_one_beam_is_the_greedy_decoder_to_the_token(folders: list[Path]) -> None:
    for folder in folders:
        greedy = load(folder)
        recognizer = load(folder, temperatures=(0.0,))
        states, prompts = encoded(recognizer, clips())
        expected = [one.ids for one in greedy.infer(greedy.prepare(clips()))]
        assert [one.ids for one in recognizer._decoder.search(states, prompts, 1, 36)] == expected


@pytest.mark.parametrize("options", [{"beam_size": 4}, {"temperatures": (0.7,)}, {"temperatures": (0.0,)}])
def test_one_clip_at_a_time_gives_the_texts_of_the_batch(folders: list[Path], options: dict[str, Any]) -> None:
    recognizer = load(folders[1], **options)
    batch = texts(recognizer, clips())
    assert [texts(recognizer, [clip])[0] for clip in clips()] == batch
    assert texts(recognizer, clips()[::-1]) == batch[::-1]


def test_log_probabilities_are_those_of_the_texts(folders: list[Path]) -> None:
    recognizer = load(folders[0], temperatures=(0.8,))
    states, prompts = encoded(recognizer, clips())
    for found in (
        recognizer._decoder.search(states, prompts, 3, MOST),
        recognizer._decoder.sample(states, prompts, 0.8, [seed_of(clip) for clip in clips()], MOST),
    ):
        assert any(one.ended for one in found)
        for row, prompt, one in zip(states, prompts.tolist(), found, strict=True):
            tokens = [*one.ids, *([recognizer._decoder._eos] if one.ended else [])]
            total = sum(
                next_logprobs(recognizer, row, tokens[:place], prompt)[token].item()
                for place, token in enumerate(tokens)
            )
            assert one.logprob == pytest.approx(total, abs=1e-3)


def test_tokens_are_drawn_by_their_probability(folders: list[Path]) -> None:
    recognizer = load(folders[2], temperatures=(1.0,))
    states, prompts = encoded(recognizer, clips(1))
    many, temperature = 800, 0.7
    rows = [0] * many
    found = recognizer._decoder.sample(states[rows], prompts[rows], temperature, [f"{n}" for n in range(many)], 1)
    logprobs = next_logprobs(recognizer, states[0], (), prompts[0].tolist())
    expected = (logprobs / temperature).softmax(-1)
    counts = torch.bincount(torch.tensor([one.ids[0] for one in found]), minlength=len(expected))
    assert not counts[expected == 0].any()
    common = expected > 0.05
    assert common.sum() >= 2
    errors = (counts / many - expected)[common].abs() / (expected * (1 - expected) / many).sqrt()[common]
    assert errors.max() < 4


def test_no_speech_is_what_the_model_says_after_the_start(folders: list[Path]) -> None:
    recognizer = load(folders[0], temperatures=(0.0,))
    states, prompts = encoded(recognizer, clips())
    token = recognizer._tokenizer.convert_tokens_to_ids("<|nospeech|>")
    logits = recognizer._decoder.next_logits(states, prompts[:, :1])
    found = recognizer._decoder.search(states, prompts, 1, 4)
    assert [one.no_speech for one in found] == pytest.approx(logits.softmax(-1)[:, token].tolist(), rel=1e-4)


def test_a_text_that_fails_is_drawn_again_and_one_that_passes_is_not(
    folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acento.families.whisper.fallback.LEAST_LIKELY", -0.42)  # what three of the texts reach
    recognizer = load(folders[0], temperatures=TEMPERATURES)
    tried: list[tuple[float, int]] = []
    inner = recognizer._decoder.sample

    def sample(states: Any, prompts: Any, temperature: float, seeds: Any, most: int) -> list[Attempt]:
        tried.append((temperature, len(states)))
        return inner(states, prompts, temperature, seeds, most)

    recognizer._decoder.sample = sample  # type: ignore[method-assign]
    greedy = texts(load(folders[0]), clips())
    found = texts(recognizer, clips())
    assert tried == [(0.4, 4), (0.8, 4)]
    assert [new == old for new, old in zip(found, greedy, strict=True)].count(True) >= 3
    assert found != greedy
    assert [texts(recognizer, [clip])[0] for clip in clips()] == found


@pytest.mark.parametrize("options", [{"beam_size": 3}, {"temperatures": TEMPERATURES}])
def test_it_searches_in_short_windows_too(folders: list[Path], options: dict[str, Any]) -> None:
    recognizer = load(folders[0], fit=Fit(margin_s=0.2, shortest_s=0.5), **options)
    audio = clips()[:3]
    context = recognizer.context(audio)
    assert context is not None
    short = recognizer.finish(recognizer.infer(recognizer.prepare_in(audio, context)))
    assert len(short) == 3
    planned = [PlannedClip(str(row), 1.0, "", "", row) for row in range(3)]
    decoded = Engine(recognizer, batch_size=3).decode([planned], lambda clip: audio[clip.row])
    whole = texts(recognizer, audio)
    expected = [
        again if is_runaway(heard) else heard.text for heard, again in zip(short, whole, strict=True)
    ]  # the engine's own second try
    assert [one.text for one in decoded.predictions] == expected


def test_languages_are_guessed_and_spoken_languages_told(folders: list[Path]) -> None:
    recognizer, greedy = load(folders[1], beam_size=3), load(folders[1])
    assert recognizer.spoken_languages(recognizer.prepare(clips(2))) == greedy.spoken_languages(
        greedy.prepare(clips(2))
    )


def test_a_model_without_a_token_for_no_speech_never_takes_a_window_for_silence(
    folders: list[Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(folders[1], tmp_path / "m")
    tokenizer = json.loads((folder / "tokenizer.json").read_text().replace("<|nospeech|>", "<|other|>"))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    recognizer = load(folder, temperatures=TEMPERATURES)
    assert recognizer._decoder._no_speech is None
    assert all(texts(recognizer, clips()))


GOLDEN = {
    "beams": "bgggbbggg|gggggggg|bggbbbgbgbgg|bgggbbgggggg",
    "temperatures": "bggbgggghgggggg|b|bgggbbgggggg|bggbbbggggg",
}


def test_golden_texts(folders: list[Path]) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` of the family, then these texts."""
    assert "|".join(texts(load(folders[0], beam_size=5), clips(4))) == GOLDEN["beams"]
    assert "|".join(texts(load(folders[0], temperatures=(0.8,)), clips(4))) == GOLDEN["temperatures"]


def test_draws_follow_from_samples_alone() -> None:
    one, other = np.zeros(160, np.float32), np.zeros(161, np.float32)
    assert seed_of(one) == seed_of(one.copy()) != seed_of(other)
    assert random.Random(f"{seed_of(one)} 0.2").random() == random.Random(f"{seed_of(one)} 0.2").random()
