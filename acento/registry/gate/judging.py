"""The gates' questions put to finished runs: is a candidate better than the incumbent, and nowhere worse? Does it lose
by short windows?
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
from pydantic import BaseModel

from acento.core.errors import InputError
from acento.core.store import Store
from acento.data.dataset import load_card, read_clips
from acento.data.utterance import primary_language
from acento.models.checkpoints.checkpoint import Checkpoint
from acento.models.windows import Fit
from acento.registry.gate.evidence import Evidence, Selection, foreign_languages, select, split_use
from acento.registry.gate.gate import BOUND, decide
from acento.registry.gate.looks import take_look
from acento.registry.gate.verdict import GateVerdict
from acento.registry.gate.windows import WINDOW_BOUND, WindowVerdict, decide_windows
from acento.registry.runs.records import entries_of, utterances_of
from acento.scoring.entry import Entry


class Question(BaseModel, frozen=True):
    """What a candidate is measured on before it is promoted, fixed before it is trained."""

    test: Selection
    guards: tuple[Selection, ...]
    incumbent: str
    """The model to be beaten, as a benchmark is asked for it."""
    against: str
    """What that model is called in sentences."""
    candidate: str | None = None
    """The version that is judged, where it is there already."""
    language: str | None
    """What the models are told to write; None: what each data set says."""
    bound: float = BOUND
    allow_few_speakers: bool = False
    """Whether fewer than ten unseen speakers may decide, for these speakers alone."""
    window_bound: float = WINDOW_BOUND
    """The largest loss by short windows that is let pass, a fraction."""

    @property
    def datasets(self) -> list[str]:
        """Every data set that has to be benchmarked, each once."""
        return list(dict.fromkeys(one.dataset for one in (self.test, *self.guards)))


def find_score(store: Store, run: str, digest: str, selection: Selection) -> tuple[Entry, pa.Table] | None:
    """Return a model's entry and its table of the selected clips; None where the run has not measured it there."""
    wanted = digest, load_card(store, selection.dataset).fingerprint, selection.split
    for entry, key in entries_of(store, f"runs/{run}"):
        if (entry.model_hash, entry.dataset_fingerprint, entry.split) == wanted:
            return entry, select(utterances_of(store, key), selection)
    return None


def ask(
    store: Store,
    test: str,
    guards: Sequence[str],
    *,
    incumbent: str,
    against: str,
    candidate: str | None = None,
    language: str | None = None,
    bound: float = BOUND,
    allow_few_speakers: bool = False,
    window_bound: float = WINDOW_BOUND,
) -> Question:
    """Find every set of clips that is named, and fix its version, so that a wrong name is said before a training.

    Raises:
        InputError: a name is of no known form; or there is no such data set, split or group, or no transcript in it; or
            a guard is not in the language that the models are told to write.
    """
    sets = [_resolve(store, text) for text in (test, *guards)]
    for selection in sets[1:]:
        if selection == sets[0]:
            raise InputError(f"{selection} is the test set; a guard is a set that must not get worse, another one.")
        spoken = _languages(store, selection)
        # where nobody says a language, a benchmark tells the models that of each data set
        tested = _languages(store, sets[0])
        same_set = selection.dataset == sets[0].dataset
        written = _written(language, spoken, tested) or (_common(tested) if same_set else None)
        if foreign_languages(spoken, written):
            raise InputError(
                f"The guard {selection} is in {', '.join(sorted(spoken))} and the models are told to write {written}; "
                "what they write there says nothing. Name a guard in that language, or leave --language out: then each "
                "set is transcribed in its own."
            )
    if any(one.split != "test" for one in sets):
        raise InputError("The gate looks at test splits: leave /SPLIT out of the test set and of the guards.")
    return Question(
        test=sets[0],
        guards=tuple(sets[1:]),
        incumbent=incumbent,
        against=against,
        candidate=candidate,
        language=language,
        bound=bound,
        allow_few_speakers=allow_few_speakers,
        window_bound=window_bound,
    )


def judge(
    store: Store, run: str, question: Question, *, incumbent: Checkpoint, candidate: Checkpoint, windows: int = 1
) -> GateVerdict:
    """Return the gate's verdict on a run in which both models were benchmarked on every set of the question.

    That the candidate was judged on the test split is written down, and counts as a look where it is a new one;
    ``windows`` are those that it was measured in there before one of them was chosen.

    Raises:
        InputError: the run lacks one of them.
    """

    sides = (run, incumbent), (run, candidate)
    card = load_card(store, question.test.dataset)
    look = take_look(store, card.name, question.test.split, candidate.id, candidate.digest)
    return decide(
        _evidence(store, question, question.test, sides),
        [_evidence(store, question, guard, sides) for guard in question.guards],
        bound=question.bound,
        against=question.against,
        uses=split_use(store, card),
        look=look.model_copy(update={"windows": windows}),
        allow_few_speakers=question.allow_few_speakers,
    )


