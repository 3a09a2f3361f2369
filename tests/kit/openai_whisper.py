"""A Whisper of OpenAI's vocabulary and window with few and random weights, as some programs load no other."""

from itertools import islice, product
from pathlib import Path


def make_openai_whisper(
    folder: Path, *, languages: int = 99, mel_bins: int = 80, width: int = 64, seed: int = 3, tokens: int = 50256
) -> Path:
    """Write a random Whisper into ``folder`` and return it; no languages make it English-only.

    The texts of its tokens are invented, their number and the places of the special ones are OpenAI's.
    """
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *map("".join, islice(product(letters, letters), tokens - len(letters)))]
    vocabulary = {piece: number for number, piece in enumerate(pieces)} | ({"": tokens} if languages else {})
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["endoftext", "startoftranscript", *[*LANGUAGES][: languages or 99], "translate", "transcribe"]
    special += ["startoflm", "startofprev", "nospeech", "notimestamps", *(f"{n / 50:.2f}" for n in range(1501))]
    tokenizer.add_special_tokens([AddedToken(f"<|{token}|>", special=True) for token in special])
    end = "<|endoftext|>"
    wrapped = WhisperTokenizer(tokenizer_object=tokenizer, bos_token=end, eos_token=end, unk_token=end, pad_token=end)
    wrapped.save_pretrained(folder)
    ids = tokenizer.get_vocab()
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=len(vocabulary) + len(special),
        num_mel_bins=mel_bins,
        d_model=width,
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_target_positions=64,
        decoder_start_token_id=ids["<|startoftranscript|>"],
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), ids[end]),
        init_std=0.2,
    )
    model = WhisperForConditionalGeneration(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 1:  # so that no bias is zero and no norm does nothing
                weight.add_(0.1 * torch.randn_like(weight))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()  # what is right follows from the vocabulary
    WhisperFeatureExtractor(feature_size=mel_bins).save_pretrained(folder)
    return folder
