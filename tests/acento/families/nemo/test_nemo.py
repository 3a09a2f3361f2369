"""NeMo's models on archives made here, against NeMo's own ``transcribe``; texts are words, learned by heart."""

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import yaml
from eight_clips import TEXTS, eight_clips
from tiny_nemo import KINDS, make_nemo

from acento.core.errors import DataError, ModelError
from acento.families.nemo.archive import find
from acento.families.nemo.recognizer import NemoRecognizer
from acento.families.nemo.tokens import LetterTokens, PieceTokens, read_writing
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from tests.acento.families.overfitted import mixed, overfit, texts

pytestmark = pytest.mark.nemo
torch.set_num_threads(1)
CANARIES = [kind for kind in KINDS if kind.startswith("canary")]

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root, made = tmp_path_factory.mktemp("random"), dict[str, Path]()

    def find_one(kind: str) -> Path:
        if kind not in made:
            made[kind] = make_nemo(root / kind, kind=kind)
        return made[kind]

    return find_one


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, random_weights: Made) -> Made:
    root, made = tmp_path_factory.mktemp("by-heart"), dict[str, Path]()

    def find_one(kind: str) -> Path:
        if kind not in made:
            made[kind] = overfit(random_weights(kind), root / kind, learning_rate=3e-3)
        return made[kind]

    return find_one


def load(folder: Path, **options: Any) -> NemoRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**{"language": "es", **options}))
    assert isinstance(recognizer, NemoRecognizer)
    return recognizer


