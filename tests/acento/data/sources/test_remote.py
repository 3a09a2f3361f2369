"""Sources at addresses: fetched whole from S3 and the web, or refused in one sentence."""

import io
import socket
import tempfile
import zipfile

import pytest
from recordings import put
from remote_places import AUDIO

from acento.core.errors import DataError, TransientError, may_pass
from acento.core.store import LocalStore
from acento.data.sources import Rejection, RejectReason, SourceItem, SourceOptions, open_source
from acento.data.sources.archives import download
from acento.data.staging import stage


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(download, "PAUSE_S", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield folder
    assert not list(folder.iterdir()), "whatever happens, nothing that was fetched stays"


def read(where, **options):
    with open_source(where, SourceOptions(**options)) as source:
        entries = list(source.items())
    items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
    rejected = {entry.id: entry for entry in entries if isinstance(entry, Rejection)}
    assert len(items) + len(rejected) == len(entries)
    return items, rejected


def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.wav", AUDIO)
            archive.writestr(f"{name}.txt", "Hola.")
    return file.getvalue()


def test_an_archive_is_fetched_and_unpacked(web, bucket):
    (web.folder / "some clips.zip").write_bytes(zipped("a", "anna/b"))
    assert set(read(f"{web.url}/some clips.zip")[0]) == {"a", "anna/b"}
    assert set(read(f"{web.url}/some%20clips.zip?token=1")[0]) == {"a", "anna/b"}
    bucket("deep/clips.zip", zipped("a"))
    assert set(read("s3://clips/deep/clips.zip")[0]) == {"a"}


def test_a_manifest_is_fetched_with_the_recordings_that_its_rows_name(web, bucket):
    rows = '{"audio_filepath": "../wavs/a b.wav", "text": "Hola."}\n{"audio_filepath": "ñ#1?.wav", "text": "Chao."}\n'
    (web.folder / "lists").mkdir()
    (web.folder / "wavs").mkdir()
    (web.folder / "lists/x.jsonl").write_text(rows)
    (web.folder / "wavs/a b.wav").write_bytes(AUDIO)
    (web.folder / "lists/ñ#1?.wav").write_bytes(AUDIO)
    (web.folder / "wavs/unnamed.wav").write_bytes(AUDIO)
    items, rejected = read(f"{web.url}/lists/x.jsonl")
    assert {item.origin for item in items.values()} == {"../wavs/a b.wav", "ñ#1?.wav"}
    assert not rejected
    assert len(web.asked) == 3
    for key, data in {"lists/x.jsonl": rows.encode(), "wavs/a b.wav": AUDIO, "lists/ñ#1?.wav": AUDIO}.items():
        bucket(key, data)
    items, rejected = read("s3://clips/lists/x.jsonl")
    assert {item.origin for item in items.values()} == {"../wavs/a b.wav", "ñ#1?.wav"}
    assert not rejected


def test_a_stretch_of_a_long_recording_is_fetched_once(web):
    lines = [f'{{"audio_filepath": "a.wav", "text": "x", "offset": {n}, "duration": 1}}' for n in range(3)]
    (web.folder / "x.jsonl").write_text("\n".join(lines))
    (web.folder / "a.wav").write_bytes(AUDIO)
    assert len(read(f"{web.url}/x.jsonl")[0]) == 3
    assert web.asked["/a.wav"] == 1


def test_a_table_takes_its_options_and_rejects_rows_one_by_one(web):
    (web.folder / "x.csv").write_text(
        "p,t\na.wav,Hola.\ngone.wav,x\nstatus403.wav,x\n../../out.wav,x\n/etc/hosts,x\n,x\n"
    )
    (web.folder / "a.wav").write_bytes(AUDIO)
    items, rejected = read(f"{web.url}/x.csv", audio_column="p", text_column="t")
    assert set(items) == {"a"}
    assert {uid: entry.reason for uid, entry in rejected.items()} == {
        "gone": RejectReason.NO_AUDIO,
        "status403": RejectReason.NO_AUDIO,
        "../../out": RejectReason.NO_AUDIO,
        "etc/hosts": RejectReason.UNSAFE_PATH,
        "x.csv:7": RejectReason.BAD_ROW,
    }
    assert rejected["gone"].detail == f"There is nothing at {web.url}/gone.wav."
    assert "may not be read (HTTP 403)" in rejected["status403"].detail


def test_a_prefix_of_a_bucket_is_a_folder(bucket):
    for name in ("a", "anna/b", "ñandú 1"):
        bucket(f"set/{name}.wav")
        bucket(f"set/{name}.txt", b"Hola.")
    for junk in ("set/", "set/.hidden.wav", "set/empty/", "settled/z.wav"):
        bucket(junk, b"")
    bucket("set/../evil.wav")
    for where in ("s3://clips/set", "s3://clips/set/"):
        items, rejected = read(where)
        assert set(items) == {"a", "anna/b", "ñandú 1"}
        assert {uid: entry.reason for uid, entry in rejected.items()} == {"../evil.wav": RejectReason.UNSAFE_PATH}


def test_a_prefix_may_hold_common_voice(bucket):
    bucket("cv/es/clips/a.mp3")
    bucket("cv/es/train.tsv", b"client_id\tpath\tsentence\nx\ta.mp3\tHola.\n")
    assert {(item.id, item.split) for item in read("s3://clips/cv/es")[0].values()} == {("a", "train")}


@pytest.mark.slow
def test_without_credentials_what_is_public_is_read_and_what_is_not_is_one_sentence(bucket, monkeypatch):
    bucket("public.zip", zipped("a"), ACL="public-read")
    bucket("private.zip", zipped("a"))
    with monkeypatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
        assert set(read("s3://clips/public.zip")[0]) == {"a"}
        with pytest.raises(DataError, match=r"s3://clips/private.zip may not be read: set AWS_PROFILE"):
            read("s3://clips/private.zip")


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("s3://clips/gone.zip", "nothing at s3://clips/gone.zip"),
        ("s3://clips/gone", "nothing at 's3://clips/gone'"),
        ("s3://clips", "nothing at 's3://clips'"),
        ("s3://no-such-bucket/x.zip", "nothing at s3://no-such-bucket/x.zip"),
        ("s3://no-such-bucket/x", "nothing at s3://no-such-bucket/x"),
        ("s3://", "names no bucket"),
        ("s3://A_b!/x.zip", "cannot be read|no address|nothing at"),
        ("https:///x.zip", "names no server"),
        ("http://a b/x.zip", "names no server"),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_an_address_where_nothing_is_is_one_sentence(where, says):
    with pytest.raises(DataError, match=says) as caught:
        read(where)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("gone.zip", DataError, "There is nothing at"),
        ("status401.zip", DataError, "asks for a login"),
        ("status403.csv", DataError, r"may not be read \(HTTP 403\)"),
        ("status418.zip", DataError, r"cannot be read \(HTTP 418"),
        ("status503.zip", TransientError, r"is not served now \(HTTP 503"),
        ("status429.zip", TransientError, r"is not served now \(HTTP 429"),
        ("cut.zip", TransientError, "cannot be reached now|broke off"),
        ("page.zip", DataError, "is a web page and not a file"),
        ("folder/", DataError, "should end in one of .zip, .tar"),
        ("../x.csv", DataError, "There is nothing at|'..' in its path"),
    ],
)
def test_what_a_web_server_refuses_is_one_sentence_without_secrets(web, name, kind, says):
    (web.folder / "page.zip").write_text("<!DOCTYPE html><p>Please log in.")
    address = web.url.replace("://", "://anna:geheim@") + f"/{name}?X-Amz-Signature=geheim"
    with pytest.raises(kind, match=says) as caught:
        read(address)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is None or "geheim" not in str(caught.value.__cause__)
    assert may_pass(caught.value) is (kind is TransientError)


