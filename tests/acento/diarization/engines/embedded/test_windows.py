"""Audio in blocks becomes windows: the same ones whatever the blocks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from acento.diarization.engines.embedded.windows import windows_of


@settings(deadline=None)
@given(length=st.integers(0, 60), size=st.integers(1, 20), hop=st.integers(1, 20), cuts=st.lists(st.integers(0, 60)))
def test_windows_are_cut_every_hop_until_one_reaches_the_end(length: int, size: int, hop: int, cuts: list[int]) -> None:
    hop = min(hop, size)
    audio = np.arange(1, length + 1, dtype=np.float32)
    windows = list(windows_of(np.split(audio, sorted(min(cut, length) for cut in cuts)), size, hop))
    padded = np.pad(audio, (0, size))
    assert len(windows) == (0 if not length else max(0, -(-(length - size) // hop)) + 1)
    for number, window in enumerate(windows):
        assert window.audio.tolist() == padded[number * hop : number * hop + size].tolist()
    assert sum(window.samples for window in windows) == length