def judge_windows(
    store: Store, question: Question, fit: Fit, *, full: tuple[str, Checkpoint], short: tuple[str, Checkpoint]
) -> WindowVerdict:
    """Return the window gate's verdict on two runs, one with full windows and one with short ones.

    Args:
        store: where the runs are.
        question: what sets the windows are judged on; its ``window_bound`` counts.
        fit: the short windows.
        full: a run with full windows, and the model that was measured in it.
        short: a run with short windows, and the model in it: the same one, or one that was shortened from it.

    Raises:
        InputError: a run lacks one of the sets.
    """
    sides = full, short
    speeds = [_score(store, run, model, question.test)[0].speed for run, model in sides]
    measured = (entry for entry, _ in entries_of(store, f"runs/{short[0]}") if entry.model_hash == short[1].digest)
    verdict = decide_windows(
        _evidence(store, question, question.test, sides),
        [_evidence(store, question, guard, sides) for guard in question.guards],
        fit=fit,
        bound=question.window_bound,
        allow_few_speakers=question.allow_few_speakers,
        full=speeds[0],
        short=speeds[1],
        runaways=sum(entry.runaways for entry in measured),
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    base = [] if full[1].digest == short[1].digest else [_of_base(full[1].id, verdict.passed)]
    about = {"runs": (full[0], short[0]), "created": now, "sentences": (*verdict.sentences, *base)}
    return verdict.model_copy(update=about)


def _of_base(base: str, passed: bool) -> str:
    """Say whose full windows they are, and after a refusal what to do."""
    said = f"The full windows are those of {base}, its base"
    return f"{said}." if passed else f"{said}: use that, as the shortened model may be worse in its own full windows."


def _evidence(
    store: Store, question: Question, selection: Selection, sides: Sequence[tuple[str, Checkpoint]]
) -> Evidence:
    """Return what two models, each in a run, wrote of the selected clips; the incumbent's first."""
    incumbent, candidate = (_score(store, run, model, selection)[1] for run, model in sides)
    languages, tested = _languages(store, selection), _languages(store, question.test)
    return Evidence(
        str(selection),
        incumbent,
        candidate,
        languages=languages,
        written=_written(question.language, languages, tested) or _common(languages),
        of_one_speaker=selection.column == "speaker",
    )


def _score(store: Store, run: str, model: Checkpoint, selection: Selection) -> tuple[Entry, pa.Table]:
    found = find_score(store, run, model.digest, selection)
    if found is None:
        raise InputError(f"Run {run} has no score of {model.id} on {selection}; benchmark both models on it.")
    return found


def _resolve(store: Store, text: str) -> Selection:
    """Return a selection of a version, after seeing that there are such clips, and words to judge them by."""
    selection = Selection.parse(text)
    card = load_card(store, selection.dataset)
    clips = [clip.utterance for clip in read_clips(store, card, selection.split)]
    if selection.column is not None:
        there = sorted({str(getattr(clip, selection.column)) for clip in clips if getattr(clip, selection.column)})
        if selection.value not in there:
            raise InputError(
                f"{text} holds no clip: {selection.column} {selection.value!r} is not in {card.title} "
                f"(there is: {', '.join(there[:10]) or 'none that is known'})."
            )
        clips = [clip for clip in clips if str(getattr(clip, selection.column)) == selection.value]
    if not any(clip.text for clip in clips):
        raise InputError(
            f"No clip of {text} in the {selection.split} split has a transcript, so that nothing can be judged by it: "
            "name a data set with transcripts (--test, --guard)."
        )
    return selection.model_copy(update={"dataset": f"{card.name}@{card.version}"})


def _languages(store: Store, selection: Selection) -> frozenset[str]:
    """Return the languages that a selection's clips are said to be in."""
    card = load_card(store, selection.dataset)
    spoken = {
        clip.utterance.language
        for clip in read_clips(store, card, selection.split)
        if selection.column is None or getattr(clip.utterance, selection.column) == selection.value
    }
    return frozenset(language for language in spoken if language is not None)


def _written(asked: str | None, languages: frozenset[str], tested: frozenset[str]) -> str | None:
    """Return the language that models write on a set where they are told one.

    A model that lacks the test set's language is told a related one (``--model-language``) and writes the former.
    """
    if asked is not None and foreign_languages(languages, asked) and foreign_languages(tested, asked):
        return _common(tested)
    return asked


def _common(languages: frozenset[str]) -> str | None:
    """Return what models are told to write where nobody says: the language that all clips have, if it is one."""
    primary = {primary_language(language) for language in languages}
    return primary.pop() if len(primary) == 1 else None
