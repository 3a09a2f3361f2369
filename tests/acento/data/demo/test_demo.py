"""The demo data set: its counts, what its splits may not share, its accent, and that it never changes."""

from __future__ import annotations

import csv
import doctest
import hashlib
import importlib
import multiprocessing
import re
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from acento.core.errors import AcentoError
from acento.core.progress import Progress, listening
from acento.data.demo import clips, demo_clips, write_demo
from acento.data.demo.clips import COUNTS
from acento.data.demo.grammar import ADJECTIVES, NAMES, NOUNS, STATES, VERBS
from acento.data.demo.sentences import base_sentences, sentences, vocabulary
from acento.data.demo.speech import BASE_SPEAKERS, RULES, SAMPLE_RATE, SPEAKERS, Voice, pronounce, speak
from examples.demo_models.recipe import RECIPES

TEXT = "los vecinos han comprado tres empanadas en la ciudad"


def texts(split: str, accent: str) -> list[str]:
    return [clip.text for clip in demo_clips() if (clip.split, clip.accent) == (split, accent)]


def digest(text: str, voice: Voice) -> str:
    return hashlib.sha256(speak(text, voice).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def base_texts() -> frozenset[str]:
    """Every sentence that either shipped model was trained on."""
    cover = vocabulary(clip.text for clip in demo_clips())
    return frozenset(base_sentences(max(recipe.clips for recipe in RECIPES.values()), cover))


@pytest.mark.parametrize("module", ["clips", "grammar", "sentences", "speech"])
def test_the_examples_in_the_documentation_are_true(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"acento.data.demo.{module}")).failed == 0


def test_there_are_as_many_clips_as_promised() -> None:
    counts = {key: len(texts(*key)) for key in {(clip.split, clip.accent) for clip in demo_clips()}}
    assert counts == {
        ("train", "chilean"): 150,
        ("dev", "chilean"): 60,
        ("test", "chilean"): 150,
        ("test", "neutral"): 300,
    }
    assert sum(COUNTS.values()) == len({clip.uid for clip in demo_clips()}) == 660


def test_no_sentence_stands_in_two_pools(base_texts: frozenset[str]) -> None:
    pools = [frozenset(texts(*key)) for key in {(clip.split, clip.accent) for clip in demo_clips()}]
    assert len(frozenset().union(base_texts, *pools)) == len(base_texts) + sum(map(len, pools))
    assert sum(map(len, pools)) == 660


def test_no_test_voice_is_heard_in_training() -> None:
    train, dev, test = (frozenset(SPEAKERS[split]) for split in ("train", "dev", "test"))
    assert test.isdisjoint(BASE_SPEAKERS)
    assert test.isdisjoint(train)
    assert dev.isdisjoint(train | test)
    assert train.isdisjoint(BASE_SPEAKERS)
    for clip in demo_clips():
        assert clip.speaker in SPEAKERS[clip.split]


def test_voices_that_must_differ_sound_different() -> None:
    speakers = [*BASE_SPEAKERS, *(name for split in SPEAKERS.values() for name in split)]
    assert len({digest("hola", Voice(f"es-419+{name}")) for name in speakers}) == len(speakers)


def test_a_third_of_the_accented_test_words_is_new_after_accented_training() -> None:
    test, train = vocabulary(texts("test", "chilean")), vocabulary(texts("train", "chilean"))
    assert len(test - train) / len(test) >= 1 / 3


def test_the_base_models_have_read_every_word(base_texts: frozenset[str]) -> None:
    assert vocabulary(clip.text for clip in demo_clips()) <= vocabulary(base_texts)


def test_the_vocabulary_is_rich() -> None:
    content = {*NAMES, *(n for pair in NOUNS.values() for words in pair for n in words)}
    content |= {word for words in (*VERBS.values(), *ADJECTIVES.values(), *STATES.values()) for word in words}
    assert len(content) >= 500
    assert len(vocabulary(sentences("base", 3000))) >= 1500


def test_sentences_are_short_lower_case_and_unpunctuated() -> None:
    for clip in demo_clips():
        assert 4 <= len(clip.text.split()) <= 9
        assert set(clip.text) <= set("abcdefghijklmnopqrstuvwxyzáéíóúüñ ")


