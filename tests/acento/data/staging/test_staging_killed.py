"""Staging that is killed at any write of the store, and run again, ends as one that never was."""

import shutil

import pytest
from faults import killed_at_every_write, tree
from recordings import put

from acento.core.store import LocalStore
from acento.data.dataset import versions
from acento.data.staging import stage

pytestmark = pytest.mark.slow


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Seven inputs in chunks of two: good ones, a broken one, one without text, and one that is there twice."""
    monkeypatch.setattr("acento.data.staging.chunk.CHUNK_CLIPS", 2)
    folder = tmp_path / "recordings"
    for n in range(4):
        put(folder, f"clip{n}", n)
    put(folder, "mute", 9, text=None)
    put(folder, "twice", 1)
    (folder / "broken.wav").write_bytes(b"RIFF, they said")
    (folder / "broken.txt").write_text("Hola.")
    return folder


def test_killed_at_any_write_of_a_first_version(recordings, tmp_path):
    def action(root):
        stage(LocalStore(root), str(recordings), "demo", workers=0)

    roots = iter(range(10**6))
    action(tmp_path / "whole")
    points = 0
    for point, root in killed_at_every_write(action, lambda: tmp_path / str(next(roots))):
        assert tree(root) == tree(tmp_path / "whole"), point
        points += 1
    assert points > 20


def test_killed_at_any_write_of_a_version_that_appends_and_corrects(recordings, tmp_path):
    roots = iter(range(10**6))
    first = tmp_path / "first"

    def action(root):
        stage(LocalStore(root), str(recordings), "demo", workers=0)

    def staged_once():
        return shutil.copytree(first, tmp_path / str(next(roots)))

    action(first)
    put(recordings, "new", 20)
    (recordings / "clip2.txt").write_text("corrected")
    whole = staged_once()
    action(whole)
    assert len(versions(LocalStore(whole), "demo")) == 2
    for point, root in killed_at_every_write(action, staged_once):
        assert tree(root) == tree(whole), point
