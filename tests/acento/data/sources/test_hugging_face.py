"""A Hugging Face data set, by its id on a stand-in for the hub and in folders: each row an utterance or a rejection."""

import json
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hub import Hub, serving
from recordings import RATE, noise

from acento.core.errors import DataError, TransientError
from acento.core.settings import settings
from acento.core.store import open_store
from acento.data.dataset import read_clips, read_rejected
from acento.data.sources import Rejection, RejectReason, SourceItem, SourceOptions, open_source
from acento.data.staging import StageResult, stage

ID = "owner/clips"
AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
Stage = Callable[..., StageResult]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name, value in (("MAX_RETRIES", 1), ("RETRY_INTERVAL", 0), ("SERVER_UNAVAILABLE_RETRY_INTERVAL", 0)):
        monkeypatch.setattr(f"datasets.config.STREAMING_READ_{name}", value)
    with serving(tmp_path / "hf", monkeypatch) as hub:
        yield hub


@pytest.fixture
def staging(tmp_path: Path) -> Stage:
    def run(where: str, **options: str) -> StageResult:
        store = open_store(str(tmp_path / "store"))
        return stage(store, where, "set", workers=0, source_options=SourceOptions(**options))

    return run


def flac(seed: int) -> bytes:
    file = BytesIO()
    soundfile.write(file, noise(seed), RATE, format="FLAC")
    return file.getvalue()


def row(seed: int, **facts: Any) -> dict[str, Any]:
    audio = {"bytes": flac(seed), "path": f"c{seed}.flac"}
    return {"audio": audio, "sentence": f"sentence number {seed}", **facts}


