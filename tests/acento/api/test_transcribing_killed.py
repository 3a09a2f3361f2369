"""``kill -9`` at every write of the store or of an output: the same again ends with the same files."""

import shutil
from pathlib import Path

import pytest
from batches import asked, digests, talks, use_fakes
from faults import killed_at_every_write

from acento.api.carrying import in_process
from acento.api.recordings.batches import lease_of
from acento.api.recordings.transcribing import run_steps
from acento.core.store import LocalStore


@pytest.mark.slow
def test_killed_at_any_write_and_run_again_it_ends_as_one_that_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_fakes(monkeypatch, part_s=0.3)
    monkeypatch.setattr("acento.api.recordings.transcribing.cores", lambda: 1)
    folder = talks(tmp_path / "in", 1, damaged=1)

    def make_root() -> Path:
        root = tmp_path / f"root{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        return root

    def run(root: Path) -> None:
        store = LocalStore(root / "store")
        request = asked(folder, tmp_path, out=str(root / "out"), formats="txt,srt", num_requests=1)
        with lease_of(store, request):
            done = run_steps(request, in_process(store))
        assert done.counts["done"] + done.counts["skipped"] == 1
        assert done.counts["failed"] == 1

    straight = make_root()
    run(straight)
    expected = digests(straight / "out")
    trials = 0
    for where, root in killed_at_every_write(run, make_root):
        assert digests(root / "out") == expected, where
        trials += 1
        shutil.rmtree(root)
    assert trials > 40
