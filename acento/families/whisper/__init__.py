"""Whisper, by transformers and by CTranslate2."""

from acento.models.family import WHISPER, WORDS, Family

FAMILIES = (
    Family(
        name=WHISPER,
        model_types=frozenset({"whisper"}),
        loader="acento.families.whisper.loading:load",
        batch_size={"cpu": 8, "cuda": 16, "mps": 8},
        trainer="acento.families.whisper.training:WhisperTrainable",
        labeler="acento.families.whisper.training:load_labeler",
        window="acento.families.whisper.generation:window_s",
        parts=(WORDS,),  # its features follow from its config
        languages="acento.families.whisper.generation:known_languages",
        derives_config="acento.families.whisper.generation:is_derived",
        file_readers={".pt": "acento.families.whisper.openai:from_file"},
        converter="acento.families.whisper.convert:convert",
        rereader="acento.families.whisper.ggml.reading:reread",
        searches=True,
        prompts=True,
        int8=frozenset({"cpu"}),
    ),
    Family(
        name="whisper-ctranslate2",
        model_types=frozenset(),
        loader="acento.families.whisper.ctranslate2.loading:load",
        batch_size={"cpu": 8, "cuda": 16, "mps": 8},
        extra="ctranslate2",
        config_keys=frozenset({"suppress_ids", "suppress_ids_begin"}),
        weights=("model.bin",),
        window="acento.families.whisper.generation:window_s",
        repair="convert it again",
        searches=True,
        beams=5,  # as its peers have
        prompts=True,
        int8=frozenset({"cpu", "cuda"}),
        languages="acento.families.whisper.generation:known_languages",
    ),
)
