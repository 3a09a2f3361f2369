"""Archives of recordings: unpacked where they may be, refused in one sentence where they may not."""

import io
import os
import random
import stat
import struct
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recordings import put

from acento.core.errors import AcentoError, DataError
from acento.core.store import LocalStore
from acento.data.sources import Rejection, RejectReason, SourceItem, open_source
from acento.data.sources.archives import archive
from acento.data.staging import stage

FORMATS = {"tar": "w", "tar.gz": "w:gz", "tgz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz", "zip": ""}
AUDIO = b"audio"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir()), "whatever happens, nothing that was unpacked stays"


def pack(path, files, suffix=None):
    """Write an archive of (name, bytes) pairs; of a tar, a TarInfo may stand for its bytes."""
    path = Path(path)
    suffix = suffix or path.name.partition(".")[2]
    if suffix == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in files:
                file.writestr(name, data)
        return path
    with tarfile.open(path, FORMATS[suffix]) as file:
        for name, data in files:
            if isinstance(data, bytes):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
            else:
                info = data
                info.name = name
                file.addfile(info)
    return path


def pair(name, text="Hola."):
    return [(f"{name}.wav", AUDIO), (f"{name}.txt", text.encode())]


def read(path):
    with open_source(str(path)) as source:
        entries = list(source.items())
    items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
    rejected = {(entry.id, entry.reason) for entry in entries if isinstance(entry, Rejection)}
    assert len(items) + len(rejected) == len(entries)
    return items, rejected


def special(kind, target=""):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_kind_of_archive_of_a_folder_gives_what_the_folder_gives(tmp_path, suffix):
    path = pack(tmp_path / f"clips.{suffix}", [*pair("a"), *pair("anna/b", "Chao.")])
    items, rejected = read(path)
    assert {uid: (item.text, item.origin) for uid, item in items.items()} == {
        "a": ("Hola.", "a.wav"),
        "anna/b": ("Chao.", "anna/b.wav"),
    }
    assert not rejected


def test_what_is_unpacked_is_there_inside_the_block_only(tmp_path, temporary):
    path = pack(tmp_path / "clips.zip", pair("a"))
    with open_source(str(path)) as source:
        (item,) = source.items()
        assert item.path.read_bytes() == AUDIO
        assert item.path.is_relative_to(temporary)
    assert not item.path.exists()
    with pytest.raises(RuntimeError, match="with block"):
        list(source.items())


def test_a_kind_is_told_by_content_and_not_by_the_name(tmp_path):
    path = pack(tmp_path / "clips.tar.gz", pair("a"), suffix="tar")
    assert set(read(path)[0]) == {"a"}
    path = pack(tmp_path / "clips.tgz", pair("b"), suffix="zip")
    assert set(read(path)[0]) == {"b"}


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_one_folder_at_the_top_is_entered_and_junk_beside_it_is_none(tmp_path, suffix):
    junk = [("__MACOSX/clips/._a.wav", b"x"), (".DS_Store", b"x"), ("clips/.hidden.wav", b"x")]
    path = pack(tmp_path / f"x.{suffix}", [*pair("./clips/a"), *junk])
    items, rejected = read(path)
    assert set(items) == {"a"}
    assert not rejected


def test_csv_files_of_an_audio_folder_inside_decide_as_they_do_outside(tmp_path):
    rows = b"uid,file_name,text\nA,a.wav,Hola.\n"
    path = pack(tmp_path / "x.zip", [("top/a.wav", AUDIO), ("top/dev_files.csv", rows)])
    assert {(uid, item.split) for uid, item in read(path)[0].items()} == {("A", "dev")}


def test_a_manifest_or_a_table_at_the_top_is_read(tmp_path):
    line = b'{"audio_filepath": "wavs/a.wav", "text": "Hola."}\n'
    path = pack(tmp_path / "x.tar", [("top/wavs/a.wav", AUDIO), ("top/manifest.json", line)])
    assert {(i.id, i.text, i.split) for i in read(path)[0].values()} == {("wavs/a", "Hola.", None)}
    path = pack(tmp_path / "y.zip", [("wavs/a.wav", AUDIO), ("clips.csv", b"path,sentence\nwavs/a.wav,Chao.\n")])
    assert {(i.id, i.text) for i in read(path)[0].values()} == {("wavs/a", "Chao.")}


