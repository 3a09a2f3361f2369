"""CTC checkpoints small enough to make in a test: wav2vec 2.0 and its kin, w2v-BERT and MMS, with every real file."""

import json
from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyzáéíñóúü"
KINDS = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "Hubert",
    "wavlm": "WavLM",
    "wav2vec2-conformer": "Wav2Vec2Conformer",
    "unispeech": "UniSpeech",
    "unispeech-sat": "UniSpeechSat",
    "sew": "SEW",
    "sew-d": "SEWD",
    "data2vec-audio": "Data2VecAudio",
    "wav2vec2-bert": "Wav2Vec2Bert",
}
"""The class of each ``model_type``, without its ending."""
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "|")


def make_ctc(folder: Path, *, kind: str = "wav2vec2", seed: int = 0, letters: str = LETTERS, **settings: Any) -> Path:
    """Write a random checkpoint of a ``model_type`` into ``folder`` and return it.

    The same arguments make the same weights. ``settings`` go into ``config.json``, such as ``add_adapter=True``.
    """
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate([*SPECIAL, *letters])}))
    transformers.Wav2Vec2CTCTokenizer(folder / "vocab.json").save_pretrained(folder)
    torch.manual_seed(seed)
    values = _sizes(kind) | {"vocab_size": len(SPECIAL) + len(letters), "pad_token_id": 0} | settings
    config = getattr(transformers, f"{KINDS[kind]}Config")(**values)
    model = getattr(transformers, f"{KINDS[kind]}ForCTC")(config)
    with torch.no_grad():  # large, so that texts differ from clip to clip
        model.lm_head.weight.normal_(std=0.5)
    model.save_pretrained(folder)
    _extractor(kind, config).save_pretrained(folder)
    return folder


def make_mms(folder: Path, *, languages: dict[str, str] | None = None, seed: int = 0) -> Path:
    """Write a random model with an adapter and a vocabulary for each language, as MMS has them, and return it.

    ``languages`` are the letters of each; the weights file has the head of ``eng``.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2ForCTC

    letters = languages or {"eng": LETTERS[:26], "spa": LETTERS, "uzb-script_latin": LETTERS[:20]}
    make_ctc(
        folder, seed=seed, letters=letters["eng"], adapter_attn_dim=8, do_stable_layer_norm=True,
        feat_extract_norm="layer", output_hidden_size=48,
    )  # fmt: skip
    nested = {name: {token: n for n, token in enumerate([*SPECIAL, *own])} for name, own in letters.items()}
    (folder / "vocab.json").write_text(json.dumps(nested))
    Wav2Vec2CTCTokenizer(folder / "vocab.json", target_lang="eng").save_pretrained(folder)
    model = Wav2Vec2ForCTC.from_pretrained(folder)
    for number, (name, vocabulary) in enumerate(nested.items(), 1):
        torch.manual_seed(seed + number)
        model.lm_head = torch.nn.Linear(48, len(vocabulary))
        model.init_adapter_layers()
        with torch.no_grad():
            model.lm_head.weight.normal_(std=0.5)
        save_file(model._get_adapters(), folder / f"adapter.{name}.safetensors")
    return folder


def _sizes(kind: str) -> dict[str, Any]:
    """Return a config of a few thousand parameters without dropout."""
    sizes: dict[str, Any] = {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 96,
        "hidden_dropout": 0.0,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "final_dropout": 0.0,
        "layerdrop": 0.0,
    }
    if kind in ("wav2vec2-bert", "wav2vec2-conformer"):
        sizes["conformer_conv_dropout"] = 0.0
    if kind == "wav2vec2-bert":
        return sizes | {"feature_projection_input_dim": 160, "output_hidden_size": 48}
    sizes |= {"conv_dim": (32,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    if kind in ("sew", "sew-d"):
        sizes |= {
            "conv_dim": (32,) * 7, "conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2),
        }  # fmt: skip
    if kind == "data2vec-audio":
        sizes |= {"num_conv_pos_embeddings": 2, "conv_pos_kernel_size": 5}
    return sizes


def _extractor(kind: str, config: Any) -> Any:
    from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2FeatureExtractor

    if kind == "wav2vec2-bert":
        return SeamlessM4TFeatureExtractor(padding_value=1)
    return Wav2Vec2FeatureExtractor(return_attention_mask=getattr(config, "feat_extract_norm", "layer") == "layer")
