"""NeMo models small enough to make in a test: random weights, in a ``.nemo`` file that NeMo's ``save_to`` writes."""

import io
import logging
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyzáéíóúüñ"
KINDS = ("ctc-letters", "ctc", "ctc-languages", "rnnt", "tdt", "hybrid", "canary", "canary2", "canary2-one-tokenizer")
"""Classes and tokenizers that NVIDIA's models have."""
WIDTH = 32
_DURATIONS = [0, 1, 2, 3, 4]
_ASR = "nemo.collections.asr"
_LANGUAGES = ("en", "es")


def make_nemo(
    folder: Path,
    *,
    kind: str = "ctc",
    seed: int = 3,
    width: int = WIDTH,
    layers: int = 2,
    dropout: float = 0.0,
    changes: dict[str, Any] | None = None,
) -> Path:
    """Write a random model as ``model.nemo`` into ``folder`` and return the folder; the same arguments, same weights.

    ``changes`` are sections of the config to put others in the place of.
    """
    import torch

    from acento.families.nemo.recognizer import quiet

    folder.mkdir(parents=True, exist_ok=True)
    with quiet(), TemporaryDirectory() as made:
        import nemo.collections.asr.models as models
        from omegaconf import OmegaConf

        logging.getLogger("nemo_logger").setLevel(logging.CRITICAL)
        config = _config(Path(made), kind, width, layers) | (changes or {})
        _set_dropout(config, dropout)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = getattr(models, config["target"].rpartition(".")[2])(OmegaConf.create(config))
            _liven(model, kind)
        model.eval()
        model.save_to(str(folder / "model.nemo"))
    return folder


def make_pieces(path: Path, extra: tuple[str, ...] = (), *, texts: tuple[str, ...] = ()) -> bytes:
    """Write a SentencePiece model of letters and a few pieces, ``extra`` as tokens of their own; return its bytes."""
    import sentencepiece

    path.mkdir(parents=True, exist_ok=True)
    made = io.BytesIO()
    sentences = [" ".join(LETTERS), *(" ".join(LETTERS[n:]) for n in range(len(LETTERS))), "la casa de la luz", *texts]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([unicodedata.normalize("NFC", text) for text in sentences] * 3),
        model_writer=made,
        model_type="bpe",
        vocab_size=len(LETTERS) + 14 + len(extra),
        hard_vocab_limit=False,
        character_coverage=1.0,
        user_defined_symbols=list(extra),
        bos_id=-1,
        eos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    (path / "tokenizer.model").write_bytes(made.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=made.getvalue())
    pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
    (path / "vocab.txt").write_text("\n".join(piece for piece in pieces if piece != "<unk>") + "\n", encoding="utf-8")
    (path / "tokenizer.vocab").write_text("".join(f"{piece}\t0\n" for piece in pieces), encoding="utf-8")
    return made.getvalue()


def _set_dropout(section: dict[str, Any], share: float) -> None:
    """Set all dropout of a config."""
    for key, value in section.items():
        if isinstance(value, dict):
            _set_dropout(value, share)
        elif "dropout" in key:
            section[key] = share


def _liven(model: Any, kind: str) -> None:
    """Change weights that fresh models have so that texts are of some length and differ from clip to clip."""
    import torch

    grown = {"encoder": 2.0, "transf_decoder": 2.0, "joint": 4.0, "ctc_decoder": 4.0}
    if kind.startswith("ctc"):
        grown["decoder"] = 4.0
    with torch.no_grad():
        for part, factor in grown.items():
            for parameter in getattr(model, part).parameters() if hasattr(model, part) else ():
                if parameter.ndim > 1:
                    parameter.mul_(factor)
        if kind.startswith("canary"):  # rows to spare, which nothing trained
            model.log_softmax.mlp.layer0.bias[model.tokenizer.vocab_size :] = -1e4