def theirs(recognizer: NemoRecognizer, audio: list[Any], batch_size: int = 8) -> list[str]:
    """Return what NeMo's own transcribe writes."""
    told = {"source_lang": "es", "target_lang": "es"} if recognizer.kind == "multitask" else {}
    found = recognizer.model.transcribe(audio, batch_size=batch_size, verbose=False, num_workers=0, **told)
    return [" ".join(one.text.split()) for one in found]


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_what_nemos_transcribe_writes_from_memory(models: Made, kind: str) -> None:
    recognizer = load(models(kind))
    audio = [*map(np.array, eight_clips()), np.concatenate(eight_clips()), np.array(eight_clips()[3][:4000])]
    found = texts(recognizer, audio)  # before theirs, after which NeMo leaves the encoder in training mode
    assert found == theirs(recognizer, audio)
    assert found[: len(TEXTS)] == list(TEXTS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ctc-languages"])
def test_it_writes_what_nemos_transcribe_writes_from_files(models: Made, kind: str, tmp_path: Path) -> None:
    """Below a second NeMo's two ways differ by a sample; of two languages it asks a manifest."""
    recognizer = load(models(kind))
    audio = [np.round(clip * 32767).astype(np.int16) for clip in eight_clips() if len(clip) >= 16000]
    for number, samples in enumerate(audio):
        soundfile.write(tmp_path / f"{number}.wav", samples, 16000)
    files = [str(tmp_path / f"{number}.wav") for number in range(len(audio))]
    read = [soundfile.read(file, dtype="float32")[0] for file in files]
    assert len(read) > 2
    found = texts(recognizer, read)
    assert found == theirs(recognizer, files)


@pytest.mark.parametrize("kind", KINDS)
def test_batches_and_random_numbers_change_no_text_and_come_to_no_harm(models: Made, kind: str) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    recognizer = load(models(kind))
    together = texts(recognizer, mixed(None))
    assert together == [texts(recognizer, [clip])[0] for clip in mixed(None)]
    assert together == texts(recognizer, mixed(None))
    assert together[-1] == ""
    assert torch.equal(before, torch.get_rng_state())
    assert not any(module.training for module in recognizer.model.modules())


@pytest.mark.parametrize("kind", ["ctc", "tdt", "canary"])
def test_what_is_too_short_to_hear_has_no_text_and_the_rest_has(models: Made, kind: str) -> None:
    recognizer = load(models(kind))
    nothing = [np.zeros(n, np.float32) for n in (0, 1, 319)]
    assert texts(recognizer, nothing) == ["", "", ""]
    assert texts(recognizer, [nothing[0], eight_clips()[3], nothing[1]]) == ["", TEXTS[3], ""]
    assert len(texts(recognizer, [np.zeros(16000, np.float32), eight_clips()[0][:1600]])) == 2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_writes_the_same_words_with_features_in_float32(models: Made, kind: str, dtype: Any) -> None:
    recognizer = load(models(kind), dtype=dtype)
    assert {parameter.dtype for parameter in recognizer.model.parameters()} == {getattr(torch, dtype)}
    assert recognizer.model.preprocessor.featurizer.fb.dtype == torch.float32
    found = texts(recognizer, eight_clips())
    assert sum(text == expected for text, expected in zip(found, TEXTS, strict=True)) >= 7


@pytest.mark.parametrize("kind", CANARIES)
@pytest.mark.parametrize("task", ["transcribe", "translate"])
def test_canary_is_told_what_nemos_prompt_formatter_says(models: Made, kind: str, task: Any) -> None:
    recognizer = load(models(kind), task=task)
    slots = {
        **{"source_lang": "es", "target_lang": "es" if task == "transcribe" else "en", "pnc": "yes"},
        **{"task": task, "decodercontext": "", "emotion": "<|emo:undefined|>"},
        **{"itn": "no", "timestamp": "no", "diarize": "no", "prompt_language": "spl_tokens"},
    }
    turns = [
        {"role": "user", "slots": slots},
        {"role": "assistant", "slots": {"text": "la luz", "prompt_language": "es"}},
    ]
    expected = recognizer.model.prompt.encode_dialog(turns)
    writing = read_writing(models(kind), DecodeOptions(language="es", task=task))
    assert list(writing.prompt) == expected["context_ids"].tolist()
    if task == "transcribe":
        assert [*writing.tokens.write("la luz"), *writing.end] == expected["answer_ids"].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_the_models_own_tokenizer(random_weights: Made, kind: str) -> None:
    recognizer = load(random_weights(kind))
    tokens = read_writing(random_weights(kind), DecodeOptions(language="es")).tokens
    for text in ("la casa de la luz", "mañana", "áéíóúüñ"):
        if kind == "ctc-letters":
            assert "".join(recognizer.model.cfg.labels[number] for number in tokens.write(text)) == text
        elif isinstance(tokens, PieceTokens) and (kind in ("ctc-languages", "canary", "canary2")):
            assert tokens.write(text) == recognizer.model.tokenizer.text_to_ids(text, "es")
        else:
            assert tokens.write(text) == recognizer.model.tokenizer.text_to_ids(text)


def test_a_text_is_written_with_what_the_tokenizer_has(random_weights: Made) -> None:
    for tokens in (
        LetterTokens([" ", *"abcdeé"]),
        read_writing(random_weights("ctc"), DecodeOptions()).tokens,
    ):
        assert tokens.write("¡Cabé, a!") == tokens.write("cabé a") == tokens.encode("cabé a")
        assert tokens.write("e\u0301") == tokens.encode("é"), "an accent of its own is the same letter"
        with pytest.raises(DataError, match="cannot write ж, 7: 'ca ж7'"):
            tokens.write("ca ж7")


@pytest.mark.parametrize("kind", ["ctc-languages", "canary", "canary2"])
def test_a_language_that_it_lacks_is_refused_with_those_it_has(random_weights: Made, kind: str) -> None:
    with pytest.raises(ModelError, match="does not know language 'xx'; it knows en, es"):
        load(random_weights(kind), language="xx")
    assert load(random_weights(kind), language="es-CL").kind in ("ctc", "multitask")


def test_with_one_tokenizer_the_languages_are_those_with_a_token(random_weights: Made) -> None:
    with pytest.raises(ModelError, match="does not know language 'xx'; it knows en, es, sv"):
        load(random_weights("canary2-one-tokenizer"), language="xx")


@pytest.mark.parametrize("kind", CANARIES)
def test_canary_must_be_told_the_language(random_weights: Made, kind: str) -> None:
    with pytest.raises(ModelError, match="must be told which language it hears: give --language"):
        load(random_weights(kind), language=None)


@pytest.mark.parametrize("kind", ["ctc", "tdt", "hybrid"])
def test_what_only_transcribes_refuses_to_translate(random_weights: Made, kind: str) -> None:
    with pytest.raises(ModelError, match="knows no task 'translate'"):
        load(random_weights(kind), task="translate")
    assert load(random_weights(kind), language="xx").window_s == 120, "its file says nothing of languages"


def test_other_prompts_are_refused(tmp_path: Path) -> None:
    folder = make_nemo(tmp_path / "m", kind="canary")
    changed(folder, lambda config: config | {"prompt_format": "plain"})
    with pytest.raises(ModelError, match="prompts of format 'plain'; Acento knows canary, canary2"):
        load(folder)


def changed(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]], weights: bytes | None = None) -> None:
    """Pack an archive anew with another config or other weights."""
    path, work = find(folder), folder / "work"
    with tarfile.open(path) as archive:
        archive.extractall(work, filter="data")
    config = yaml.safe_load((work / "model_config.yaml").read_text(encoding="utf-8"))
    (work / "model_config.yaml").write_text(yaml.safe_dump(change(config), allow_unicode=True), encoding="utf-8")
    if weights is not None:
        (work / "model_weights.ckpt").write_bytes(weights)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(work, arcname=".")


