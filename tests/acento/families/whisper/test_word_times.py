"""Times of words, prompts and hotwords of a Whisper, on transformers and on CTranslate2."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from tiny_whisper import make_whisper

from acento.core.errors import ModelError
from acento.data.demo import demo_clips
from acento.data.demo.speech import SAMPLE_RATE, speak_words
from acento.data.words import Word, text_of
from acento.families.whisper.convert import convert
from acento.families.whisper.timing import alignment_heads, positions_of
from acento.models.base import Audio, DecodeOptions, Recognizer, Transcript
from acento.models.checkpoints.resolver import resolve
from acento.models.windows import Fit
from acento.scoring.counting.word_times import TimeErrors, time_errors

MODEL = "demo:whisper-mini"
ENGINES = ("transformers", "ctranslate2")


def spoken(count: int, lead_s: float = 0.0) -> tuple[list[Audio], list[list[Word]]]:
    """Return clips of the demo, with the times of their words."""
    audio, words = [], []
    for clip in [clip for clip in demo_clips() if clip.accent == "neutral"][:count]:
        samples, said = speak_words(clip.spoken, clip.voice)
        heard = soxr.resample(samples.astype(np.float32) / 32768, SAMPLE_RATE, 16000).astype(np.float32)
        audio.append(np.concatenate([np.zeros(int(lead_s * 16000), np.float32), heard]))
        words.append([Word(word.text, word.start + lead_s, word.end + lead_s) for word in said])
    return audio, words


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("ctranslate2")
    convert(resolve(MODEL), folder, "ctranslate2", "float32")
    return {"transformers": MODEL, "ctranslate2": str(folder)}


def load(name: str, **options: Any) -> Recognizer:
    checkpoint = resolve(name)
    return checkpoint.family.load(checkpoint.folder, DecodeOptions(**{"language": "es", "words": True, **options}))


def heard(recognizer: Recognizer, audio: list[Audio]) -> list[Transcript]:
    return recognizer.finish(recognizer.infer(recognizer.prepare_in(audio, recognizer.context(audio))))


@pytest.mark.parametrize("fit", [None, Fit(margin_s=0.5)])
@pytest.mark.parametrize("engine", ENGINES)
def test_words_of_synthesized_speech_are_found_within_50_ms(
    folders: dict[str, str], engine: str, fit: Fit | None
) -> None:
    audio, known = spoken(6)
    found = heard(load(folders[engine], fit=fit), audio)
    errors = sum(map(time_errors, known, (one.words for one in found)), TimeErrors())
    assert len(errors.starts) > 0.8 * errors.words
    assert errors.median_s is not None
    assert errors.median_s < 0.05
    assert all(text_of(one.words) == one.text for one in found)
    assert all(one.language == "es" for one in found)
    assert all(one.logprob is not None and -1 < one.logprob < 0 for one in found)
    assert all(one.no_speech is not None and 0 <= one.no_speech < 0.1 for one in found)


def test_both_engines_say_the_same_of_words(folders: dict[str, str]) -> None:
    audio, _ = spoken(4)
    ours, theirs = (heard(load(folders[engine]), audio) for engine in ENGINES)
    for one, other in zip(ours, theirs, strict=True):
        assert one.text == other.text
        assert one.logprob == pytest.approx(other.logprob, abs=1e-3)
        assert one.no_speech == pytest.approx(other.no_speech, abs=1e-3)
        pairs = list(zip(one.words, other.words, strict=True))
        apart = [abs(mine.start - theirs.start) for mine, theirs in pairs]
        assert sorted(apart)[len(apart) // 2] <= 0.02
        # CTranslate2 gives probabilities among all tokens, also those that are never written
        assert all(mine.probability == pytest.approx(theirs.probability, abs=0.05) for mine, theirs in pairs)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_text_that_fills_all_positions_has_words_too(engine: str, tmp_path: Path) -> None:
    make_whisper(tmp_path / "runaway", seed=4, window_s=2)
    convert(resolve(str(tmp_path / "runaway")), tmp_path / "ctranslate2", "ctranslate2", "float32")
    recognizer = load(str(tmp_path / ("ctranslate2" if engine == "ctranslate2" else "runaway")))
    (written,) = recognizer.infer(recognizer.prepare([np.random.default_rng(0).normal(size=32_000).astype(np.float32)]))
    assert not written.ended
    (one,) = recognizer.finish([written])
    assert text_of(one.words) == one.text


@pytest.mark.parametrize("search", [{"beam_size": 3}, {"temperatures": (0.0, 0.5)}])
@pytest.mark.parametrize("engine", ENGINES)
def test_searched_texts_have_words_too(folders: dict[str, str], engine: str, search: dict[str, Any]) -> None:
    audio, _ = spoken(2)
    for one in heard(load(folders[engine], **search), audio):
        assert text_of(one.words) == one.text
        assert one.words


@pytest.mark.parametrize("options", [{}, {"beam_size": 2}])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_prompt_changes_what_may_come_and_is_no_text(
    folders: dict[str, str], engine: str, options: dict[str, Any]
) -> None:
    audio, _ = spoken(3)
    recognizer = load(folders[engine], prompt="la vecina de Valparaíso", hotwords=("Ñuñoa", "cazuela"), **options)
    for one in heard(recognizer, audio):
        assert "valparaíso" not in one.text.lower()
        assert text_of(one.words) == one.text


def test_hotwords_stand_before_the_prompt_and_both_fill_half_of_the_positions_at_most(tmp_path: Path) -> None:
    folder = make_whisper(tmp_path / "tiny", positions=40)
    load_tiny = resolve(str(folder)).family.load

    def before(**options: Any) -> str:
        found = load_tiny(folder, DecodeOptions(language="es", **options))
        start, *ids = found._prompt.before  # type: ignore[attr-defined]
        assert found._tokenizer.convert_ids_to_tokens(start) == "<|startofprev|>"  # type: ignore[attr-defined]
        assert len(ids) < 20
        return str(found._tokenizer.decode(ids))  # type: ignore[attr-defined]

    assert before(prompt="dicho antes") == " dicho antes"
    assert before(prompt="una frase que es demasiado larga") == "ue es demasiado larga"[-19:]
    assert before(hotwords=("Ana", "Eva"), prompt="dicho antes") == " Ana, Eva" + "icho antes"
    with pytest.raises(ModelError, match=r"The hotwords are 25 tokens of this model, and it takes 19: leave some of"):
        before(hotwords=("Valparaíso", "Concepción"))


def test_without_a_tokenizer_that_writes_ctranslate2_takes_no_prompt(folders: dict[str, str], tmp_path: Path) -> None:
    for path in Path(folders["ctranslate2"]).iterdir():
        if path.name not in ("tokenizer.json", "tokenizer_config.json"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match=r"takes no prompt and no hotwords, as it has no tokenizer\.json"):
        load(str(tmp_path), prompt="hola")
    audio, _ = spoken(2)
    assert [text_of(one.words) for one in heard(load(str(tmp_path)), audio)] == [
        one.text for one in heard(load(folders["ctranslate2"]), audio)
    ]


@pytest.mark.parametrize(("engine", "told"), [("transformers", None), ("transformers", "es"), ("ctranslate2", "es")])
def test_of_silence_and_of_nothing_the_words_are_those_of_the_text(
    folders: dict[str, str], engine: str, told: str | None
) -> None:
    for one in heard(load(folders[engine], language=told), [np.zeros(16000, np.float32), np.zeros(0, np.float32)]):
        assert text_of(one.words) == one.text
        assert all(0 <= word.start <= word.end <= 1 for word in one.words)
        assert one.language in (("de", "en", "es", "fr", "ko", "ru", "zh") if told is None else (told,))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_translation_has_words_too(folders: dict[str, str], engine: str) -> None:
    audio, _ = spoken(2)
    for one in heard(load(folders[engine], task="translate"), audio):
        assert text_of(one.words) == one.text
        assert one.language == "es"


def test_the_heads_are_the_models_own_or_those_of_the_upper_layers() -> None:
    class Generation:
        alignment_heads = ((2, 1), (2, 3), (3, 0), (9, 0))

    assert alignment_heads(Generation(), 4, 4) == {2: [1, 3], 3: [0]}
    assert alignment_heads(Generation(), 2, 2) == {1: [0, 1]}
    assert alignment_heads(object(), 3, 1) == {1: [0], 2: [0]}


def test_positions_hear_the_audio_and_no_more() -> None:
    assert [positions_of(samples, 100) for samples in (0, 1, 320, 321, 99_999)] == [1, 1, 1, 2, 100]
