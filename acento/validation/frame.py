"""The table that a suite looks at: a row for each clip; what can only be known across rows is a column of its own."""

from typing import TYPE_CHECKING

import pyarrow as pa

from acento.core.store import Store
from acento.data.dataset import Card
from acento.validation.labels import LabelLimits
from acento.validation.measure import read_measured

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "id": "the clip's id",
    "duration_s": "seconds, as staged",
    "text": "the reference",
    "split": "train, dev or test",
    "language": "the language's code",
    "speaker": "who speaks",
    "accent": "the accent",
    "source": "where the clip came from",
    "source_sha256": "digest of the source's file",
    "audio_sha256": "digest of the samples",
    "wrong_columns": "columns that the clip's data part lacks or has in another type; empty: none",
    "sample_rate": "Hz",
    "channels": "channels",
    "characters": "characters of the text",
    "letters": "letters and digits of the text",
    "words": "words of the text",
    "seconds": "seconds of the decoded samples",
    "rms_dbfs": "level of the whole clip, dBFS",
    "peak_dbfs": "its loudest sample, dBFS",
    "clipping_share": "share of samples at full scale",
    "silence_share": "share of 20 ms frames without sound",
    "speech_dbfs": "level of its loud frames (95th percentile), dBFS",
    "noise_dbfs": "level of its soft frames (15th percentile), dBFS",
    "snr_db": "signal-to-noise ratio, estimated, dB",
    "start_db": "level of the first 40 ms beside the loud frames', dB",
    "end_db": "level of the last 40 ms beside the loud frames', dB",
    "characters_per_second": "characters of the text for each second; null where nothing is said",
    "script_share": "share of letters in a script of the clip's language; null if that is not known",
    "audio_error": "why the audio cannot be read; null: it can",
    "prompt": "the text without case, punctuation and spacing",
    "script": "the script of most letters, such as LATIN",
    "seconds_off": "by how many seconds duration_s and the decoded samples differ",
    "audio_splits": "number of splits in which the same audio is",
    "prompt_in_train": "whether a clip outside train has a text that is also read in train",
    "speaker_in_train": "whether a clip outside train has a speaker who is also in train",
    "label_tokens": "tokens of the text as a label of the model that was named; null: none was",
}
"""Every column that a suite may name, and what is in it."""


def make_frame(store: Store, card: Card, limits: LabelLimits | None = None) -> "pd.DataFrame":
    """Return the table of a version that has been measured, in the order of its parts."""
    import pandas as pd

    table = pa.concat_tables(read_measured(store, card))
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    outside = frame["split"] != "train"
    frame["seconds_off"] = (frame["duration_s"] - frame["seconds"]).abs()
    frame["audio_splits"] = frame.groupby("audio_sha256")["split"].transform("nunique")
    for column in ("prompt", "speaker"):
        values = frame[column].fillna("")
        frame[f"{column}_in_train"] = outside & values.isin(set(values[~outside]) - {""})
    tokens: list[int | None] = [None] * len(frame)
    if limits is not None:
        tokens = list(limits.count(None if pd.isna(text) else text for text in frame["text"]))
    frame["label_tokens"] = pd.array(tokens, dtype="Int64")
    return frame