def _config(folder: Path, kind: str, width: int, layers: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "sample_rate": 16000,
        "preprocessor": {
            "_target_": f"{_ASR}.modules.AudioToMelSpectrogramPreprocessor",
            "sample_rate": 16000,
            "normalize": "per_feature",
            "window_size": 0.025,
            "window_stride": 0.01,
            "window": "hann",
            "features": 80,
            "n_fft": 512,
            "log": True,
            "frame_splicing": 1,
            "dither": 1e-5,
            "pad_to": 0,
        },
        "spec_augment": {
            "_target_": f"{_ASR}.modules.SpectrogramAugmentation",
            "freq_masks": 2,
            "time_masks": 2,
            "freq_width": 27,
            "time_width": 0.05,
        },
        "encoder": {
            "_target_": f"{_ASR}.modules.ConformerEncoder",
            "feat_in": 80,
            "feat_out": -1,
            "n_layers": layers,
            "d_model": width,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": 16,
            "causal_downsampling": False,
            "ff_expansion_factor": 2,
            "self_attention_model": "rel_pos",
            "n_heads": 2,
            "att_context_size": [-1, -1],
            "xscaling": False,
            "untie_biases": True,
            "pos_emb_max_len": 500,
            "conv_kernel_size": 9,
            "conv_norm_type": "batch_norm",
            "dropout": 0.1,
            "dropout_pre_encoder": 0.1,
            "dropout_emb": 0.0,
            "dropout_att": 0.1,
            "stochastic_depth_drop_prob": 0.0,
        },
        "optim": {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.98], "weight_decay": 1e-3},
    }
    if not kind.startswith("canary"):  # NeMo's own transcribe asks for it
        config["validation_ds"] = {"manifest_filepath": None, "sample_rate": 16000, "batch_size": 8, "shuffle": False}
    return config | _PARTS[kind](folder, width)


def _letters(_folder: Path, width: int) -> dict[str, Any]:
    labels = [" ", *LETTERS]
    return {
        "target": f"{_ASR}.models.ctc_models.EncDecCTCModel",
        "labels": labels,
        "decoder": _linear(width, labels),
        "decoding": {"strategy": "greedy_batch"},
    }


def _pieces(folder: Path, width: int) -> dict[str, Any]:
    make_pieces(folder)
    return {
        "target": f"{_ASR}.models.ctc_bpe_models.EncDecCTCModelBPE",
        "tokenizer": {"dir": str(folder), "type": "bpe"},
        "decoder": _linear(width, []),
        "decoding": {"strategy": "greedy_batch"},
    }


def _languages(folder: Path, width: int) -> dict[str, Any]:
    return _pieces(folder, width) | {"tokenizer": _aggregate(folder)}


def _aggregate(folder: Path) -> dict[str, Any]:
    """Make a tokenizer for each language."""
    for number, name in enumerate(_LANGUAGES):
        make_pieces(folder / name, texts=("the house of light",) * number)
    return {"type": "agg", "langs": {name: {"dir": str(folder / name), "type": "bpe"} for name in _LANGUAGES}}


def _linear(width: int, labels: list[str]) -> dict[str, Any]:
    return {
        "_target_": f"{_ASR}.modules.ConvASRDecoder",
        "feat_in": width,
        "num_classes": len(labels) or -1,
        "vocabulary": labels,
    }


def _rnnt(folder: Path, width: int) -> dict[str, Any]:
    make_pieces(folder)
    return {
        "target": f"{_ASR}.models.rnnt_bpe_models.EncDecRNNTBPEModel",
        "tokenizer": {"dir": str(folder), "type": "bpe"},
        "model_defaults": {"enc_hidden": width, "pred_hidden": width, "joint_hidden": width},
        "decoder": {
            "_target_": f"{_ASR}.modules.RNNTDecoder",
            "normalization_mode": None,
            "random_state_sampling": False,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": width, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.2},
        },
        "joint": {
            "_target_": f"{_ASR}.modules.RNNTJoint",
            "log_softmax": None,
            "preserve_memory": False,
            "fuse_loss_wer": True,
            "fused_batch_size": 4,
            "jointnet": {"joint_hidden": width, "activation": "relu", "dropout": 0.2},
        },
        "decoding": {"strategy": "greedy_batch", "greedy": {"max_symbols": 10}, "beam": {"beam_size": 2}},
        "loss": {"loss_name": "default", "warprnnt_numba_kwargs": {"fastemit_lambda": 0.0, "clamp": -1.0}},
    }


def _tdt(folder: Path, width: int) -> dict[str, Any]:
    config = _rnnt(folder, width)
    config["model_defaults"] |= {"tdt_durations": _DURATIONS, "num_tdt_durations": len(_DURATIONS)}
    config["joint"]["num_extra_outputs"] = len(_DURATIONS)
    config["decoding"] |= {"model_type": "tdt", "durations": _DURATIONS}
    config["loss"] = {
        "loss_name": "tdt",
        "tdt_kwargs": {"durations": _DURATIONS, "fastemit_lambda": 0.0, "clamp": -1.0, "sigma": 0.02, "omega": 0.1},
    }
    return config