def test_several_lists_are_the_splits_that_they_name(tmp_path):
    lists = [
        (f"{n}_manifest.json", f'{{"audio_filepath": "{n}.wav", "text": "x"}}'.encode()) for n in ("train", "test")
    ]
    path = pack(tmp_path / "x.tar", [("train.wav", AUDIO), ("test.wav", AUDIO), *lists])
    assert {(i.id, i.split) for i in read(path)[0].values()} == {("train", "train"), ("test", "test")}


def test_common_voice_inside_is_common_voice(tmp_path):
    rows = b"client_id\tpath\tsentence\nx\ta.mp3\tHola.\n"
    path = pack(tmp_path / "cv.tar.gz", [("cv-corpus-1/es/clips/a.mp3", AUDIO), ("cv-corpus-1/es/test.tsv", rows)])
    assert {(i.id, i.split, i.speaker) for i in read(path)[0].values()} == {("a", "test", "x")}


UNSAFE = ["../a.wav", "x/../../a.wav", "/etc/a.wav", "C:/a.wav", "C:a.wav", "..\\a.wav", "\\a.wav", "x\\..\\..\\a.wav"]


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_names_that_lead_out_are_rejected_one_by_one_and_the_rest_goes_on(tmp_path, suffix):
    path = pack(tmp_path / f"x.{suffix}", [*((name, AUDIO) for name in UNSAFE), *pair("good")])
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    items, rejected = read(path)
    assert set(items) == {"good"}
    assert rejected == {(name, RejectReason.UNSAFE_PATH) for name in UNSAFE}
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == before


def test_links_and_devices_of_a_tar_are_rejected_one_by_one(tmp_path):
    kinds = {
        "link.wav": special(tarfile.SYMTYPE, "/etc/passwd"),
        "hard.wav": special(tarfile.LNKTYPE, "good.wav"),
        "null.wav": special(tarfile.CHRTYPE),
        "disk.wav": special(tarfile.BLKTYPE),
        "pipe.wav": special(tarfile.FIFOTYPE),
        "odd.wav": special(b"Z"),
    }
    items, rejected = read(pack(tmp_path / "x.tar", [*pair("good"), *kinds.items()]))
    assert set(items) == {"good"}
    assert rejected == {(name, RejectReason.UNSAFE_PATH) for name in kinds}


