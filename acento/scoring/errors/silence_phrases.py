"""What Whispers write where nobody speaks: phrases of the videos' captions that they were trained on.

*Credits* name who made the captions; nobody says that. *Courtesies*, such as thanks for watching, people do say, so
that something else must speak against one. The list beside this file (YAML) has what users and studies report (Barański
et al., "Investigation of Whisper ASR hallucinations induced by non-speech audio", ICASSP 2025).
"""

from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from acento.core.text.steps import collapse_spaces, compose, lowercase, symbols_to_spaces

Kind = Literal["credit", "courtesy"]


def silence_phrase(text: str) -> Kind | None:
    """Return which kind of phrase a whole sentence is that Whispers write where nobody speaks; None: it is none.

    All languages are looked at: a model may write in any where nobody speaks, whatever it was told.

    >>> silence_phrase("Ondertiteld door de Amara.org gemeenschap"), silence_phrase("¡Gracias por ver el video!")
    ('credit', 'courtesy')
    >>> silence_phrase("Gracias por ver a mi mamá")
    """
    key = _key(text)
    names, beginnings, courtesies = _phrases()
    if key.startswith(beginnings) or any(name in key for name in names):
        return "credit"
    return "courtesy" if key in courtesies else None


@cache
def _phrases() -> tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]:
    listed = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    beginnings, courtesies = (
        [_key(phrase) for phrases in listed[kind].values() for phrase in phrases]
        for kind in ("beginnings", "courtesies")
    )
    return tuple(map(_key, listed["names"])), tuple(beginnings), frozenset(courtesies)


def _key(text: str) -> str:
    """Return a text's letters and digits in lower case, words apart by one space, without apostrophes."""
    return collapse_spaces(symbols_to_spaces(compose(lowercase(text)).replace("'", "").replace("’", "")))
