"""The review list: a CSV that opens in a spreadsheet, a row for each utterance of a draft, for a person to decide on.

A person writes ``keep``, ``drop`` or ``correct`` into the column ``action``, and a better text into ``new_text``, which
is a mark by itself, or over the one in ``text``. What has no mark is not reviewed. Only ``id``, ``draft`` and these
columns are read back: all else comes from the store.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from acento.core.errors import DataError, InputError
from acento.core.output import write_whole
from acento.core.store import Store
from acento.data.sources.tables.table_file import TableFile
from acento.transcription.drafts.draft import Draft, DraftUtterance, ids_of, load_draft

Outcome = Literal["kept", "corrected", "dropped", "accepted", "not_reviewed"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("kept", "corrected", "dropped", "accepted", "not_reviewed")
ACTIONS: Final = ("keep", "drop", "correct")
COLUMNS: Final = (
    *("action", "text", "new_text", "confidence", "reason", "recording", "start", "end"),
    *("speaker", "language", "id", "draft"),
)
_RECODE: Final = "save it as 'CSV UTF-8' or as Unicode text"
"""What to do where a spreadsheet wrote another encoding."""
_FORMULA = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person wrote into a row."""

    action: str = ""
    new_text: str = ""

    @property
    def marked(self) -> bool:
        """Whether there is anything."""
        return bool(self.action or self.new_text)


@dataclass(frozen=True, slots=True)
class Decided:
    """An utterance, and what becomes of it with which text."""

    utterance: DraftUtterance
    outcome: Outcome
    text: str


def list_of(draft: Draft, decisions: Mapping[str, Decision] | None = None, leave_out: Iterable[str] = ()) -> str:
    """Return the list as CSV with a header, the least sure utterance first.

    Args:
        draft: what was heard.
        decisions: by id what a person has decided already.
        leave_out: ids of utterances that need no review, as they are in the data set.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    gone = set(leave_out)
    for one in draft.utterances:
        if one.id in gone:
            continue
        mark = (decisions or {}).get(one.id, Decision())
        confidence = "" if one.confidence is None else f"{one.confidence:.2f}"
        about = (_shown(one.text), _shown(mark.new_text), confidence, one.reason, one.file, one.start, one.end)
        table.writerow([mark.action, *about, one.speaker or "", one.language or "", one.id, draft.id])
    return text.getvalue()


def write_list(store: Store, draft: Draft, path: Path, leave_out: Iterable[str] = ()) -> None:
    """Write the list of a draft to a file; decisions in one that is there are taken over.

    The file begins with a byte order mark, by which spreadsheets know that it is UTF-8.

    Raises:
        InputError: a decision in the file is on an utterance that the draft does not have, or has with another text; or
            the file cannot be read or written.
    """
    decisions: dict[str, Decision] = {}
    leave_out = set(leave_out)
    if path.exists():
        before, decisions = read_list(store, path)
        now, known = ids_of(draft.utterances), ids_of(before.utterances)
        lost = [
            id
            for id, mark in decisions.items()
            if mark.marked and id not in leave_out and (id not in now or now[id].text != known[id].text)
        ]
        if lost:
            raise InputError(
                f"{path} has {len(lost)} decisions on what was heard otherwise now, such as {lost[0]}: stage them with "
                "--reviewed first, or write the new list to another file with --out."
            )
    try:
        write_whole(path, ("\ufeff" + list_of(draft, decisions, leave_out)).encode(), replace=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from error


def read_list(store: Store, path: Path) -> tuple[Draft, dict[str, Decision]]:
    """Return the draft of a list, and by id what a person decided on.

    Raises:
        InputError: it is no such list, or has a row that cannot be understood.
    """
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        with TableFile(path, str(path), example=",".join(COLUMNS), recode=_RECODE) as table:
            table.need("id", "action", "text", "new_text", "draft")
            for number, row in table.rows():
                if isinstance(row, str):
                    raise InputError(f"{path}: {row}")
                rows.append((number, row))
    except DataError as error:
        raise InputError(f"{error} Give back the list that acento draft wrote.") from error
    drafts = {row.get("draft", "") for _, row in rows}
    if len(drafts) != 1 or not all(drafts):
        what = "is empty" if not rows else "is of several drafts" if len(drafts) > 1 else "names no draft"
        raise InputError(f"{path} {what}: give back one list that acento draft wrote, with its column draft.")
    draft = load_draft(store, drafts.pop())
    known = ids_of(draft.utterances)
    decisions: dict[str, Decision] = {}
    for number, row in rows:
        id = row.get("id", "")
        if id not in known:
            raise InputError(
                f"{path}, line {number}: {id!r} is no utterance of its draft; leave the column id as it was."
            )
        if id in decisions:
            raise InputError(f"{path}, line {number}: {id} is there twice; decide on it once.")
        decisions[id] = _decision(row, known[id], f"{path}, line {number}")
    return draft, decisions


def _decision(row: Mapping[str, str], utterance: DraftUtterance, where: str) -> Decision:
    action = row.get("action", "").strip().lower()
    new, text = (_plain(row.get(name, "")) for name in ("new_text", "text"))
    if action and action not in ACTIONS:
        raise InputError(f"{where}: {action!r} is no action; use {', '.join(ACTIONS)}, or leave it empty.")
    if not new and text and text != _plain(_shown(utterance.text)):
        if not action:  # spreadsheets change what looks like a number or a date
            raise InputError(
                f"{where}: the text of {utterance.id} is another one, and its action is empty: write correct there, or "
                "drop, or put the text back."
            )
        new = text
    if new == _plain(utterance.text):
        new = ""
        action = "keep" if action == "correct" else action
    if action == "correct" and not new:
        raise InputError(
            f"{where}: {utterance.id} is marked correct and has no other text; write one, or keep or drop it."
        )
    if action == "drop":
        return Decision("drop")
    return Decision("correct", new) if new else Decision(action)


def decided(draft: Draft, decisions: Mapping[str, Decision], accept_above: float | None = None) -> list[Decided]:
    """Return what becomes of every utterance of a draft.

    Args:
        draft: what was heard.
        decisions: by id what a person wrote.
        accept_above: utterances without a mark are accepted with at least this confidence; None: none is.
    """
    found = []
    for one in draft.utterances:
        mark = decisions.get(one.id, Decision())
        sure = accept_above is not None and one.confidence is not None and one.confidence >= accept_above
        outcome: Outcome = "accepted" if sure else "not_reviewed"
        if mark.marked:
            outcome = {"drop": "dropped", "keep": "kept"}.get(mark.action, "corrected")  # type: ignore[assignment]
        found.append(Decided(one, outcome, mark.new_text or one.text))
    return found


def _plain(text: str) -> str:
    return " ".join(text.split())


def _shown(text: str) -> str:
    """Return a text that a spreadsheet takes for no formula."""
    return f" {text}" if text.startswith(_FORMULA) else text
