"""Checkpoints of types that no family of Acento names, small enough to make in a test."""

from pathlib import Path

from tests.acento.families.tiny_pieces import make_pieces

_FIRST = ("<unk>", "<s>", "</s>")


def make_encoder_decoder(folder: Path, *, seed: int = 3) -> Path:
    """Write a random wav2vec 2.0 with a BERT decoder (``speech-encoder-decoder``) into ``folder`` and return it."""
    import torch
    from transformers import (
        BertConfig,
        PreTrainedTokenizerFast,
        SpeechEncoderDecoderConfig,
        SpeechEncoderDecoderModel,
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
    )

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=make_pieces(_FIRST, _FIRST, byte_fallback=True),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
    )
    tokenizer.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
    torch.manual_seed(seed)
    encoder = Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    decoder = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, is_decoder=True, add_cross_attention=True, initializer_range=0.5,
    )  # fmt: skip
    config = SpeechEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 1, 2, 2
    model = SpeechEncoderDecoderModel(config=config)
    model.generation_config.decoder_start_token_id = 1
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = 2
    model.save_pretrained(folder)
    return folder
