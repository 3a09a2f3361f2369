"""Moonshine checkpoints small enough to make in a test: random weights, every file that a real one has."""

from pathlib import Path
from typing import Any

from tests.acento.families.tiny_pieces import make_pieces

_FIRST = ("<unk>", "<s>", "</s>")
_BYTES = range(3, 259)


def make_moonshine(
    folder: Path, *, seed: int = 5, streaming: bool = False, base: bool = False, layers: int = 2
) -> Path:
    """Write a random Moonshine into ``folder`` and return it; the same arguments make the same weights.

    Args:
        folder: made if need be.
        seed: of the weights.
        streaming: whether it is a Moonshine Streaming.
        base: whether it has no padding token, as moonshine-base; else it is the end token, as in moonshine-tiny.
        layers: of the encoder and of the decoder.
    """
    import torch
    from transformers import MoonshineStreamingProcessor, PreTrainedTokenizerFast, Wav2Vec2FeatureExtractor

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=make_pieces(_FIRST, _FIRST, byte_fallback=True),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)
    if streaming:
        MoonshineStreamingProcessor(extractor, tokenizer).save_pretrained(folder)
    else:
        extractor.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    make = _streaming if streaming else _offline
    model, embedding = make(len(tokenizer), None if base else 2, layers)
    with torch.no_grad():
        # large, so that texts differ from clip to clip; letters rather than bytes; as padding the end's row is zero
        embedding.weight.normal_(std=0.5)
        embedding.weight[_BYTES] *= 0.1
    model.save_pretrained(folder)
    return folder


def _offline(vocabulary: int, pad: int | None, layers: int) -> tuple[Any, Any]:
    """Return a model as moonshine-tiny is, and what decides which tokens it writes."""
    from transformers import MoonshineConfig, MoonshineForConditionalGeneration

    config = MoonshineConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        encoder_num_hidden_layers=layers,
        decoder_num_hidden_layers=layers,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
        pad_head_dim_to_multiple_of=8,
        max_position_embeddings=194,
        pad_token_id=pad,
        initializer_range=0.3,
    )
    model = MoonshineForConditionalGeneration(config)
    return model, model.model.decoder.embed_tokens


def _streaming(vocabulary: int, pad: int | None, layers: int) -> tuple[Any, Any]:
    """Return a model as moonshine-streaming-small is, whose decoder is wider than its encoder, and its projection."""
    from transformers import (
        MoonshineStreamingConfig,
        MoonshineStreamingEncoderConfig,
        MoonshineStreamingForConditionalGeneration,
    )

    config = MoonshineStreamingConfig(
        encoder_config=MoonshineStreamingEncoderConfig(
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            sliding_windows=[[16, 4], *[[16, 0]] * (layers - 1)],
            initializer_range=0.3,
        ),
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,  # real files have it, though the config class does not name it
        decoder_start_token_id=1,
        pad_token_id=0 if pad is None else pad,
        initializer_range=0.3,
    )
    model = MoonshineStreamingForConditionalGeneration(config)
    return model, model.proj_out
