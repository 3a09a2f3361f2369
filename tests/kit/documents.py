"""Documents as tests make them: by hand, and of any kind that there may be."""

from hypothesis import strategies as st

from acento.data.document import Document, Passage
from acento.data.words import Turn, Word

SPEAKERS = (None, "Ana", "Ben <b> & Co.")
TOKENS = (
    "hola",
    "mundo,",
    "sí.",
    "¿qué?",
    "a",
    "of",
    "AT&T",
    "<unk>",
    "你好，",
    "世界",
    "한국어",
    "مرحبا",
    "שלום,",
    "e\u0301l",
    "x" * 50,
)
"""Words of several scripts, and what formats have to escape."""


def spoken(*texts: str, start: float = 0.5, each: float = 0.4, speaker: str | None = None) -> Passage:
    """Return a passage whose words are all as long."""
    tokens = " ".join(texts).split()
    words = [
        Word(token, round(start + each * n, 3), round(start + each * (n + 1), 3)) for n, token in enumerate(tokens)
    ]
    return Passage(start, words[-1].end, " ".join(tokens), tuple(words), speaker)


def document(*passages: Passage, name: str = "talk.wav", language: str | None = "es", **more: object) -> Document:
    """Return a document that ends with its last passage."""
    return Document(name, max((one.end for one in passages), default=5.0), passages, language=language, **more)  # type: ignore[arg-type]


@st.composite
def documents(draw: st.DrawFn, tokens: st.SearchStrategy[str] | None = None, *, overlap: bool = True) -> Document:
    """Draw a document: passages with and without words, of several speakers, at once or one after the other."""
    texts = st.lists(st.sampled_from(TOKENS) if tokens is None else tokens, min_size=1, max_size=12)
    passages, at = [], 0.0
    for _ in range(draw(st.integers(0, 6))):
        start = max(0.0, at + draw(st.floats(-3.0 if overlap else 0.0, 4.0)))
        found, speaker = draw(texts), draw(st.sampled_from(SPEAKERS))
        words, time = [], start
        for text in found:
            begin = time + draw(st.sampled_from((0.0, 0.0, 0.1, 0.5)))
            time = begin + draw(st.sampled_from((0.0, 0.1, 0.3, 0.8)))
            probability = draw(st.sampled_from((None, 0.5, 0.123456789)))
            words.append(Word(text, begin, time, probability, draw(st.sampled_from((None, speaker)))))
        end = time
        timed = draw(st.booleans())
        passages.append(Passage(start, end, " ".join(found), tuple(words) if timed else (), speaker, "es"))
        at = max(at, end)
    passages.sort(key=lambda one: one.start)
    turns = tuple(Turn(one.start, one.end, one.speaker) for one in passages if one.speaker)
    return Document(
        "talk.wav", at + draw(st.floats(0, 5)), tuple(passages), "demo", "es", draw(st.sampled_from(((), turns)))
    )
