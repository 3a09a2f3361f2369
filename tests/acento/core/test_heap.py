"""What is freed is kept for the next block, also in threads that are started later, and given back when asked."""

import subprocess
import sys

import pytest

from acento.core import heap

_FAULTS = """
import resource, sys, threading
from acento.core.heap import give_back, keep_freed
wait = threading.Event()
threading.Thread(target=lambda: (bytes(99), wait.wait()), daemon=True).start()
if sys.argv[1] == "keep":
    keep_freed()
def work(count):
    for _ in range(count):
        b"x" * (100 << 20)
def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=work, args=[count])
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20
faults(1)
print(faults(3), held(), give_back(), held())
"""


@pytest.mark.skipif(heap._glibc() is None, reason="the C library is not glibc")
def test_large_blocks_cost_their_pages_once() -> None:
    def ran(how: str) -> list[str]:
        done = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
        return done.stdout.split()

    kept, lost = ran("keep"), ran("lose")
    assert int(kept[0]) < 1000 < int(lost[0])
    assert int(kept[1]) - int(kept[3]) > 90  # MB, given back
    assert int(lost[1]) < int(kept[1])


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap.sys, "platform", "darwin")
    heap._glibc.cache_clear()
    try:
        assert heap._glibc() is None
        heap.keep_freed()
        heap.give_back()
    finally:
        heap._glibc.cache_clear()
