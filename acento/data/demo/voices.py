"""Who speaks in the demo: espeak-ng's speaker variants, each in one role only."""

import random
from typing import Final

from acento.data.demo.speech import Voice

LANGUAGE: Final = "es-419"  # espeak-ng's Latin American Spanish

# The base models' training text is spoken by these. Robots, whispers and near copies of others are left out.
BASE_SPEAKERS: Final = (
    "Alex", "Andrea", "Annie", "Denis", "Diogo", "Gene", "Hugo", "Lee", "Mario", "Michael", "Reed", "adam",
    "belinda", "boris", "david", "edward", "f1", "f3", "f5", "linda", "m1", "m3", "m5", "m7", "max", "pablo",
    "paul", "pedro", "shelby", "travis", "zac", "kaukovalta",
)  # fmt: skip

# split -> the speakers of its clips, with the pitch of each
SPEAKERS: Final[dict[str, dict[str, int]]] = {
    "train": {"f4": 50, "m4": 45, "aunty": 50, "miguel": 55},
    "dev": {"norbert": 50, "quincy": 50},
    "test": {"f2": 50, "m2": 50, "m6": 45, "grandma": 50, "robert": 55},
}
_RATES: Final = (150, 158, 166, 174)  # words a minute


def voice_of(split: str, index: int) -> Voice:
    """The voice of the clip at `index` of a split: its speakers take turns, and so do their rates.

    >>> voice_of("test", 0).speaker, voice_of("test", 6).speaker, voice_of("test", 6).rate
    ('f2', 'm2', 158)
    """
    speakers = tuple(SPEAKERS[split].items())
    name, pitch = speakers[index % len(speakers)]
    return Voice(f"{LANGUAGE}+{name}", rate=_RATES[index // len(speakers) % len(_RATES)], pitch=pitch)


def base_voice(random: random.Random) -> Voice:
    """A base speaker with a rate, pitch and liveliness drawn at random."""
    return Voice(
        f"{LANGUAGE}+{random.choice(BASE_SPEAKERS)}",
        rate=random.randint(142, 184),
        pitch=random.randint(32, 68),
        span=random.randint(30, 75),
    )