def test_a_download_that_breaks_off_is_noticed_and_tried_again(web):
    (web.folder / "once-cut.zip").write_bytes(zipped("a"))
    assert set(read(f"{web.url}/once-cut.zip")[0]) == {"a"}
    assert web.asked["/once-cut.zip"] == 2
    with pytest.raises(TransientError):
        read(f"{web.url}/cut.zip")
    assert web.asked["/cut.zip"] == download.TRIES


def test_a_recording_that_cannot_be_fetched_now_stops_all_instead_of_being_rejected(web):
    (web.folder / "x.csv").write_text("path,text\ncut.wav,Hola.\n")
    with pytest.raises(TransientError, match=r"cut\.wav"):
        read(f"{web.url}/x.csv")


@pytest.mark.slow
@pytest.mark.usefixtures("bucket")
def test_a_server_that_is_down_or_silent_may_pass(web, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    monkeypatch.setattr(download, "TRIES", 2)
    with pytest.raises(TransientError, match="cannot be reached now"):
        read(f"http://127.0.0.1:{nobody}/x.zip")
    monkeypatch.setattr(download, "SILENCE_S", 0.2)
    (web.folder / "silent.zip").write_bytes(zipped("a"))
    with pytest.raises(TransientError, match="no answer in time"):
        read(f"{web.url}/silent.zip")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{nobody}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for where in ("s3://clips/x.zip", "s3://clips/x"):
        with pytest.raises(TransientError, match="cannot be reached now"):
            read(where)


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_may_not_be_read_is_one_sentence_without_secrets(monkeypatch):
    class Denied:
        def find(self, *_, **__):
            raise PermissionError("secret: Access Denied")

        get_file = find

    monkeypatch.setattr("fsspec.filesystem", lambda *_, **__: Denied())
    for where in ("s3://clips/x.zip", "s3://clips/x"):
        with pytest.raises(DataError, match="may not be read: set AWS_PROFILE") as caught:
            read(where)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("place", ["web", "s3"])
def test_what_is_staged_from_an_address_is_what_the_folder_holds(web, bucket, tmp_path, place):
    folder = tmp_path / "set"
    for n in range(3):
        put(folder, f"clip{n}", n)
    store = LocalStore(tmp_path / "store")
    plain = stage(store, str(folder), "plain", workers=0)
    if place == "s3":
        for file in folder.iterdir():
            bucket(f"set/{file.name}", file.read_bytes())
        where = "s3://clips/set"
    else:
        with zipfile.ZipFile(web.folder / "set.zip", "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
        where = f"{web.url}/set.zip?signature=geheim"
    result = stage(store, where, "remote", workers=0)
    assert result.card.fingerprint == plain.card.fingerprint
    assert "geheim" not in result.card.source
    assert not stage(store, where, "remote", workers=0).new_version
