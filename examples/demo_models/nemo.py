"""The NeMo model: the Parakeet's weights in a `.nemo` file, since both are the same architecture."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from examples.demo_models.parakeet import KERNEL, LETTERS, SPACE, SUBSAMPLING
from examples.demo_models.recipe import MEL_BINS, SAMPLE_RATE

FILE: Final = "model.nemo"
_ASR: Final = "nemo.collections.asr"
_LABELS: Final = (" ", *LETTERS)
# How transformers' names of an encoder's weights begin, or what they hold, and what NeMo calls it.
_NAMES: Final = (
    ("encoder.subsampling.layers.", "encoder.pre_encode.conv."),
    ("encoder.subsampling.linear.", "encoder.pre_encode.out."),
    (".self_attn.q_proj.", ".self_attn.linear_q."),
    (".self_attn.k_proj.", ".self_attn.linear_k."),
    (".self_attn.v_proj.", ".self_attn.linear_v."),
    (".self_attn.o_proj.", ".self_attn.linear_out."),
    (".self_attn.relative_k_proj.", ".self_attn.linear_pos."),
    (".self_attn.bias_", ".self_attn.pos_bias_"),
    (".conv.norm.", ".conv.batch_norm."),
)
_HEAD: Final = "ctc_head."


def convert(source: Path, folder: Path, card: str) -> None:
    """Write the Parakeet of a checkpoint folder as a NeMo model into another, whole or not at all.

    Its weights are in float16, which load as float32; `card` becomes its README.md. Needs NeMo.
    """
    from acento.families.nemo.recognizer import quiet

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with quiet():
        model = build(source)
        model._save_restore_connector = _connector()
        model.save_to(str(partial / FILE))
    (partial / "README.md").write_text(card, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def build(source: Path) -> Any:
    """NeMo's model with the weights of the Parakeet of a checkpoint folder."""
    from nemo.collections.asr.models import EncDecCTCModel
    from omegaconf import OmegaConf
    from transformers import ParakeetForCTC

    from examples.demo_models.parakeet import build_tokenizer

    parakeet = ParakeetForCTC.from_pretrained(source)
    model = EncDecCTCModel(OmegaConf.create(_config(parakeet.config.encoder_config)))
    tokenizer = build_tokenizer()
    letters = [*tokenizer.convert_tokens_to_ids([SPACE, *LETTERS]), tokenizer.pad_token_id]
    weights = {name: value for name, value in model.state_dict().items() if name.startswith("preprocessor.")}
    for name, value in parakeet.state_dict().items():
        if name.startswith(_HEAD):  # a convolution over one frame; without the unknown letter, which nobody wrote
            part = name.removeprefix(_HEAD)
            rows = value[letters]
            weights[f"decoder.decoder_layers.0.{part}"] = (
                rows.reshape(len(letters), -1, 1) if part == "weight" else rows
            )
        else:
            weights[_renamed(name)] = value
    model.load_state_dict(weights)
    return model.eval()


def _renamed(name: str) -> str:
    for before, after in _NAMES:
        name = name.replace(before, after)
    return name


def _config(encoder: Any) -> dict[str, Any]:
    """The config of a NeMo model with a Parakeet's encoder."""
    labels = list(_LABELS)
    return {
        "target": f"{_ASR}.models.ctc_models.EncDecCTCModel",
        "sample_rate": SAMPLE_RATE,
        "labels": labels,
        "preprocessor": {
            "_target_": f"{_ASR}.modules.AudioToMelSpectrogramPreprocessor",
            "sample_rate": SAMPLE_RATE,
            "normalize": "per_feature",
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "features": MEL_BINS,
            "n_fft": 512,
            "log": True,
            "frame_splicing": 1,
            "dither": 1e-5,
            "pad_to": 0,
        },
        "encoder": {
            "_target_": f"{_ASR}.modules.ConformerEncoder",
            "feat_in": MEL_BINS,
            "feat_out": -1,
            "n_layers": encoder.num_hidden_layers,
            "d_model": encoder.hidden_size,
            "subsampling": "dw_striding",
            "subsampling_factor": SUBSAMPLING,
            "subsampling_conv_channels": encoder.subsampling_conv_channels,
            "causal_downsampling": False,
            "ff_expansion_factor": encoder.intermediate_size // encoder.hidden_size,
            "self_attention_model": "rel_pos",
            "n_heads": encoder.num_attention_heads,
            "att_context_size": [-1, -1],
            "xscaling": False,
            "untie_biases": True,
            "pos_emb_max_len": 5000,
            "conv_kernel_size": KERNEL,
            "conv_norm_type": "batch_norm",
            "dropout": 0.0,
            "dropout_pre_encoder": 0.0,
            "dropout_emb": 0.0,
            "dropout_att": 0.0,
        },
        "decoder": {
            "_target_": f"{_ASR}.modules.ConvASRDecoder",
            "feat_in": encoder.hidden_size,
            "num_classes": len(labels),
            "vocabulary": labels,
        },
        "decoding": {"strategy": "greedy_batch"},
        "optim": {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.98], "weight_decay": 1e-3},
        # NeMo's own transcribe asks for it
        "validation_ds": {"manifest_filepath": None, "sample_rate": SAMPLE_RATE, "batch_size": 8, "shuffle": False},
    }


def _connector() -> Any:
    """What saves for NeMo, with what was learned in float16; the filters of the preprocessor stay as they are."""
    import torch
    from nemo.core.connectors.save_restore_connector import SaveRestoreConnector

    class Connector(SaveRestoreConnector):  # type: ignore[misc]
        @staticmethod
        def _save_state_dict_to_disk(state_dict: dict[str, torch.Tensor], filepath: str) -> None:
            learned = {
                name: value.half() if value.is_floating_point() and not name.startswith("preprocessor.") else value
                for name, value in state_dict.items()
            }
            torch.save(learned, filepath)

    return Connector()
