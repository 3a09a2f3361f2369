"""Which store a URL names; nothing is asked of it yet."""

import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

import acento.core.store
from acento.core.errors import InputError
from acento.core.store import LocalStore, open_store
from acento.core.store.objects import ObjectStore


def test_a_path_and_a_file_url_are_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_store("here").root == tmp_path / "here"
    assert open_store(f"file://{tmp_path}/there").root == tmp_path / "there"


@pytest.mark.parametrize("url", ["s3://bucket/some/prefix", "s3://bucket/some/prefix/", "s3://bucket//some/prefix"])
def test_a_bucket_is_written_in_one_way(url):
    store = open_store(url)
    assert isinstance(store, ObjectStore)
    assert store.url == "s3://bucket/some/prefix"


def test_a_url_without_a_bucket_is_one_sentence():
    with pytest.raises(InputError, match="names no bucket"):
        open_store("s3://")


def test_credentials_in_the_url_are_refused_and_not_shown():
    with pytest.raises(InputError) as raised:
        open_store("s3://AKIAKEY:verysecret@bucket/prefix")
    assert "verysecret" not in str(raised.value)
    assert "AWS_PROFILE" in str(raised.value)


def test_an_unknown_scheme_is_one_sentence():
    with pytest.raises(InputError, match="ftp://"):
        open_store("ftp://somewhere/else")


def test_other_schemes_are_looked_up_among_installed_packages_and_only_when_asked_for(tmp_path, monkeypatch):
    (tmp_path / "store_of_a_plugin.py").write_text(
        "from acento.core.store import LocalStore\n"
        "from pathlib import Path\n"
        f"def opened(url): return LocalStore(Path({str(tmp_path)!r}) / url.removeprefix('strange://'))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    known = EntryPoints([EntryPoint("strange", "store_of_a_plugin:opened", acento.core.store.PLUGINS)])
    monkeypatch.setattr(acento.core.store, "entry_points", lambda **asked: known.select(**asked))
    open_store("s3://bucket")
    assert "store_of_a_plugin" not in sys.modules
    opened = open_store("strange://place")
    assert isinstance(opened, LocalStore)
    assert opened.root == tmp_path / "place"


def test_modal_volumes_are_announced():
    (entry,) = acento.core.store.entry_points(group=acento.core.store.PLUGINS, name="modal")
    assert entry.value == "infra.modal.store:open_volume"