def _hybrid(folder: Path, width: int) -> dict[str, Any]:
    return _tdt(folder, width) | {
        "target": f"{_ASR}.models.hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel",
        "aux_ctc": {
            "ctc_loss_weight": 0.3,
            "use_cer": False,
            "ctc_reduction": "mean_batch",
            "decoder": _linear(width, []),
            "decoding": {"strategy": "greedy_batch"},
        },
    }


_V1 = ("<|transcribe|>", "<|translate|>", *(f"<|{name}|>" for name in _LANGUAGES))
_V2 = (
    "<|startofcontext|>",
    "<|emo:undefined|>",
    *("<|itn|>", "<|noitn|>", "<|timestamp|>", "<|notimestamp|>", "<|diarize|>", "<|nodiarize|>"),
    *(f"<|{name}|>" for name in (*_LANGUAGES, "sv")),
)
_ALWAYS = ("<|nospeech|>", "<pad>", "<|endoftext|>", "<|startoftranscript|>", "<|pnc|>", "<|nopnc|>")


def _canary(folder: Path, width: int) -> dict[str, Any]:
    return _multitask(width, "canary", _prompted(folder, _V1))


def _canary2(folder: Path, width: int) -> dict[str, Any]:
    return _multitask(width, "canary2", _prompted(folder, _V2))


def _canary2_one(folder: Path, width: int) -> dict[str, Any]:
    make_pieces(folder, (*_ALWAYS, *_V2))
    tokens = {"_target_": "nemo.collections.common.tokenizers.canary_tokenizer.CanaryBPETokenizer"}
    tokenizer = {"dir": str(folder), "type": "bpe", "custom_tokenizer": tokens}
    return _multitask(width, "canary2", tokenizer)


def _prompted(folder: Path, special: tuple[str, ...]) -> dict[str, Any]:
    make_pieces(folder / "spl_tokens", (*_ALWAYS, *special))
    langs = {"spl_tokens": {"dir": str(folder / "spl_tokens"), "type": "bpe"}, **_aggregate(folder)["langs"]}
    tokens = {"_target_": "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer"}
    return {"dir": None, "type": "agg", "langs": langs, "custom_tokenizer": tokens}


def _multitask(width: int, prompt: str, tokenizer: dict[str, Any]) -> dict[str, Any]:
    slots = {"source_lang": "en", "target_lang": "en", "pnc": "yes"}
    if prompt == "canary":
        slots["task"] = "asr"
    else:
        slots |= {"decodercontext": "", "emotion": "<|emo:undefined|>", "itn": "no", "timestamp": "no", "diarize": "no"}
    return {
        "target": f"{_ASR}.models.aed_multitask_models.EncDecMultiTaskModel",
        "prompt_format": prompt,
        "prompt_defaults": [{"role": "user", "slots": slots}],
        "tokenizer": tokenizer,
        "model_defaults": {"asr_enc_hidden": width, "lm_enc_hidden": width * 3 // 2, "lm_dec_hidden": width * 3 // 2},
        "transf_encoder": None,
        "transf_decoder": {
            "_target_": f"{_ASR}.modules.transformer.get_nemo_transformer",
            "model_name": None,
            "pretrained": False,
            "encoder": False,
            "pre_ln_final_layer_norm": True,
            "config_dict": {
                "max_sequence_length": 64,
                "num_token_types": 0,
                "embedding_dropout": 0.1,
                "learn_positional_encodings": False,
                "hidden_size": width * 3 // 2,
                "inner_size": 2 * width,
                "num_layers": 2,
                "num_attention_heads": 2,
                "ffn_dropout": 0.1,
                "attn_score_dropout": 0.1,
                "attn_layer_dropout": 0.1,
                "hidden_act": "relu",
                "pre_ln": True,
                "vocab_size": None,
            },
        },
        "head": {
            "_target_": f"{_ASR}.parts.submodules.token_classifier.TokenClassifier",
            "num_layers": 1,
            "activation": "relu",
            "log_softmax": True,
            "hidden_size": width * 3 // 2,
            "num_classes": None,
            "dropout": 0.0,
            "use_transformer_init": True,
        },
        "decoding": {"strategy": "beam", "beam": {"beam_size": 1, "len_pen": 0.0, "max_generation_delta": 50}},
        "loss": {
            "_target_": "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
            "label_smoothing": 0.0,
            "pad_id": None,
        },
    }


_PARTS = {
    "ctc-letters": _letters,
    "ctc": _pieces,
    "ctc-languages": _languages,
    "rnnt": _rnnt,
    "tdt": _tdt,
    "hybrid": _hybrid,
    "canary": _canary,
    "canary2": _canary2,
    "canary2-one-tokenizer": _canary2_one,
}
