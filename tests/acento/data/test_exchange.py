"""A data set exported by one store and imported by another: the same bytes, the same names, or one sentence."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import soundfile
from fake_recognizer import FAKE, fake_model
from faults import killed_at_every_write, tree
from recordings import put
from staged import staged

from acento.core.errors import AcentoError, DataError, InputError
from acento.core.store import LocalStore
from acento.data.dataset import Card, load_card, read_clips, read_rejected, versions
from acento.data.export import export
from acento.data.staging import stage
from acento.data.staging.importing import import_dataset
from acento.inference import jobs as job_module
from acento.inference.benchmark import Transcription, jobs, plan_transcription, predictions, unfinished
from acento.inference.predictions import digest
from acento.inference.runner import Runner
from acento.models.base import DecodeOptions
from acento.models.checkpoints.resolver import resolve


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("acento.data.staging.chunk.CHUNK_CLIPS", 3)
    folder = tmp_path / "recordings"
    for number in range(4):
        put(folder, f"c{number}", number)
    put(folder, "mute", 40, text=None)
    put(folder, "broken", 41).write_bytes(b"x")
    return folder


@pytest.fixture
def here(tmp_path: Path, recordings: Path) -> LocalStore:
    """Make the store that exports: version 2 appends a clip and corrects one."""
    store = LocalStore(tmp_path / "here")
    stage(store, str(recordings), "demo", language="es", workers=0)
    put(recordings, "new", 10)
    (recordings / "c0.txt").write_text("corrected")
    stage(store, str(recordings), "demo", workers=0)
    return store


@pytest.fixture
def there(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "there")


@pytest.fixture(params=["folder", "tar"])
def place(request: pytest.FixtureRequest, here: LocalStore, tmp_path: Path) -> Path:
    """Export the latest version, as a folder and as a tar file."""
    name = "demo-export" if request.param == "folder" else "demo-export.tar"
    return export(here, load_card(here, "demo"), tmp_path / "out" / name)


def exported(store: LocalStore, name: str, to: Path) -> Path:
    return export(store, load_card(store, name), to)


def rows(store: LocalStore, card: Card) -> list[object]:
    return [row.utterance for row in read_clips(store, card)]


# What an export is


def test_a_folder_is_read_by_datasets_as_it_is(here: LocalStore, tmp_path: Path) -> None:
    import datasets

    folder = exported(here, "demo", tmp_path / "out")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(folder / "parts/*/clips.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(loaded.features["audio"], datasets.Audio)
    loaded = loaded.cast_column("audio", datasets.Audio(decode=False))
    assert sorted(loaded["id"][:]) == ["c0", "c1", "c2", "c3", "new"]
    samples, rate = soundfile.read(io.BytesIO(loaded[0]["audio"]["bytes"]))
    assert (rate, len(samples)) == (16_000, 4_800)


def test_every_file_is_listed_with_its_checksum(here: LocalStore, tmp_path: Path) -> None:
    folder = exported(here, "demo", tmp_path / "out")
    listing = json.loads((folder / "export.json").read_text())
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    del files["export.json"]
    assert {name: entry["size"] for name, entry in listing["files"].items()} == files
    assert {"card.json", "rejected.parquet"} < files.keys()
    assert listing["ancestors"] == [load_card(here, "demo@1").fingerprint]


def test_equal_exports_are_equal_files(here: LocalStore, tmp_path: Path) -> None:
    one, two = (exported(here, "demo", tmp_path / name) for name in ("one.tar", "two.tar"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_what_is_there_already_is_not_overwritten(here: LocalStore, tmp_path: Path, name: str) -> None:
    exported(here, "demo", tmp_path / name)
    before = tree(tmp_path)
    with pytest.raises(InputError, match="is there already"):
        exported(here, "demo@1", tmp_path / name)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_a_damaged_part_is_not_exported_and_leaves_nothing(here: LocalStore, tmp_path: Path, name: str) -> None:
    card = load_card(here, "demo")
    path = here.root / card.parts[-1].key / "clips.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(AcentoError, match="is damaged"):
        exported(LocalStore(here.root), "demo", tmp_path / "to" / name)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(here: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        exported(here, "demo", tmp_path / "file" / "out")
    with pytest.raises(InputError, match="name a folder"):
        exported(here, "demo", tmp_path / "out.tar.gz")


# What an import brings


def test_the_version_comes_over_whole_byte_for_byte(here: LocalStore, there: LocalStore, place: Path) -> None:
    imported = import_dataset(there, place)
    card = load_card(here, "demo")
    assert (imported.card, imported.new) == (card, True)
    assert load_card(there, "demo@2") == card
    assert tree(there.root).items() <= tree(here.root).items()
    assert rows(there, card) == rows(here, card)
    assert read_rejected(there, card).equals(read_rejected(here, card))


def test_importing_the_same_again_changes_nothing(there: LocalStore, place: Path) -> None:
    import_dataset(there, place)
    before = tree(there.root)
    again = import_dataset(there, place)
    assert (again.new, again.card.title) == (False, "demo v2")
    assert tree(there.root) == before


def test_a_part_that_has_gone_is_brought_back(there: LocalStore, place: Path) -> None:
    card = import_dataset(there, place).card
    before = tree(there.root)
    there.remove(card.parts[0].key)
    assert not import_dataset(there, place).new
    assert tree(there.root) == before


def test_it_may_get_another_name(here: LocalStore, there: LocalStore, place: Path) -> None:
    card = import_dataset(there, place, "other").card
    assert card.fingerprint == load_card(here, "demo").fingerprint
    assert load_card(there, "other") == card
    assert not import_dataset(there, place, "other").new
    with pytest.raises(DataError, match="cannot name a data set"):
        import_dataset(there, place, "a/b")


def test_what_is_staged_onto_it_goes_on_from_it(there: LocalStore, place: Path, recordings: Path) -> None:
    first = import_dataset(there, place).card
    assert not stage(there, str(recordings), "demo", workers=0).new_version
    put(recordings, "newer", 11)
    result = stage(there, str(recordings), "demo", workers=0)
    assert (result.card.version, result.staged_now, result.card.parent) == (3, 1, first.fingerprint)


def test_what_was_computed_on_one_machine_is_done_on_the_other(
    tmp_path: Path, there: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(job_module.FAMILIES, "fake", FAKE)
    here = LocalStore(tmp_path / "gpu machine")
    staged(here, tmp_path / "clips", 6)
    staged(here, tmp_path / "clips", 3, first=6)
    import_dataset(there, exported(here, "demo", tmp_path / "demo.tar"))
    model = resolve(str(fake_model(tmp_path / "model")))

    def planned(store: LocalStore) -> Transcription:
        return plan_transcription(store, load_card(store, "demo"), model, split="test", options=DecodeOptions())

    left, right = planned(here), planned(there)
    assert left.plan == right.plan
    assert tree(here.root / left.plan) == tree(there.root / right.plan)
    ours, theirs = jobs(here, left), jobs(there, right)
    assert [job.fingerprint for job in ours] == [job.fingerprint for job in theirs]
    runner = Runner(here)
    for job in ours:
        runner.execute(job)
    shutil.copytree(here.root / "jobs", there.root / "jobs")
    assert unfinished(there, theirs) == []
    assert digest(predictions(there, right)) == digest(predictions(here, left))


# Names that are taken


def test_a_later_version_continues_an_earlier_one(here: LocalStore, there: LocalStore, tmp_path: Path) -> None:
    import_dataset(there, exported(here, "demo@1", tmp_path / "one"))
    assert import_dataset(there, exported(here, "demo@2", tmp_path / "two")).card == load_card(here, "demo")
    assert versions(there, "demo") == [1, 2]


def test_a_version_between_may_be_left_out(
    here: LocalStore, there: LocalStore, recordings: Path, tmp_path: Path
) -> None:
    put(recordings, "newest", 12)
    stage(here, str(recordings), "demo", workers=0)
    import_dataset(there, exported(here, "demo@1", tmp_path / "one"))
    import_dataset(there, exported(here, "demo@3", tmp_path / "three"))
    assert versions(there, "demo") == [1, 3]
    import_dataset(there, exported(here, "demo@2", tmp_path / "two"))
    assert versions(there, "demo") == [1, 2, 3]
    assert load_card(there, "demo") == load_card(here, "demo")


def test_an_earlier_version_takes_its_place(here: LocalStore, there: LocalStore, tmp_path: Path) -> None:
    import_dataset(there, exported(here, "demo@2", tmp_path / "two"))
    import_dataset(there, exported(here, "demo@1", tmp_path / "one"))
    assert tree(there.root / "datasets") == tree(here.root / "datasets")


def test_another_data_set_of_that_name_is_refused(there: LocalStore, place: Path, tmp_path: Path) -> None:
    put(tmp_path / "others", "x", 70)
    stage(there, str(tmp_path / "others"), "demo", workers=0)
    before = tree(there.root)
    with pytest.raises(DataError, match=r"demo v1 in .* is not what .* continues \(v2 of 'demo'\).*--name"):
        import_dataset(there, place)
    assert tree(there.root) == before
    assert import_dataset(there, place, "elsewhere").new


def test_two_that_went_different_ways_from_one_version_are_not_mixed(
    here: LocalStore, there: LocalStore, tmp_path: Path
) -> None:
    import_dataset(there, exported(here, "demo@1", tmp_path / "one"))
    put(tmp_path / "others", "x", 70)
    stage(there, str(tmp_path / "others"), "demo", workers=0)
    with pytest.raises(DataError, match="--name"):
        import_dataset(there, exported(here, "demo@2", tmp_path / "two"))


# Damage


def change(place: Path, name: str, data: bytes | None) -> None:
    """Replace one file of an export, or take it out."""
    if place.is_dir():
        (place / name).unlink() if data is None else (place / name).write_bytes(data)
        return
    with tarfile.open(place) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    files[name] = b"" if data is None else data
    with tarfile.open(place, "w") as tar:
        for one, content in files.items():
            if one == name and data is None:
                continue
            entry = tarfile.TarInfo(one)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def listed(place: Path) -> list[str]:
    if place.is_dir():
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    with tarfile.open(place) as tar:
        return sorted(tar.getnames())


def content(place: Path, name: str) -> bytes:
    if place.is_dir():
        return (place / name).read_bytes()
    with tarfile.open(place) as tar:
        return tar.extractfile(name).read()  # type: ignore[union-attr]


@pytest.mark.parametrize("number", range(6))
def test_a_file_that_is_missing_or_damaged_is_named_and_nothing_is_imported(
    there: LocalStore, place: Path, tmp_path: Path, number: int
) -> None:
    names = listed(place)
    assert len(names) >= 6
    name = names[number]
    good = content(place, name)
    for data in (None, good[: len(good) // 2], good[:-1] + bytes([good[-1] ^ 1]), b""):
        bad = tmp_path / f"bad{place.suffix}"
        shutil.copytree(place, bad) if place.is_dir() else shutil.copy(place, bad)
        change(bad, name, data)
        with pytest.raises(DataError, match=f"(?s){bad}.*{name}"):
            import_dataset(there, bad)
        assert not there.root.exists()
        shutil.rmtree(bad) if bad.is_dir() else bad.unlink()


def test_a_tar_that_was_cut_short_anywhere_is_one_sentence(here: LocalStore, there: LocalStore, tmp_path: Path) -> None:
    whole = exported(here, "demo", tmp_path / "demo.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))
    for size in (0, 1, 100, 512, 600, 5_000, end // 2, end - 600, end - 1):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        with pytest.raises(DataError):
            import_dataset(there, tmp_path / "cut.tar")
        assert not there.root.exists()


def test_a_card_that_belongs_to_other_clips_is_refused(here: LocalStore, there: LocalStore, tmp_path: Path) -> None:
    folder = exported(here, "demo", tmp_path / "out")
    part = next(path for path in (folder / "parts").iterdir())
    table = pq.read_table(part / "clips.parquet")
    texts = table.set_column(3, "text", [["swapped"] * len(table)])
    pq.write_table(texts.cast(table.schema), part / "clips.parquet")
    from acento.core.fingerprint import sha256_file

    listing = json.loads((folder / "export.json").read_text())
    entry = listing["files"][f"parts/{part.name}/clips.parquet"]
    entry |= {"size": (part / "clips.parquet").stat().st_size, "sha256": sha256_file(part / "clips.parquet")}
    (folder / "export.json").write_text(json.dumps(listing))
    with pytest.raises(DataError, match=r"the fingerprint in card\.json is not that of its clips"):
        import_dataset(there, folder)
    assert not there.root.exists()


@pytest.mark.parametrize("kind", ["nothing", "empty folder", "text", "other tar"])
def test_what_is_no_export_is_one_sentence(there: LocalStore, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x.tar"
    if kind == "empty folder":
        place.mkdir()
    elif kind == "text":
        place.write_text("Hola.")
    elif kind == "other tar":
        with tarfile.open(place, "w") as tar:
            tar.addfile(tarfile.TarInfo("notes.txt"))
    with pytest.raises(DataError, match=r"no exported data set|nothing at"):
        import_dataset(there, place)


def test_names_that_lead_out_and_links_are_not_followed(here: LocalStore, there: LocalStore, tmp_path: Path) -> None:
    folder = exported(here, "demo", tmp_path / "out")
    good = (folder / "export.json").read_text()
    name = next(name for name in json.loads(good)["files"] if name.endswith("clips.parquet"))
    (folder / "export.json").write_text(good.replace(name, f"parts/../../{name}"))
    with pytest.raises(DataError, match=r"export\.json"):
        import_dataset(there, folder)
    with tarfile.open(tmp_path / "link.tar", "w") as tar:
        link = tarfile.TarInfo("export.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    with pytest.raises(DataError, match="no exported data set"):
        import_dataset(there, tmp_path / "link.tar")


def test_a_folder_packed_by_hand_is_read_too(here: LocalStore, there: LocalStore, tmp_path: Path) -> None:
    folder = exported(here, "demo", tmp_path / "out")
    with tarfile.open(tmp_path / "mine.tar", "w") as tar:
        tar.add(folder, arcname="./some/place")
    assert import_dataset(there, tmp_path / "mine.tar").new


# Kills


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_an_export_killed_at_any_write_leaves_nothing_and_is_made_again(
    here: LocalStore, tmp_path: Path, name: str
) -> None:
    roots = (tmp_path / f"trial{number}" for number in range(10**6))

    def action(root: Path) -> None:
        if not (root / name).exists():
            exported(here, "demo", root / name)

    action(tmp_path / "whole")
    for point, root in killed_at_every_write(action, lambda: next(roots)):
        assert tree(root) == tree(tmp_path / "whole"), point


@pytest.mark.slow
def test_an_import_killed_at_any_write_and_run_again_ends_as_one_that_never_was(
    here: LocalStore, tmp_path: Path
) -> None:
    place = exported(here, "demo", tmp_path / "demo.tar")
    roots = (tmp_path / f"trial{number}" for number in range(10**6))

    def action(root: Path) -> None:
        import_dataset(LocalStore(root), place)

    action(tmp_path / "whole")
    points = 0
    for point, root in killed_at_every_write(action, lambda: next(roots)):
        assert tree(root) == tree(tmp_path / "whole"), point
        points += 1
    assert points > 10
