"""Where TensorBoard looks when the store is no folder of this machine."""

from pathlib import Path

import pytest
from registered import registered
from s3 import S3Server
from stores import S3Place
from tiny_whisper import make_whisper

from acento.core.errors import InputError
from acento.core.store import open_store
from acento.core.store.copies import cache_folder
from acento.registry.logs import log_folder

pytestmark = pytest.mark.slow


def test_models_that_were_trained_elsewhere_are_shown_from_their_histories(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    place = S3Place(s3)
    store = open_store(place.url)
    with pytest.raises(InputError, match="No training has left a log in s3://"):
        log_folder(store, None)
    registered(store, make_whisper(tmp_path / "tiny"), job="jobs/0123")
    every = log_folder(store, None)
    assert every == cache_folder(place.url) / "logs"
    assert [path.parent.relative_to(every).as_posix() for path in every.rglob("events.*")] == ["mini-santiago/0123"]
    assert log_folder(store, "mini-santiago") == every / "mini-santiago/0123"
