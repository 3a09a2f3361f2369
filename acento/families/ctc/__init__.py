"""CTC models of letters: wav2vec 2.0, HuBERT, WavLM, MMS and their kin; also those that bring their own code."""

from acento.models.family import FEATURES, LETTERS, Family

FAMILIES = (
    Family(
        name="ctc-own-code",
        model_types=frozenset(),
        loader="acento.families.ctc.remote_code:load",
        decoding_version=1,
        batch_size={"cpu": 8, "cuda": 8, "mps": 8},
        spectrogram=False,
    ),
    Family(
        name="ctc",
        model_types=frozenset(
            {
                "wav2vec2",
                "hubert",
                "wavlm",
                "wav2vec2-conformer",
                "unispeech",
                "unispeech-sat",
                "sew",
                "sew-d",
                "data2vec-audio",
            }
        ),
        loader="acento.families.ctc.recognizer:load",
        decoding_version=1,
        batch_size={"cpu": 8, "cuda": 32, "mps": 8},
        trainer="acento.families.ctc.training:load",
        labeler="acento.families.ctc.labels:load",
        spectrogram=False,
        learning_rate=5e-5,
        parts=(LETTERS, FEATURES),
        language_name="acento.families.ctc.mms:known_name",
    ),
    Family(
        name="w2v-bert",
        model_types=frozenset({"wav2vec2-bert"}),
        loader="acento.families.ctc.recognizer:load",
        decoding_version=1,
        batch_size={"cpu": 8, "cuda": 32, "mps": 8},
        trainer="acento.families.ctc.training:load",
        labeler="acento.families.ctc.labels:load",
        spectrogram=False,  # its frames are pairs of mel frames, 20 ms long
        learning_rate=5e-5,
        parts=(LETTERS, FEATURES),
    ),
)