def parquet(*rows: dict[str, Any], audio: str | None = "audio", **types: pa.DataType) -> bytes:
    """Return rows as ``push_to_hub`` writes them: with the features in the schema."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {
        name: pa.array([row.get(name) for row in rows], types.get(name) or (AUDIO if name == audio else None))
        for name in names
    }
    features = {name: {"_type": "Audio"} if name == audio else _feature(columns[name].type) for name in names}
    file = BytesIO()
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), file, row_group_size=3)
    return file.getvalue()


def _feature(kind: pa.DataType) -> dict[str, str]:
    return {"_type": "Value", "dtype": "int64" if pa.types.is_integer(kind) else "string"}


def read(where: str, **options: str) -> tuple[dict[str, SourceItem], dict[str, Rejection]]:
    with open_source(where, SourceOptions(**options)) as source:
        entries = list(source.items())
        items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
        assert all(item.path.is_file() for item in items.values())
    rejected = {entry.id: entry for entry in entries if isinstance(entry, Rejection)}
    assert len(items) + len(rejected) == len(entries)
    return items, rejected


def test_a_data_set_is_staged_by_its_id_and_its_commit_is_recorded(hub: Hub, staging: Stage, tmp_path: Path) -> None:
    rows = [row(n, id=f"clip-{n}", speaker_id=n % 2, accent="chilean", locale="es") for n in range(5)]
    repo = hub.repo(f"datasets/{ID}", {"data/train-00000-of-00001.parquet": parquet(*rows[:3])})
    repo.commit({**repo.commits[repo.refs["main"]], "data/validation-00000-of-00001.parquet": parquet(*rows[3:])})
    result = staging(ID)
    assert (result.found, result.staged_now, result.rejected) == (5, 5, {})
    assert result.card.splits == {"train": 3, "dev": 2, "test": 0}
    assert result.card.source == f"hf://datasets/{ID}@{repo.refs['main']}"
    clips = [clip.utterance for clip in read_clips(open_store(str(tmp_path / "store")), result.card)]
    assert [(c.id, c.text, c.speaker, c.accent, c.language, c.source) for c in clips][3:] == [
        ("clip-3", "sentence number 3", "1", "chilean", "es", "validation:1"),
        ("clip-4", "sentence number 4", "0", "chilean", "es", "validation:2"),
    ]
    assert staging(ID).new_version is False


def test_a_revision_brings_its_own_rows(hub: Hub) -> None:
    repo = hub.repo(f"datasets/{ID}", {"train.parquet": parquet(row(1, id="old"))})
    old = repo.refs["main"]
    repo.commit({"train.parquet": parquet(row(2, id="new"))}, "main", "v2")
    assert set(read(ID, revision=old)[0]) == {"old"} == set(read(f"{ID}@{old}")[0])
    assert set(read(ID, revision="v2")[0]) == {"new"} == set(read(f"hf://datasets/{ID}@v2")[0])


def test_a_path_that_is_there_is_that_path_and_no_id(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ID).mkdir(parents=True)
    (tmp_path / ID / "train.parquet").write_bytes(parquet(row(1, id="here")))
    assert set(read(ID)[0]) == {"here"}
    assert not hub.asked


def test_configurations_are_told_apart_and_listed(hub: Hub) -> None:
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/*.parquet\n" for name in ("es", "sv"))
    card = f"---\nconfigs:\n{configs}---\n"
    files = {
        "README.md": card.encode(),
        "es/a.parquet": parquet(row(1, id="e")),
        "sv/a.parquet": parquet(row(2, id="s")),
    }
    hub.repo(f"datasets/{ID}", files)
    assert set(read(ID, config="sv")[0]) == {"s"}
    with pytest.raises(DataError, match="has several configurations: name one with --config, of es, sv"):
        read(ID)
    with pytest.raises(DataError, match="has no configuration 'fr': name one with --config, of es, sv"):
        read(ID, config="fr")


def test_splits_keep_their_names_where_they_are_ours_and_others_are_split_by_rule(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "validation", "test.clean", "other.500")):
        write(tmp_path / f"data/{split}-00000-of-00001.parquet", parquet(row(number, id=split)))
    splits = {uid: item.split for uid, item in read(str(tmp_path))[0].items()}
    assert splits == {"train": "train", "validation": "dev", "test.clean": "test", "other.500": None}
    assert set(read(str(tmp_path), source_split="test.clean")[0]) == {"test.clean"}
    with pytest.raises(DataError, match=r"has no split 'dev'; it has .*validation"):
        read(str(tmp_path), source_split="dev")


def test_a_data_set_that_is_all_train_is_split_by_rule(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(parquet(row(1, id="a"), row(2, id="b", split="test")))
    assert {uid: item.split for uid, item in read(str(tmp_path))[0].items()} == {"a": None, "b": "test"}


def test_columns_are_those_that_are_asked_for(tmp_path: Path) -> None:
    facts = {"audio2": flac(9), "other": "the other text"}
    (tmp_path / "a.parquet").write_bytes(parquet(row(1, **facts), audio2=pa.binary()))
    assert [item.text for item in read(str(tmp_path))[0].values()] == ["sentence number 1"]
    with open_source(str(tmp_path), SourceOptions(audio_column="audio2", text_column="other")) as source:
        (item,) = source.items()
        assert isinstance(item, SourceItem)
        assert (item.text, item.path.read_bytes()) == ("the other text", flac(9))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, r"has no column that is known to hold texts: name it with --text-column; train has audio, words"),
        ({"text_column": "text"}, r"has no column 'text'; train has audio, words"),
        ({"audio_column": "sound"}, r"has no column 'sound'; train has audio, words"),
    ],
)
def test_a_missing_column_is_named_with_those_that_are_there(
    tmp_path: Path, options: dict[str, str], sentence: str
) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"audio": row(1)["audio"], "words": "hola"}))
    with pytest.raises(DataError, match=sentence):
        read(str(tmp_path), **options)


def test_a_table_without_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet({"text": "hola"}))
    with pytest.raises(DataError, match="no column that is known to hold recordings: name it with --audio-column"):
        read(str(tmp_path))


def test_class_labels_are_names(tmp_path: Path) -> None:
    from datasets import Audio, ClassLabel, Dataset, Features, Value

    features = {"audio": Audio(decode=False), "text": Value("string"), "accent": ClassLabel(names=["cl", "mx"])}
    rows = [{"audio": row(n)["audio"], "text": f"t{n}", "accent": label} for n, label in enumerate((1, 0, None))]
    table = pa.table({name: [r[name] for r in rows] for name in features}, Features(features).arrow_schema)
    Dataset(table).save_to_disk(str(tmp_path / "saved"))
    assert [item.accent for item in read(str(tmp_path / "saved"))[0].values()] == ["mx", "cl", None]


def test_what_save_to_disk_wrote_is_staged(tmp_path: Path, staging: Stage) -> None:
    from datasets import Dataset, DatasetDict

    splits = {
        split: Dataset.from_parquet(
            str(write(tmp_path / f"{split}.parquet", parquet(row(n, id=split)))), cache_dir=str(tmp_path)
        )
        for n, split in enumerate(("train", "test"))
    }
    DatasetDict(splits).save_to_disk(str(tmp_path / "saved"))
    assert staging(str(tmp_path / "saved")).card.splits == {"train": 1, "dev": 0, "test": 1}
    splits["test"].save_to_disk(str(tmp_path / "one"))
    assert set(read(str(tmp_path / "one"))[0]) == {"test"}


def test_one_parquet_file_is_a_data_set(tmp_path: Path) -> None:
    path = write(tmp_path / "my [1] clips*.parquet", parquet(row(1, id="a")))
    assert set(read(str(path))[0]) == {"a"}


METADATA = """file_name,transcription,speaker
"a ""b"".flac",Hola.,Anna
ñandú 你好.flac,"Chao,
adiós.",Ana
none.flac,Nada.,x
"""
LINES = b"""{"file_name": "x/c.flac", "text": "Si."}
nonsense
{"file_name": "../d.flac", "text": "No."}
"""


@pytest.mark.parametrize("where", ["hub", "folder"])
def test_an_audio_folder_with_metadata_is_read(hub: Hub, tmp_path: Path, where: str) -> None:
    files = {
        "data/test/metadata.csv": METADATA.encode(),
        'data/test/a "b".flac': flac(1),
        "data/test/ñandú 你好.flac": flac(2),
        "train/metadata.jsonl": LINES,
        "train/x/c.flac": flac(3),
        "d.flac": flac(4),
    }
    if where == "hub":
        hub.repo(f"datasets/{ID}", files)
    else:
        for name, data in files.items():
            write(tmp_path / "set" / name, data)
    items, rejected = read(ID if where == "hub" else str(tmp_path / "set"))
    assert {(i.id, i.text, i.split, i.speaker) for i in items.values()} == {
        ('data/test/a "b"', "Hola.", "test", "Anna"),
        ("data/test/ñandú 你好", "Chao,\nadiós.", "test", "Ana"),
        ("train/x/c", "Si.", "train", None),
    }
    assert {(r.source, r.reason) for r in rejected.values()} == {
        ("test:3", RejectReason.NO_AUDIO),
        ("train:2", RejectReason.BAD_ROW),
        ("train:3", RejectReason.NO_AUDIO),
        *([("d.flac", RejectReason.NO_TRANSCRIPT)] if where == "folder" else []),
    }


def test_recordings_beside_a_table_on_the_hub_are_fetched(hub: Hub) -> None:
    table = (
        b"path,sentence\nclips/a.flac,Hola.\nclips/none.flac,Nada.\n/etc/passwd,x\nfile:///etc/group,x\nhttp://a/b,x\n"
    )
    hub.repo(f"datasets/{ID}", {"train.csv": table, "clips/a.flac": flac(1)})
    items, rejected = read(ID)
    assert {uid: item.text for uid, item in items.items()} == {"clips/a": "Hola."}
    assert {r.reason for r in rejected.values()} == {RejectReason.NO_AUDIO}
    assert len(rejected) == 4


def test_recordings_in_tar_files_are_read_without_torchcodec(hub: Hub) -> None:
    file = BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, data in (("a.flac", flac(1)), ("a.txt", b"Hola."), ("b.flac", flac(2)), ("b.txt", b"Chao.")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    hub.repo(f"datasets/{ID}", {"train.tar": file.getvalue()})
    with open_source(ID) as source:
        found = {
            item.id: (item.text, item.path.read_bytes()) for item in source.items() if isinstance(item, SourceItem)
        }
    assert found == {"a": ("Hola.", flac(1)), "b": ("Chao.", flac(2))}


def test_folders_and_files_may_have_any_names_but_those_that_are_patterns(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "my" ñandú 你好 #1 %20'
    write(folder / "a [1] b.parquet", parquet(row(1, id="a")))
    assert set(read(str(folder))[0]) == {"a"}
    for name in ("all*", "a [b]", "line\nbreak"):
        write(tmp_path / name / "a.parquet", parquet(row(1, id="a")))
        with pytest.raises(DataError, match="a line break is in its path: rename it"):
            read(str(tmp_path / name))


def test_a_row_names_no_file_outside_of_the_data_set(hub: Hub, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.flac", flac(1))
    other = hub.repo("datasets/owner/other", {"a.flac": flac(2)})
    there = f"hf://datasets/owner/other@{other.refs['main']}/a.flac"
    paths = [str(secret), f"file://{secret}", "../../other/resolve/main/a.flac", there, "https://127.0.0.1:1/a.flac"]
    rows = [{"audio": {"bytes": None, "path": path}, "text": "x"} for path in paths]
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(*rows)})
    with open_source(ID) as source:
        reasons = [entry.reason for entry in source.items() if isinstance(entry, Rejection)]
    assert reasons == [RejectReason.NO_AUDIO] * len(paths)


def test_a_hub_that_falters_while_rows_are_streamed_is_asked_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(*(row(n) for n in range(20)))})
    hub.fail(".parquet", 500, times=2)
    hub.fail(".parquet", "cut", times=3)
    assert len(read(ID)[0]) == 20
    hub.fail(".parquet", 503, times=10_000)
    with pytest.raises(TransientError, match=r"answers with an error \(503\)"):
        read(ID)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# What is wrong with rows


def test_a_bad_row_is_rejected_and_its_neighbors_are_staged(tmp_path: Path, staging: Stage) -> None:
    rows = [
        row(1),
        row(2, sentence=None),
        row(3, sentence="  "),
        {"audio": None, "sentence": "no recording"},
        {"audio": {"bytes": b"", "path": "e.flac"}, "sentence": "no bytes"},
        {"audio": {"bytes": b"no audio", "path": "f.flac"}, "sentence": "junk"},
        {"audio": {"bytes": None, "path": "g.flac"}, "sentence": "a path that leads nowhere"},
        row(1, audio={"bytes": flac(1), "path": "copy.flac"}),
    ]
    write(tmp_path / "set/a.parquet", parquet(*rows))
    result = staging(str(tmp_path / "set"))
    assert result.rejected == {
        "duplicate_audio": 1,
        "empty": 1,
        "no_audio": 2,
        "no_transcript": 2,
        "unreadable": 1,
    }
    assert (result.found, result.staged_now) == (8, 1)
    table = read_rejected(open_store(str(tmp_path / "store")), result.card)
    assert "train:6" in table.column("source").to_pylist()


def test_rows_that_are_all_bad_are_one_sentence_with_examples(tmp_path: Path, staging: Stage) -> None:
    write(tmp_path / "set/a.parquet", parquet(row(1, sentence=None), {"audio": None, "sentence": "x"}))
    with pytest.raises(DataError, match=r"Nothing could be staged .*no_transcript.*train:1"):
        staging(str(tmp_path / "set"))


def test_a_data_set_without_rows_is_one_sentence(tmp_path: Path, staging: Stage) -> None:
    write(tmp_path / "set/a.parquet", empty())
    with pytest.raises(DataError, match="it lists no recordings"):
        staging(str(tmp_path / "set"))


def empty() -> bytes:
    file = BytesIO()
    pq.write_table(pa.table({"audio": pa.array([], AUDIO), "sentence": pa.array([], pa.string())}), file)
    return file.getvalue()


def test_a_data_set_without_data_is_one_sentence(hub: Hub) -> None:
    hub.repo(f"datasets/{ID}", {"README.md": b"# Nothing yet\n"})
    with pytest.raises(DataError, match=f"Data set {ID} holds no files of data that can be read"):
        read(ID)


def test_a_damaged_table_is_one_sentence(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", b"PAR1" + b"x" * 100)
    with pytest.raises(DataError, match="cannot be read"):
        read(str(tmp_path))


def test_ids_that_number_sentences_and_not_clips_name_nothing_and_no_row_is_lost(tmp_path: Path) -> None:
    rows = [row(n, id=n // 3, audio={"bytes": flac(n), "path": None}) for n in range(9)]
    write(tmp_path / "a.parquet", parquet(*rows))
    assert set(read(str(tmp_path))[0]) == {f"train/{n:08d}" for n in range(1, 10)}


def test_an_id_that_repeats_among_many_that_do_not_is_a_duplicate(tmp_path: Path, staging: Stage) -> None:
    rows = [row(n, id=f"clip-{min(n, 28)}") for n in range(30)]
    write(tmp_path / "set/a.parquet", parquet(*rows))
    result = staging(str(tmp_path / "set"))
    assert (result.staged_now, result.rejected) == (29, {"duplicate_id": 1})


def test_ids_with_spaces_quotes_newlines_and_other_scripts_are_ids(tmp_path: Path, staging: Stage) -> None:
    names = ["a b", 'it\'s "x"', "line\nbreak", "ñandú 你好", "../up", "#t=1,2"]
    write(tmp_path / "set/a.parquet", parquet(*(row(n, id=name) for n, name in enumerate(names))))
    result = staging(str(tmp_path / "set"))
    clips = read_clips(open_store(str(tmp_path / "store")), result.card)
    assert {clip.utterance.id for clip in clips} == set(names)


def test_what_was_fetched_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spool))
    write(tmp_path / "a.parquet", parquet(row(1), row(2)))
    with open_source(str(tmp_path / "a.parquet")) as source:
        assert len(list(source.items())) == 2
        assert sorted(path.suffix for path in spool.rglob("*") if path.is_file()) == [".flac", ".flac"]
    assert not list(spool.iterdir())


# What the hub refuses


def test_a_data_set_that_is_not_there_or_private_is_one_sentence(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(row(1))}, private=True, readers={"hf_mine"})
    for name in (ID, "owner/none"):
        with pytest.raises(DataError, match=rf"There is no data set '{name}': .* \(a private one needs HF_TOKEN\)"):
            read(name)
    token(monkeypatch, "hf_mine")
    assert len(read(ID)[0]) == 1


def test_a_gated_data_set_needs_its_terms_accepted(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(row(1))}, gated=True, readers={"hf_mine"})
    hub.tokens["hf_other"] = "stranger"
    for value in ("", "hf_other"):
        token(monkeypatch, value)
        with pytest.raises(DataError, match=f"Data set {ID} is gated: accept its terms on the hub, then set HF_TOKEN"):
            read(ID)
    token(monkeypatch, "hf_mine")
    assert len(read(ID)[0]) == 1


def test_a_token_that_is_refused_is_said_to_be_and_is_not_shown(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(row(1))})
    token(monkeypatch, "hf_secret")
    with pytest.raises(DataError, match="the Hugging Face hub refuses the token") as caught:
        read(ID)
    assert "hf_secret" not in str(caught.value)


def test_a_revision_that_is_not_there_is_one_sentence(hub: Hub) -> None:
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(row(1))})
    with pytest.raises(DataError, match=f"Data set {ID} has no revision 'v9' on the Hugging Face hub"):
        read(ID, revision="v9")


def test_code_that_comes_with_a_data_set_is_refused_and_never_fetched(hub: Hub) -> None:
    hub.repo(f"datasets/{ID}", {"clips.py": b"raise SystemExit", "train.parquet": parquet(row(1))})
    with pytest.raises(DataError, match="is a loading script, and Acento runs no code of a data set"):
        read(ID)
    assert not any(call.endswith(".py") for call in hub.asked)


def test_offline_the_hub_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE is set"):
        read(ID)
    assert not hub.asked


def test_a_hub_that_is_ill_or_away_may_be_well_later(hub: Hub) -> None:
    hub.repo(f"datasets/{ID}", {"train.parquet": parquet(row(1))})
    hub.fail("/api/datasets", 500)
    with pytest.raises(TransientError, match=r"answers with an error \(500\)"):
        read(ID)
    assert len(read(ID)[0]) == 1
    hub.stop()
    with pytest.raises(TransientError, match="the Hugging Face hub does not answer"):
        read(ID)


def test_a_recording_whose_transfer_is_cut_is_no_recording_of_its_own(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    hub.repo(f"datasets/{ID}", {"train.csv": b"path,sentence\na.flac,Hola.\n", "a.flac": flac(1)})
    hub.fail("/a.flac", "cut", times=50)
    with pytest.raises(TransientError):
        read(ID)


def token(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HF_TOKEN", value) if value else monkeypatch.delenv("HF_TOKEN", raising=False)
    settings.cache_clear()
