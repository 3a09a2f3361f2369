"""CTC models of letters: wav2vec 2.0, HuBERT, WavLM, MMS and their kin."""

from acento.models.family import FEATURES, LETTERS, Family

FAMILIES = (
    Family(
        name="ctc",
        model_types=frozenset({"wav2vec2", "wav2vec2-conformer", "hubert", "wavlm", "unispeech", "unispeech-sat"})
        | {"sew", "sew-d", "data2vec-audio"},
        loader="acento.families.ctc.recognizer:load",
        aligns=True,
        trainer="acento.families.ctc.training:CtcTrainable",
        labeler="acento.families.ctc.labels:load_labeler",
        spectrogram=False,
        learning_rate=5e-5,
        parts=(LETTERS, FEATURES),
        language_name="acento.families.ctc.mms:known_name",
    ),
    Family(
        name="w2v-bert",
        model_types=frozenset({"wav2vec2-bert"}),
        loader="acento.families.ctc.recognizer:load",
        aligns=True,
        trainer="acento.families.ctc.training:CtcTrainable",
        labeler="acento.families.ctc.labels:load_labeler",
        spectrogram=False,  # its frames are pairs of mel frames, 20 ms long
        learning_rate=5e-5,
        parts=(LETTERS, FEATURES),
    ),
)
