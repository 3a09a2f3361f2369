"""Parakeet's transducers on checkpoints made here, against transformers' own generate and losses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from eight_clips import TEXTS, eight_clips
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from acento.core.errors import ModelError
from acento.families.nemo.transducer_loss import rnnt_loss
from acento.families.parakeet.recognizer import TransducerRecognizer
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.resolver import resolve
from acento.training.planning import load_labeler
from tests.acento.families.overfitted import mixed, texts
from tests.acento.families.tiny_parakeet import make_parakeet

torch.set_num_threads(1)
KINDS = ("rnnt", "tdt")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("parakeet")
    return {kind: make_parakeet(root / kind, kind=kind, spread=0.3) for kind in KINDS}


def load(folder: Path, **options: object) -> TransducerRecognizer:
    checkpoint = resolve(str(folder))
    recognizer = checkpoint.family.load(checkpoint.folder, DecodeOptions(**options))  # type: ignore[arg-type]
    assert isinstance(recognizer, TransducerRecognizer)
    return recognizer


def clips(count: int = 6, longest_s: float = 1.5) -> list[Audio]:
    random = np.random.default_rng(5)
    lengths = np.linspace(0.4, longest_s, count) * 16000
    return [
        (0.1 * random.standard_normal(int(n)) * np.sin(np.arange(int(n)) / (20 + 9 * i))).astype(np.float32)
        for i, n in enumerate(lengths)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_it_writes_what_transformers_generate_writes_for_one_clip(folders: dict[str, Path], kind: str) -> None:
    from transformers import ParakeetProcessor

    recognizer, processor = load(folders[kind]), ParakeetProcessor.from_pretrained(folders[kind])
    expected = []
    for clip in clips(4):
        inputs = processor([clip], sampling_rate=16000)
        made = recognizer.model.generate(**inputs)
        expected.append(processor.batch_decode(made.sequences, skip_special_tokens=True)[0].strip())
    assert texts(recognizer, clips(4)) == expected
    assert len(set(expected)) > 1, "the test says nothing if every clip has the same text"


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_mixed_lengths_writes_what_each_clip_alone_does(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    assert texts(recognizer, clips()) == [texts(recognizer, [clip])[0] for clip in clips()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_however_short_or_silent_has_a_text(folders: dict[str, Path], kind: str) -> None:
    recognizer = load(folders[kind])
    audio = [np.zeros(n, np.float32) for n in (0, 1, 1600, 16000)]
    assert texts(recognizer, audio) == [texts(recognizer, [one])[0] for one in audio]


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_decodes(folders: dict[str, Path], kind: str) -> None:
    assert any(texts(load(folders[kind], dtype="bfloat16"), clips(3)))


def test_it_cannot_translate_nor_learn(folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="knows no task 'translate'"):
        load(folders["tdt"], task="translate")
    checkpoint = resolve(str(folders["tdt"]))
    with pytest.raises(ModelError, match="'parakeet-transducer' cannot be fine-tuned yet"):
        load_labeler(checkpoint.family, checkpoint.folder, "es")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_with_what_it_learned_by_heart_it_writes_words(kind: str, tmp_path: Path) -> None:
    """TDT by the model's own loss, whose labels must be padded with the padding's id; RNN-T's wants another package."""
    folder = make_parakeet(tmp_path / "random", kind=kind)
    learn(folder, tmp_path / "learned", kind)
    recognizer = load(tmp_path / "learned")
    assert texts(recognizer, eight_clips()) == list(TEXTS)
    assert texts(recognizer, mixed(None)) == [texts(recognizer, [clip])[0] for clip in mixed(None)]


def learn(folder: Path, out: Path, kind: str) -> None:
    """Let a transducer learn the eight clips by heart and save it."""
    from transformers import ParakeetProcessor

    recognizer, processor = load(folder), ParakeetProcessor.from_pretrained(folder)
    model, config = recognizer.model, recognizer.model.config
    features = recognizer.prepare(eight_clips())
    frames = torch.tensor([one.shape[1] for one in features])
    inputs = {
        "input_features": pad_sequence([one.T for one in features], batch_first=True),
        "attention_mask": torch.arange(int(frames.max())) < frames[:, None],
    }
    ids = [torch.tensor(processor.tokenizer(text, add_special_tokens=False).input_ids) for text in TEXTS]
    labels = pad_sequence(ids, batch_first=True, padding_value=config.pad_token_id)
    given = torch.cat([torch.full((len(ids), 1), config.blank_token_id), labels], dim=1)
    lengths = torch.tensor([len(one) for one in ids])
    steps = model._get_subsampling_output_length(frames)

    def loss() -> Tensor:
        if kind == "tdt":
            return model(**inputs, decoder_input_ids=given, labels=labels).loss
        logits = model(**inputs, decoder_input_ids=given).logits
        return (rnnt_loss(logits, labels, steps, lengths, blank=config.blank_token_id) / lengths).mean()

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(1, 401):
        optimizer.zero_grad()
        made = loss()
        made.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0 and made.item() < 0.1 and texts(recognizer, eight_clips()) == list(TEXTS):
            break
    model.save_pretrained(out)
    processor.save_pretrained(out)


GOLDEN = {
    "rnnt": "|mmmmmmmmmmmmmmmmmmmmqmmmmmmmmmm",
    "tdt": "ii|iii",
}


@pytest.mark.parametrize("kind", KINDS)
def test_golden_texts(folders: dict[str, Path], kind: str) -> None:
    """If this fails, decoding has changed: raise ``decoding_version`` in ``families.py``, then these texts."""
    assert "|".join(texts(load(folders[kind]), clips(2, 0.6))) == GOLDEN[kind]