class Harm:
    """What would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def harmful(path: Path) -> bytes:
    """Return weights as torch saves them, with harm in the pickle."""
    file = io.BytesIO()
    torch.save({"encoder.weight": Harm(path)}, file)
    return file.getvalue()


@pytest.mark.parametrize("how", ["in torch's zip", "a plain pickle"])
@pytest.mark.parametrize("asked", [None, "1"])
def test_a_malicious_pickle_is_refused_and_runs_nothing(
    tmp_path: Path, how: str, asked: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if asked is not None:
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", asked)
    folder = make_nemo(tmp_path / "m")
    weights = harmful(tmp_path / "harm") if how == "in torch's zip" else pickle.dumps(Harm(tmp_path / "harm"))
    changed(folder, lambda config: config, weights)
    with pytest.raises(ModelError, match=r"^The weights in NeMo model .* are damaged or hold more than tensors"):
        load(folder)
    assert not (tmp_path / "harm").exists()
    pickle.loads(weights) if how == "a plain pickle" else torch.load(weights_in(folder), weights_only=False)
    assert (tmp_path / "harm").exists(), "the test says nothing if the pickle does no harm"


def weights_in(folder: Path) -> Path:
    return folder / "work" / "model_weights.ckpt"


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    other = make_nemo(tmp_path / "other", width=48)
    changed(other, lambda config: config)
    folder = make_nemo(tmp_path / "m")
    changed(folder, lambda config: config, weights_in(other).read_bytes())
    with pytest.raises(ModelError, match=r"do not belong to its config: .* such as decoder\.decoder_layers\.0\.weight"):
        load(folder)


def test_a_config_that_nemo_cannot_build_from_is_said_in_a_sentence(tmp_path: Path) -> None:
    folder = make_nemo(tmp_path / "m")
    changed(folder, lambda config: config | {"encoder": config["encoder"] | {"self_attention_model": "psychic"}})
    with pytest.raises(ModelError, match=r"^NeMo model .* cannot be loaded"):
        load(folder)


def test_a_file_and_the_folder_it_lies_in_are_the_same_model(random_weights: Made) -> None:
    file = find(random_weights("ctc"))
    assert resolve(str(file)).family.name == resolve(str(random_weights("ctc"))).family.name == "nemo"
    assert texts(load(file), eight_clips()) == texts(load(random_weights("ctc")), eight_clips())


def test_a_beam_with_its_language_model_in_the_config_is_decoded_greedily(models: Made, tmp_path: Path) -> None:
    folder = shutil.copytree(models("ctc"), tmp_path / "m")
    beam = {"strategy": "beam", "beam": {"beam_size": 4, "ngram_lm_model": "/nowhere/lm.bin"}}
    changed(folder, lambda config: config | {"decoding": beam})
    assert texts(load(folder), eight_clips()) == list(TEXTS)


def test_loading_and_decoding_print_nothing_and_leave_warnings_alone(random_weights: Made) -> None:
    script = (
        "import json, sys, warnings, logging, numpy as np\n"
        "shown = warnings.showwarning\n"
        "from acento.families.nemo.recognizer import load\n"
        "from acento.models.base import DecodeOptions\n"
        "from pathlib import Path\n"
        "for folder in json.loads(sys.argv[1]):\n"
        "    r = load(Path(folder), DecodeOptions(language='es'))\n"
        "    r.warm_up(2)\n"
        "    r.finish(r.infer(r.prepare([np.ones(32000, np.float32)])))\n"
        "    r.close()\n"
        "assert warnings.showwarning is shown\n"
        "assert logging.root.manager.disable == 0\n"
    )
    folders = json.dumps([str(random_weights(kind)) for kind in ("ctc", "hybrid", "canary")])
    done = subprocess.run([sys.executable, "-c", script, folders], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_audio_of_any_length_is_heard(random_weights: Made) -> None:
    recognizer = load(random_weights("ctc"))
    long: Audio = np.tile(np.concatenate(eight_clips()), 6)  # longer than the positions it was made with
    assert len(long) > 40 * 16000
    assert len(texts(recognizer, [long, eight_clips()[0]])) == 2


GOLDEN = {
    "ctc-letters": "gglólkhóél|ééuéléggié|gigiégiéagl",
    "ctc": "wbebe|e weqe wp w|we wje wje",
    "tdt": "ó á á á á|á á á á á áizi á|ppp x á á áü á",
    "canary2": "ü óóóó wbg wb á ó ó|w w w w w w w w w w|wü g l w w w w w w w",
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_texts(random_weights: Made, kind: str) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    found = texts(load(random_weights(kind)), eight_clips()[4:7])
    assert "|".join(text[:20].strip() for text in found) == GOLDEN[kind]
