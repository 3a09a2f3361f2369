"""The doctor's review page: the worst findings with a player each; what is decided on it is downloaded as a CSV."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from acento.core import VERSION
from acento.core.store import Store
from acento.core.templates import render
from acento.data.dataset import Card, read_audio
from acento.data.splits import prompt_of
from acento.validation.doctor.findings import COLUMNS, FINDINGS, DoctorReport, findings_row
from acento.validation.doctor.heuristics import Case

SHOWN = 60
SOUND_BYTES = 12_000_000
"""A page holds at most so many findings, and so many bytes of FLAC (a third more in base64)."""


def sounds(store: Store, card: Card, suspects: Sequence[Case]) -> dict[str, bytes]:
    """Return the FLAC bytes of the worst clips, worst first, as many as a page may hold."""
    wanted = [one.clip.id for one in suspects[:SHOWN]]
    found = read_audio(store, card, wanted)
    kept, total = dict[str, bytes](), 0
    for uid in wanted:
        flac = found.get(uid, b"")
        total += len(flac)
        if total > SOUND_BYTES:
            break
        kept[uid] = flac
    return kept


def page(report: DoctorReport, suspects: Sequence[Case], audio: dict[str, bytes]) -> str:
    """Return the page of the findings whose audio is given: HTML, with style, script and audio inside."""
    shown = [(rank, one) for rank, one in enumerate(suspects, 1) if one.clip.id in audio]
    script = render("validation/doctor/templates/review.js")
    facts = {
        "clips": f"{report.clips:,}",
        "findings": f"{report.findings:,}",
        **{kind.replace("_", " "): f"{count:,}" for kind, count in report.kinds.items()},
        "base model": report.model,
    }
    return render(
        "validation/doctor/templates/review.html",
        report=report,
        facts=facts.items(),
        rest=len(suspects) - len(shown),
        cases=[
            {
                "rank": rank,
                "suspect": one,
                "texts": marked(one.clip.reference, one.clip.hypothesis or ""),
                "audio": b64encode(audio[one.clip.id]).decode(),
                "action": "keep" if one.hint and not one.hint.reference else one.suggested_action,
            }
            for rank, one in shown
        ],
        table={"columns": COLUMNS, "rows": [findings_row(rank, one, action="") for rank, one in shown]},
        findings_file=FINDINGS,
        script=script,
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
        version=VERSION,
    )


def marked(reference: str, hypothesis: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return both texts in stretches: an HTML tag for what only one of them has, "" for the rest, and the words.

    >>> marked("La casa, roja.", "la cosa roja")
    ([('', 'La'), ('del', 'casa,'), ('', 'roja.')], [('', 'la'), ('ins', 'cosa'), ('', 'roja')])
    """
    from rapidfuzz.distance import Levenshtein

    texts = reference.split(), hypothesis.split()
    stretches: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for step in Levenshtein.opcodes(*([prompt_of(word) for word in text] for text in texts)):
        words = texts[0][step.src_start : step.src_end], texts[1][step.dest_start : step.dest_end]
        for some, kind, into in zip(words, ("del", "ins"), stretches, strict=True):
            tag = "" if step.tag == "equal" else kind
            if into and into[-1][0] == tag:
                into[-1] = (tag, " ".join([into[-1][1], *some]))
            elif some:
                into.append((tag, " ".join(some)))
    return stretches