def test_neutral_clips_are_said_as_they_are_written_and_accented_ones_are_not() -> None:
    for clip in demo_clips():
        assert clip.spoken == (clip.text if clip.accent == "neutral" else pronounce(clip.text))
    accented = [clip for clip in demo_clips() if clip.accent == "chilean"]
    changed = sum(a != b for clip in accented for a, b in zip(clip.text.split(), clip.spoken.split(), strict=True))
    assert changed / sum(len(clip.text.split()) for clip in accented) > 0.3


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("los", "los"),
        ("estos", "ejtos"),
        ("pescado", "pejcao"),
        ("cansados", "cansaos"),
        ("entradas", "enchradas"),
        ("ciudad", "ciudad"),
        ("cuatro", "cuachro"),
        ("noche", "notse"),
        ("gente", "gente"),
        ("queso", "queso"),
        ("doctora", "doutora"),
        ("casa", "casa"),
        ("todavía", "todavía"),
    ],
)
def test_the_accent_says_a_word_its_own_way(word: str, said: str) -> None:
    assert pronounce(word) == said


def test_every_rule_of_the_accent_is_heard_in_training_and_in_test() -> None:
    for name, (pattern, _) in RULES.items():
        for split in ("train", "test"):
            assert any(re.search(pattern, word) for word in vocabulary(texts(split, "chilean"))), (name, split)


def test_speech_is_the_same_whatever_was_spoken_before() -> None:
    voice = Voice("es-419+f2", rate=158)
    first = digest(TEXT, voice)
    speak("otra frase más larga con otra voz", Voice("es-419+m7", rate=200, pitch=80))
    assert digest(TEXT, voice) == first


@pytest.mark.slow
def test_speech_is_the_same_in_threads_and_in_other_processes() -> None:
    voice = Voice("es-419+m2")
    heard: list[str] = []
    threads = [threading.Thread(target=lambda: heard.append(digest(TEXT, voice))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        heard.append(pool.apply(digest, (TEXT, voice)))
    assert len(heard) == 5
    assert set(heard) == {digest(TEXT, voice)}


def test_speech_is_audible_and_fits_the_models_window() -> None:
    longest = max((clip for clip in demo_clips()), key=lambda clip: len(clip.spoken))
    samples = speak(longest.spoken, Voice(longest.voice.name, rate=150))
    assert samples.dtype == np.int16
    assert 1.0 < len(samples) / SAMPLE_RATE < 5.0
    assert np.abs(samples).max() > 3000


def test_a_voice_that_does_not_exist_is_named() -> None:
    with pytest.raises(AcentoError, match=r"no voice named 'xx\+nobody'"):
        speak("hola", Voice("xx+nobody"))


def test_a_missing_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import espeakng_loader

    monkeypatch.setattr(espeakng_loader, "get_library_path", lambda: "/nowhere/libespeak-ng.so")
    with pytest.raises(AcentoError, match="pip install espeakng-loader"):
        speak("hola", Voice("es-419"))


def test_the_folder_has_each_clip_with_its_text_and_three_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = demo_clips()[148:152] + demo_clips()[209:213] + demo_clips()[-2:]
    monkeypatch.setattr(clips, "demo_clips", lambda: few)
    steps: list[Progress] = []
    with listening(steps.append):
        write_demo(tmp_path / "a")
    assert [(step.done, step.total) for step in steps] == [(i, len(few)) for i in range(1, len(few) + 1)]
    listed = []
    for split in ("train", "dev", "test"):
        with (tmp_path / "a" / f"{split}_files.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["accent"] for row in rows} <= {"chilean", "neutral"}
        assert {row["language"] for row in rows} == {"es"}
        for row in rows:
            assert (tmp_path / "a" / f"{row['uid']}.txt").read_text(encoding="utf-8").strip() == row["text"]
            with wave.open(str(tmp_path / "a" / row["file_name"])) as audio:
                assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (1, 2, SAMPLE_RATE)
        listed += [row["uid"] for row in rows]
    assert sorted(listed) == sorted(clip.uid for clip in few)
    assert len(list((tmp_path / "a").iterdir())) == 2 * len(few) + 3

    write_demo(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
