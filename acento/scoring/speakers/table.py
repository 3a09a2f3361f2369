"""The table of scores of speakers, and their columns in CSV files."""

from collections.abc import Mapping

from acento.scoring.score import Rate
from acento.scoring.speakers.score import SpeakerScore
from acento.scoring.table import NO_VALUE, TextTable, counted, percent

_RATES = ("der", "missed", "false_alarm", "confusion", "jer", "cpwer", "tcpwer", "orcwer")
_OF_WORDS = {"cpwer": "cpWER", "tcpwer": "tcpWER", "orcwer": "ORC-WER"}


def speakers_table(models: Mapping[str, SpeakerScore | None]) -> TextTable | None:
    """Return a row of scores of speakers for each model that has some, by name; None where none has."""
    scores = {name: score for name, score in models.items() if score is not None}
    if not scores:
        return None
    first = next(iter(scores.values()))
    texts = any(score.cpwer is not None for score in scores.values())
    of_words = [name.replace("WER", "CER") if first.characters else name for name in _OF_WORDS.values()]
    options = first.options
    overlap = "what several speak at once left out" if options.skip_overlap else "overlapping speech scored"
    greedy = any(not score.orc_exact for score in scores.values())
    notes = [
        f"DER: missed (miss), false alarm (FA) and confusion over speech; collar {options.collar:g} s, {overlap}. "
        "JER: the mean over speakers.",
        *([f"{of_words[0]}: words of the wrong speaker are wrong; {of_words[1]}: and words over "
           f"{options.word_collar:g} s off; {of_words[2]}: whoever is said to speak."] if texts else []),
        *([f"{of_words[2]} of long recordings is searched greedily: it may be a little lower."] if greedy else []),
    ]  # fmt: skip
    found = "; ".join(f"{name} {_found(score)}" for name, score in scores.items())
    return TextTable(
        title="Speakers",
        columns=(
            *("model", "DER % [95%]", "miss/FA/conf", "JER %"),
            *((f"{of_words[0]} % [95%]", f"{of_words[1]} %", f"{of_words[2]} %") if texts else ()),
        ),
        rows=tuple((name, *_cells(score, texts)) for name, score in scores.items()),
        notes=(*notes, f"{counted(len(first.recordings), 'recording')}; speakers found: {found}."),
        text=frozenset({"model"}),
    )


def speaker_columns(score: SpeakerScore | None) -> dict[str, float | None]:
    """Return the rates in percent under the names that CSV files use, DER and cpWER with their intervals."""
    columns: dict[str, float | None] = {}
    for name in _RATES:
        rate: Rate | None = getattr(score, name, None)
        columns[name] = percent(getattr(rate, "value", None))
        if name in ("der", "cpwer"):
            columns |= {f"{name}_{end}": percent(getattr(rate, end, None)) for end in ("low", "high")}
    return columns


def _cells(score: SpeakerScore, texts: bool) -> tuple[str, ...]:
    def bare(rate: Rate | None) -> str:
        return NO_VALUE if rate is None else Rate(value=rate.value, low=None, high=None).text(digits=1)

    parts = "/".join(bare(one) for one in (score.missed, score.false_alarm, score.confusion))
    words = (NO_VALUE if score.cpwer is None else score.cpwer.text(digits=1), bare(score.tcpwer), bare(score.orcwer))
    return score.der.text(digits=1), parts, bare(score.jer), *(words if texts else ())


def _found(score: SpeakerScore) -> str:
    return f"{sum(one.found for one in score.recordings)} of {sum(one.speakers for one in score.recordings)}"
