"""What the commands that train work on: a base model, and a store with data sets."""

import shutil
from pathlib import Path

import pytest
from staged import staged, staged_splits
from tiny_whisper import make_whisper

from acento.core.store import LocalStore


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a base model and a store with a data set of three splits, and one that has only a test."""
    root = tmp_path_factory.mktemp("training")
    make_whisper(root / "base", seed=4, window_s=2)
    store = LocalStore(root / "store")
    staged_splits(store, root / "clips")
    staged(store, root / "tests", 6, name="only-tests")
    return root


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Copy it, so that each test has a store of its own."""
    return shutil.copytree(prepared, tmp_path / "work")
