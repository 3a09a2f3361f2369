"""NeMo's models, from the ``.nemo`` file that they are: CTC, transducers (RNN-T, TDT), hybrids of both, and Canary.

The model is built by NeMo from a config that :mod:`acento.families.nemo.archive` has judged; its weights are read as
tensors only, whatever pickle they stand in. Audio goes in from memory, in batches, and never through files; encoder,
masks and greedy decoding are the model's own, so its texts are those of NeMo's ``transcribe``.
"""

import copy
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from acento.core.errors import ModelError
from acento.data.utterance import SAMPLE_RATE
from acento.families.nemo.archive import WEIGHTS, Kind, describe, find, section, unpack
from acento.families.nemo.tokens import Writing, read_writing
from acento.families.nemo.weights import tensors_in
from acento.models.base import Audio, DecodeOptions
from acento.models.checkpoints.pretrained import TorchRecognizer, explained
from acento.models.timing.frames import frame_timing, timed
from acento.models.timing.words import Timed

WINDOW_S = {"multitask": 40.0}
"""Canary was trained on up to 40 s, and NeMo cuts what is longer into such pieces."""
LONGEST_S = 120.0
"""The other kinds take any length; attention's memory grows with its square, and 24 minutes fill a GPU of 80 GB."""

_SHORTEST = 320
"""Samples below which nothing can be heard: two mel frames."""
_MORE_TOKENS = 50
"""Tokens that Canary may write beyond one for each of its frames, as NVIDIA's configs say."""
_SPECIAL = re.compile(r"<\|[^|>]*\|>|<pad>|<unk>")


@dataclass(frozen=True, slots=True)
class Waveforms:
    """A batch of audio on the host; clips too short to be heard are not in it."""

    samples: Tensor
    """Shape ``(heard clips, samples of the longest)``, float32, zeros at the ends."""
    lengths: Tensor
    places: tuple[int, ...]
    """Where each of them stands among all clips."""
    clips: int
    """How many clips there are in all."""
    leads: tuple[float, ...] = ()
    """Seconds of silence before each heard clip."""


def load(folder: Path, options: DecodeOptions) -> "NemoRecognizer":
    """Load a ``.nemo`` file, or the one that lies in a folder; see :meth:`Family.load`.

    Whatever random numbers building the model draws are put back.
    """
    writing = read_writing(folder, options)
    torch.set_num_threads(options.threads)
    path = find(folder)
    facts, config = describe(path)
    with explained("NeMo", path), quiet(), torch.random.fork_rng(devices=[]):
        from nemo.collections.asr.models import ASRModel

        model = ASRModel.restore_from(
            str(path),
            override_config_path=_for_decoding(config, facts.kind),
            map_location=torch.device("cpu"),
            save_restore_connector=_connector(),
        )
        from nemo.utils.app_state import AppState

        AppState().model_restore_path = None  # a model made from a config later would take itself for a restored one
        if facts.languages and facts.kind != "multitask":
            # NeMo 3.0 asks an aggregate tokenizer for the language of tokens, and does not tell it one itself
            for decoding in (model.decoding, getattr(model, "ctc_decoding", None)):
                if decoding is not None:
                    decoding.decode_ids_to_str = model.tokenizer.ids_to_text
    model.float()
    featurizer = model.preprocessor.featurizer
    featurizer.dither, featurizer.pad_to = 0.0, 0  # as NeMo's transcribe sets them
    dtype = getattr(torch, options.dtype)
    for name, part in model.named_children():
        part.to(options.device_type, torch.float32 if name == "preprocessor" else dtype)
    return NemoRecognizer(model.eval(), facts.kind, writing, options)


