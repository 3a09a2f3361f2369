"""Parakeet checkpoints small enough to make in a test: CTC, RNN-T and TDT, with every file that a real one has."""

from pathlib import Path
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyzáéíñóúü"


def make_parakeet(folder: Path, *, kind: str = "ctc", seed: int = 0, spread: float = 0.0, **settings: Any) -> Path:
    """Write a random ``ctc``, ``rnnt`` or ``tdt`` model into ``folder`` and return it.

    The same arguments make the same weights; ``settings`` go into the encoder's config. With a ``spread`` of 0.3 a
    transducer writes letters and blanks as a trained one does: at random it would write one letter for ever.
    """
    import torch
    import transformers
    from transformers import ParakeetFeatureExtractor, ParakeetProcessor

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(kind)
    ids = tokenizer.get_vocab()
    encoder = {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 96,
        "subsampling_conv_channels": 16,
        "num_mel_bins": 80,
        "dtype": "float32",
        "dropout": 0.0,
        "layerdrop": 0.0,
        "activation_dropout": 0.0,
        "attention_dropout": 0.0,
        "initializer_range": 0.2,  # as small as in large models, features would be nearly nothing
        **settings,
    }
    values: dict[str, Any] = {"vocab_size": len(ids), "pad_token_id": ids["<pad>"], "encoder_config": encoder}
    if kind != "ctc":
        values |= {"blank_token_id": ids["<blank>"], "decoder_hidden_size": 32, "num_decoder_layers": 1}
    torch.manual_seed(seed)
    name = f"Parakeet{kind.upper()}Config"
    model = getattr(transformers, f"ParakeetFor{kind.upper()}")(getattr(transformers, name)(**values))
    with torch.no_grad():  # large, so that texts differ from clip to clip
        (model.ctc_head if kind == "ctc" else model.joint.head).weight.normal_(std=0.5)
        if spread:
            for part in (model.decoder, model.encoder_projector):
                for parameter in part.parameters():
                    parameter.normal_(std=spread)
            model.joint.head.bias[ids["<blank>"]] = 40 * spread
            model.joint.head.bias[len(ids) : len(ids) + 1] = -30 * spread
    if kind != "ctc":
        model.generation_config.decoder_start_token_id = ids["<blank>"]
    if kind == "tdt":
        outputs = len(ids) + len(model.config.durations)
        model.generation_config.suppress_tokens = list(range(len(ids), outputs))
    model.save_pretrained(folder)
    extractor = ParakeetFeatureExtractor(feature_size=encoder["num_mel_bins"])
    ParakeetProcessor(extractor, tokenizer, decoder_type=kind).save_pretrained(folder)
    return folder


def _tokenizer(kind: str) -> Any:
    """Return a tokenizer of single letters, as SentencePiece's is when it is converted."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import ParakeetTokenizer

    pieces = ["<unk>", *(["<s>", "<pad>"] if kind != "ctc" else []), "▁", *LETTERS]
    pieces.append("<pad>" if kind == "ctc" else "<blank>")
    ids = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<unk>", "<pad>", *(["<s>", "<blank>"] if kind != "ctc" else [])]
    tokenizer.add_special_tokens(special)
    return ParakeetTokenizer(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")
