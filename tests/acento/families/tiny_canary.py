"""Canary checkpoints small enough to make in a test: random weights, every file that a real one has."""

from pathlib import Path

from tests.acento.families.tiny_pieces import make_pieces

LANGUAGES = ("en", "es", "sv")
_FIRST = (
    "<unk>",
    "<|nospeech|>",
    "<pad>",
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|pnc|>",
    "<|nopnc|>",
    "<|startofcontext|>",
    "<|itn|>",
    "<|noitn|>",
    "<|timestamp|>",
    "<|notimestamp|>",
    "<|diarize|>",
    "<|nodiarize|>",
    "<|spkchange|>",
    "<|audioseparator|>",
    "<|emo:undefined|>",
    "<|la|>",  # has a token, as almost every language, and was never trained
    *(f"<|{language}|>" for language in LANGUAGES),
)
_TEMPLATE = (
    "{%- for part in messages[0]['content'] if part['type'] == 'text' -%}"
    "<|startofcontext|><|startoftranscript|><|emo:undefined|>"
    "<|{{ part['source_language'] }}|><|{{ part['target_language'] }}|>"
    "{{ '<|pnc|>' if part['punctuation'] else '<|nopnc|>' }}<|noitn|><|notimestamp|><|nodiarize|>"
    "{%- endfor -%}"
)


def make_canary(folder: Path, *, seed: int = 1, mel_bins: int = 32) -> Path:
    """Write a random Canary into ``folder`` and return it; the same arguments make the same weights."""
    import torch
    from transformers import (
        CanaryConfig,
        CanaryDecoderConfig,
        CanaryForConditionalGeneration,
        CanaryProcessor,
        ParakeetEncoderConfig,
        ParakeetFeatureExtractor,
        TokenizersBackend,
    )

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = TokenizersBackend(
        tokenizer_object=make_pieces(
            _FIRST, [token for token in _FIRST if token.startswith("<|")], byte_fallback=False
        ),
        bos_token="<|startoftranscript|>",
        eos_token="<|endoftext|>",
        pad_token="<pad>",
        unk_token="<unk>",
    )
    CanaryProcessor(ParakeetFeatureExtractor(feature_size=mel_bins), tokenizer, _TEMPLATE).save_pretrained(folder)
    torch.manual_seed(seed)
    config = CanaryConfig(
        vocab_size=len(tokenizer),
        encoder_config=ParakeetEncoderConfig(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            num_mel_bins=mel_bins,
            subsampling_conv_channels=8,
            scale_input=False,
            layerdrop=0.0,
            initializer_range=0.2,
        ),
        decoder_config=CanaryDecoderConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=16,
            max_position_embeddings=128,
        ),
        initializer_range=0.2,
    )
    model = CanaryForConditionalGeneration(config)
    with torch.no_grad():
        # large, so that texts differ from clip to clip and end; letters, and nothing that is never part of a text
        for name, parameter in model.model.decoder.named_parameters():
            if parameter.ndim > 1 and "embed" not in name:
                parameter.normal_(std=0.9)
        model.model.encoder.layers[0].norm_out.weight.mul_(2)
        model.proj_out.weight.normal_(std=0.7)
        model.proj_out.bias[: len(_FIRST)] = -50
        model.proj_out.bias[config.eos_token_id] = 9
    generation = model.generation_config
    generation.decoder_start_token_id, generation.bos_token_id = config.decoder_start_token_id, config.bos_token_id
    generation.eos_token_id, generation.pad_token_id = config.eos_token_id, config.pad_token_id
    model.save_pretrained(folder)
    return folder