def test_a_file_behind_a_linked_folder_stays_inside(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = ("way", special(tarfile.SYMTYPE, str(outside)))
    items, rejected = read(pack(tmp_path / "x.tar", [link, *pair("way/a"), *pair("b")]))
    assert set(items) == {"way/a", "b"}
    assert rejected == {("way", RejectReason.UNSAFE_PATH)}
    assert not list(outside.iterdir())


def test_links_of_a_zip_are_rejected(tmp_path):
    info = zipfile.ZipInfo("link.wav")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    items, rejected = read(pack(tmp_path / "x.zip", [(info, b"/etc/passwd"), *pair("good")]))
    assert set(items) == {"good"}
    assert rejected == {("link.wav", RejectReason.UNSAFE_PATH)}


def test_a_list_inside_cannot_name_a_file_outside(tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(AUDIO)
    rows = f"path,text\n{secret},Hola.\n../../secret.wav,Hola.\na.wav,Hola.\n".encode()
    items, rejected = read(pack(tmp_path / "x.zip", [("list.csv", rows), ("a.wav", AUDIO)]))
    assert set(items) == {"a"}
    assert (str(secret.with_suffix("")).lstrip("/"), RejectReason.UNSAFE_PATH) in rejected
    assert len(rejected) == 2


def test_only_unsafe_members_is_a_staging_of_nothing_that_says_why(tmp_path):
    path = pack(tmp_path / "x.tar", [("../a.wav", AUDIO)])
    with pytest.raises(DataError, match="1 × unsafe_path"):
        stage(LocalStore(tmp_path / "store"), str(path), "x", workers=0)


def test_a_member_that_is_there_twice_is_taken_once(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = pack(tmp_path / "x.zip", [*pair("a"), *pair("a", "another")])
    items, rejected = read(path)
    assert {(uid, item.text) for uid, item in items.items()} == {("a", "Hola.")}
    assert rejected == {("a.wav", RejectReason.DUPLICATE_ID), ("a.txt", RejectReason.DUPLICATE_ID)}


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_names_with_spaces_quotes_newlines_and_other_scripts_are_names(tmp_path, suffix):
    names = ["a b", 'it\'s "x"', "line\nbreak", "ñandú 你好", "a.b.c", "at 10: 30"]
    items, rejected = read(pack(tmp_path / f"x.{suffix}", [file for name in names for file in pair(name)]))
    assert sorted(items) == sorted(names)
    assert not rejected


def test_a_name_that_no_file_can_have_is_rejected(tmp_path):
    long = f"{'x' * 300}.wav"
    items, rejected = read(pack(tmp_path / "x.tar", [(long, AUDIO), *pair("a"), ("a.wav/b.wav", AUDIO)]))
    assert set(items) == {"a"}
    assert (long, RejectReason.UNSAFE_PATH) in rejected
    assert len(rejected) == 2


def test_zip_names_in_utf_8_without_the_flag_and_in_cp437_are_read(tmp_path):
    path = pack(tmp_path / "x.zip", [*pair("NNNN"), *pair("QQ")])
    data = path.read_bytes().replace(b"NNNN", "ñé".encode()).replace(b"QQ", b"\xa4q")  # 0xA4 is ñ in cp437
    path.write_bytes(data)
    assert set(read(path)[0]) == {"ñé", "ñq"}


def test_tar_names_that_are_not_utf_8_reach_staging_as_bad_rows(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as file:
        for name, data in [*pair("señor"), *pair("good")]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    assert len(read(path)[0]) == 2


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_an_archive_that_was_cut_anywhere_is_one_sentence(tmp_path, suffix):
    files = [(f"{n}.wav", os.urandom(3000)) for n in range(5)]
    whole = pack(tmp_path / f"whole.{suffix}", files).read_bytes()
    end = len(whole) if suffix != "tar" else 5 * 3584
    for size in [1, 5, 20, 600, end // 3, end // 2, 2 * 3584, end - 9 if suffix != "tar" else end]:
        cut = tmp_path / f"cut.{suffix}"
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"The archive .*cut.* (is cut short|is damaged)"), open_source(str(cut)):
            pass


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_an_empty_file_and_an_archive_of_nothing_are_one_sentence(tmp_path, suffix):
    (tmp_path / f"x.{suffix}").write_bytes(b"")
    with pytest.raises(DataError, match="has no bytes"), open_source(str(tmp_path / f"x.{suffix}")):
        pass
    path = pack(tmp_path / f"y.{suffix}", [("readme.pdf", b"x")])
    with pytest.raises(DataError, match=f"folder '.*y.{suffix}' holds no recordings"), open_source(str(path)):
        pass


def test_a_tar_with_garbage_between_its_files_is_not_taken_for_a_shorter_one(tmp_path):
    path = pack(tmp_path / "x.tar", [*pair("a"), *pair("b"), *pair("c")])
    data = bytearray(path.read_bytes())
    data[2048:2560] = os.urandom(512)
    path.write_bytes(data)
    with pytest.raises(DataError, match="is damaged"), open_source(str(path)):
        pass


def test_a_damaged_member_of_a_zip_is_rejected_and_its_neighbors_are_not(tmp_path):
    path = pack(tmp_path / "x.zip", [*pair("a"), ("b.wav", bytes(range(256)) * 40), *pair("c")])
    data = bytearray(path.read_bytes())
    at = data.index(b"b.wav") + 40
    data[at] ^= 0xFF
    path.write_bytes(data)
    items, rejected = read(path)
    assert set(items) == {"a", "c"}
    assert rejected == {("b.wav", RejectReason.UNREADABLE)}


def test_bytes_flipped_anywhere_never_crash(tmp_path):
    for kind in ("tar", "tar.gz", "zip"):
        whole = pack(tmp_path / f"x.{kind}", [*pair("a"), *pair("anna/b")]).read_bytes()
        for seed in range(60):
            chance = random.Random(seed)
            data = bytearray(whole)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            path = tmp_path / f"flipped.{kind}"
            path.write_bytes(data)
            with suppress(DataError):
                read(path)


def test_an_encrypted_zip_is_one_sentence(tmp_path):
    path = pack(tmp_path / "x.zip", pair("a"))
    data = path.read_bytes()
    data = data.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01")
    data = data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    path.write_bytes(data)
    with pytest.raises(DataError, match="is encrypted"), open_source(str(path)):
        pass


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, suffix):
    path = tmp_path / f"bomb.{suffix}"
    size = archive.RATIO_FROM + 1
    if suffix == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file, file.open("a.wav", "w") as out:
            for _ in range(size // 2**20 + 1):
                out.write(bytes(2**20))
    else:
        with tarfile.open(path, "w:gz", compresslevel=1) as file:
            info = tarfile.TarInfo("a.wav")
            info.size = size
            file.addfile(info, Zeros())
    with pytest.raises(DataError, match=r"more than 100 times its size.*bomb"), open_source(str(path)):
        pass


class Zeros:
    """A file of zeros without end."""

    def read(self, size):
        return bytes(size)


def test_a_zip_that_lies_about_sizes_writes_no_more_than_it_declares(tmp_path):
    path = pack(tmp_path / "x.zip", [("a.wav", bytes(100_000)), *pair("good")])
    data = path.read_bytes().replace(struct.pack("<L", 100_000), struct.pack("<L", 10))
    path.write_bytes(data)
    items, rejected = read(path)
    assert (set(items), rejected) == ({"good"}, {("a.wav", RejectReason.UNREADABLE)})


def test_a_tar_header_that_claims_to_be_huge_is_not_read_into_memory(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 8 << 30
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20))
    with pytest.raises(DataError, match=r"is damaged .*larger than 1 MB"), open_source(str(path)):
        pass


def test_more_files_than_the_limit_are_refused_before_any_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 5)
    monkeypatch.setattr(archive.Archive, "_unpack", None)
    for suffix in ("tar.gz", "zip"):
        path = pack(tmp_path / f"x.{suffix}", [(f"{n}.wav", b"") for n in range(6)])
        with pytest.raises(DataError, match="more than 5 files"), open_source(str(path)):
            pass


@pytest.mark.slow
def test_more_than_half_a_million_files_are_refused(tmp_path):
    count = 501_000
    header = tarfile.TarInfo("a.wav").tobuf()
    tar = tmp_path / "many.tar"
    with tar.open("wb") as file:
        for _ in range(count // 1000):
            file.write(header * 1000)
        file.write(bytes(1024))
    with pytest.raises(DataError, match="more than 500000 files"), open_source(str(tar)):
        pass
    packed = tmp_path / "many.zip"
    entry = struct.pack("<4sBBHHHHHLLLHHHHHLL", b"PK\1\2", 20, 3, 20, 0, 0, 0, 33, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0)
    directory = (entry + b"a.wav") * count
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 0)
    end += struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    end += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    packed.write_bytes(directory + end)
    with pytest.raises(DataError, match="more than 500000 files"), open_source(str(packed)):
        pass


def test_a_disk_that_is_too_small_is_one_sentence_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("acento.data.sources.archives.temporary.shutil.disk_usage", lambda _: Usage)
    with pytest.raises(AcentoError, match="set TMPDIR"), open_source(str(pack(tmp_path / "x.zip", pair("a")))):
        pass


class Usage:
    """Of a disk that is nearly full."""

    free = 3


def test_a_limit_on_the_whole_size_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 8)
    with (
        pytest.raises(DataError, match="would unpack to more than"),
        open_source(str(pack(tmp_path / "x.tar", pair("a")))),
    ):
        pass


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_an_archive_is_staged_as_its_folder_would_be(tmp_path, suffix):
    folder = tmp_path / "clips"
    for n in range(3):
        put(folder, f"clip{n}", n)
    files = [(file.name, file.read_bytes()) for file in sorted(folder.iterdir())]
    path = pack(
        tmp_path / f"clips.{suffix}", [*files, ("../evil.wav", AUDIO), ("broken.wav", b"x"), ("broken.txt", b"x")]
    )
    store = LocalStore(tmp_path / "store")
    result = stage(store, str(path), "packed", workers=0)
    assert (result.found, result.staged_now) == (5, 3)
    assert result.rejected == {"unreadable": 1, "unsafe_path": 1}
    again = stage(store, str(path), "packed", workers=0)
    assert not again.new_version, "where it is unpacked plays no part"
    plain = stage(store, str(folder), "plain", workers=0)
    assert plain.card.fingerprint == result.card.fingerprint
    with pytest.raises(DataError, match="audio folder only"):
        stage(store, str(path), "packed", workers=0, write_splits=True)


def test_an_archive_of_a_hugging_face_data_set_gives_the_recordings_inside_its_rows(tmp_path):
    rows = [
        {"id": f"u{n}", "audio": {"bytes": AUDIO + bytes([n]), "path": f"u{n}.wav"}, "text": "Hola."} for n in (1, 2)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    path = pack(tmp_path / "set.tar", [("data/train-00000-of-00001.parquet", buffer.getvalue())])
    with open_source(str(path)) as source:
        entries = list(source.items())
        assert {entry.id: entry.path.read_bytes() for entry in entries} == {"u1": AUDIO + b"\1", "u2": AUDIO + b"\2"}