class NemoRecognizer(TorchRecognizer):
    """A loaded NeMo model. Its decoding keeps state between calls, so threads take turns."""

    def __init__(self, model: Any, kind: Kind, writing: Writing, options: DecodeOptions) -> None:
        """Take a model that is on its device, in evaluation mode."""
        super().__init__(model)
        self.window_s: float | None = WINDOW_S.get(kind, LONGEST_S)
        self.kind, self.writing = kind, writing
        self._dtype = getattr(torch, options.dtype)
        self._words = options.words and kind != "multitask"  # Canary's attention is inside NeMo's search

    def prepare(self, windows: Sequence[Audio]) -> Waveforms:
        """Return the windows side by side, padded with zeros; features are made on the model's device."""
        places = tuple(place for place, window in enumerate(windows) if len(window) >= _SHORTEST)
        clips = [torch.tensor(padded_to_a_second(windows[place])) for place in places]
        samples = pad_sequence(clips, batch_first=True) if clips else torch.empty(0)
        leads = tuple(max(0, SAMPLE_RATE - len(windows[place])) // 2 / SAMPLE_RATE for place in places)
        return Waveforms(samples, torch.tensor([len(clip) for clip in clips]), places, len(windows), leads)

    @torch.inference_mode()
    def infer(self, features: Waveforms) -> list[str] | list[str | Timed]:
        """Return the text of each clip as the model's own decoding writes it; nothing for what is too short to hear.

        Where words are asked for, with the times of its tokens.
        """
        texts: list[Any] = [""] * features.clips
        if features.places:
            spectrograms, frames = self.spectrograms(features.samples, features.lengths)
            found = self._decode(spectrograms, frames)
            for place, lead, one in zip(features.places, features.leads, found, strict=True):
                texts[place] = replace(one, timing=one.timing.earlier(lead)) if isinstance(one, Timed) else one
        return texts

    def _text(self, ids: str | Sequence[int]) -> str:
        """Return a text without what Canary writes of the prompt's tokens, such as "no speech"."""
        text = ids if isinstance(ids, str) else self._model.decoding.decode_ids_to_str(list(ids))
        return " ".join(_SPECIAL.sub(" ", text).split())

    def _pieces(self, ids: list[int]) -> list[bytes]:
        return self.writing.tokens.pieces(ids)

    def spectrograms(self, samples: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-mel features ``(clips, bins, frames)``, float32, on the model's device, and each clip's frames."""
        features, frames = self._model.preprocessor(
            input_signal=samples.to(self._device), length=lengths.to(self._device)
        )
        return features, frames

    def _decode(self, spectrograms: Tensor, frames: Tensor) -> list[str] | list[Timed]:
        model = self._model
        encoded, lengths = model.encoder(audio_signal=spectrograms.to(self._dtype), length=frames)
        frame_s = _frame_s(model, int(frames.max()), int(lengths.max()))
        if self.kind == "ctc":
            likely = model.decoder(encoder_output=encoded)
            if self._words:
                return [self._timed_path(row[:own], frame_s) for row, own in zip(likely, lengths.tolist(), strict=True)]
            found = model.decoding.ctc_decoder_predictions_tensor(likely, decoder_lengths=lengths)
        elif self.kind == "multitask":
            found = self._written(*decoder_inputs(model, encoded, lengths), lengths)
        else:
            found = model.decoding.rnnt_decoder_predictions_tensor(encoded, lengths, return_hypotheses=self._words)
            if self._words:
                return [_timed_hypothesis(one, model.decoding.blank_id, frame_s) for one in found]
        return [one if isinstance(one, str) else one.text for one in found]

    def _timed_path(self, likely: Tensor, frame_s: float) -> Timed:
        """Return what the best path of a CTC model writes, by log probabilities ``(frames, tokens and blank)``."""
        gains, path = likely.float().log_softmax(dim=-1).max(dim=-1)
        return timed(path.tolist(), gains.tolist(), likely.shape[-1] - 1, frame_s)

    def _written(self, states: Tensor, mask: Tensor, lengths: Tensor) -> list[str]:
        """Return what Canary's decoder writes; how much it may write depends on the clip and not on its neighbors."""
        model, prompt = self._model, torch.tensor(self.writing.prompt, device=self._device)
        training = {part: part.training for part in (model.transf_decoder, model.log_softmax)}
        (found,) = model.decoding.decoding(
            encoder_hidden_states=states,
            encoder_input_mask=mask,
            decoder_input_ids=prompt.repeat(len(states), 1),
        )
        for part, mode in training.items():  # NeMo's search leaves them in training mode
            part.train(mode)
        (end,) = self.writing.end
        texts = []
        for one, frames in zip(found, lengths.tolist(), strict=True):
            ids = one.y_sequence.tolist()[: max(0, frames + _MORE_TOKENS - len(prompt))]
            ids = ids[: ids.index(end)] if end in ids else ids
            # the head has rows to spare, up to a multiple of 8
            ids = [number for number in ids if number < model.tokenizer.vocab_size]
            texts.append(model.decoding.decode_ids_to_str(ids))
        return texts


def _timed_hypothesis(hypothesis: Any, blank: int, frame_s: float) -> Timed:
    """Return what a transducer of NeMo wrote, and at which frames it did; of a TDT also for how many."""
    ids, first = _listed(hypothesis.y_sequence), _listed(hypothesis.timestamp)
    lengths = _listed(hypothesis.token_duration) or [1] * len(ids)
    rows = [row for row in zip(ids, first, lengths, strict=True) if row[0] < blank]
    ids, first, lengths = ([row[place] for row in rows] for place in range(3))
    return Timed(ids, frame_timing(first, lengths, None, frame_s), text=hypothesis.text)


def _listed(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


def _frame_s(model: Any, before: int, after: int) -> float:
    """Return the seconds of an encoder's frame; where it does not say, by the frames that it made of others."""
    factor = getattr(model.encoder, "subsampling_factor", None) or round(before / max(1, after))
    return float(model.preprocessor.featurizer.hop_length * factor / SAMPLE_RATE)


def padded_to_a_second(window: Audio) -> Audio:
    """Return a clip of less than a second in the middle of a second of silence, as NeMo's ``transcribe`` hears it.

    >>> padded_to_a_second(np.ones(15997, np.float32))[:3].tolist()
    [0.0, 1.0, 1.0]
    """
    lacking = max(0, SAMPLE_RATE - len(window))
    return np.pad(window, (lacking // 2, lacking - lacking // 2)) if lacking else window


def decoder_inputs(model: Any, encoded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return what Canary's decoder attends to, ``(clips, frames, width)``, and its mask, as NeMo makes them."""
    states = model.encoder_decoder_proj(encoded.transpose(1, 2))
    mask = (torch.arange(states.shape[1], device=states.device) < lengths[:, None]).to(states.dtype)
    if model.use_transf_encoder:
        states = model.transf_encoder(encoder_states=states, encoder_mask=mask)
    return states, mask


@contextmanager
def quiet() -> Iterator[None]:
    """Keep NeMo and Lightning from writing: they fill pages when they are imported and when a model loads."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from nemo.utils import logging as nemo_logging

            nemo_logging.captureWarnings(False)  # it would take everybody's warnings for its own log
            nemo_logging.setLevel(logging.CRITICAL)
            yield
    finally:
        logging.disable(before)


def _for_decoding(config: dict[str, Any], kind: Kind) -> Any:
    """Return a config for building a model whose decoding is greedy, in batches.

    A checkpoint's own way to decode may ask for a beam, for packages that are not installed or for language models in
    other files.
    """
    from omegaconf import OmegaConf

    changed = copy.deepcopy(config)
    changed["decoding"] = _greedy(section(changed, "decoding"), kind)
    if isinstance(changed.get("aux_ctc"), dict):
        changed["aux_ctc"]["decoding"] = _greedy({}, "ctc")
    return OmegaConf.create(changed)


def _greedy(given: dict[str, Any], kind: Kind) -> dict[str, Any]:
    """Return a section for greedy decoding in batches that keeps what belongs to the model and not to the search."""
    chosen: dict[str, Any] = {"strategy": "greedy_batch"}
    if kind == "ctc":
        return chosen
    if kind == "multitask":
        return chosen | {
            "greedy": {"temperature": None, "max_generation_delta": _MORE_TOKENS, "n_samples": 1},
            "beam": {"beam_size": 1},
        }
    chosen |= {key: given[key] for key in ("model_type", "durations", "big_blank_durations") if key in given}
    most = section(given, "greedy").get("max_symbols")
    return chosen | {"greedy": {"max_symbols": 10 if most is None else most}, "beam": {"beam_size": 1}}


def _connector() -> Any:
    """Return what restores and saves for NeMo: it unpacks safely, reads only tensors, and changes no working folder."""
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    class Connector(SaveRestoreConnector):  # type: ignore[misc]
        def load_config_and_state_dict(
            self, calling_cls: Any, restore_path: str, override_config_path: Any, *_: Any, **__: Any
        ) -> tuple[Any, Any, Any]:
            with TemporaryDirectory() as folder:
                unpack(Path(restore_path), Path(folder))
                calling_cls._set_model_restore_state(is_being_restored=True, folder=folder)
                try:
                    model = calling_cls.from_config_dict(config=override_config_path)
                    weights = tensors_in(Path(restore_path), Path(folder) / WEIGHTS)
                finally:
                    calling_cls._set_model_restore_state(is_being_restored=False)
            return override_config_path, model, weights

        def load_instance_with_state_dict(self, instance: Any, state_dict: Any, strict: bool) -> None:  # noqa: ARG002
            wanted = instance.state_dict()
            wrong = sorted(
                name
                for name in wanted.keys() | state_dict.keys()
                if name not in wanted or name not in state_dict or wanted[name].shape != state_dict[name].shape
            )
            if wrong:
                raise ModelError(
                    f"The weights of the NeMo model do not belong to its config: {len(wrong)} of them are missing, "
                    f"too many or of another shape, such as {wrong[0]}; get the file anew."
                )
            instance.load_state_dict(state_dict)

        @staticmethod
        def _save_state_dict_to_disk(state_dict: dict[str, Tensor], filepath: str) -> None:
            torch.save({name: tensor.detach().cpu() for name, tensor in state_dict.items()}, filepath)

    return Connector()
