"""A Common Voice folder: clips, and the lists that say which are what."""

import pytest

from acento.core.errors import DataError
from acento.data.sources import Rejection, RejectReason, SourceItem, SourceOptions, open_source

HEADER = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale"


def row(clip, speaker="ana", sentence="Hola.", accent="Chile", locale="es"):
    return "\t".join([speaker, f"{clip}.mp3", sentence, "2", "0", "", "", accent, locale])


def corpus(folder, **lists):
    """Write lists of rows, and the clips that they name."""
    (folder / "clips").mkdir(parents=True)
    for name, rows in lists.items():
        (folder / f"{name}.tsv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        for line in rows:
            (folder / "clips" / line.split("\t")[1]).write_bytes(b"audio")
    return folder


def read(folder, **options):
    entries = list(open_source(str(folder), SourceOptions(**options)).items())
    items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
    rejected = {(entry.id, entry.reason) for entry in entries if isinstance(entry, Rejection)}
    assert len(items) + len(rejected) == len(entries)
    return items, rejected


def splits(folder, **options):
    return {uid: item.split for uid, item in read(folder, **options)[0].items()}


def test_train_dev_and_test_are_taken_with_their_splits_and_facts(tmp_path):
    corpus(tmp_path / "es", train=[row("a")], dev=[row("b")], test=[row("c")], validated=[row("a"), row("d")])
    items, rejected = read(tmp_path / "es")
    assert {uid: item.split for uid, item in items.items()} == {"a": "train", "b": "dev", "c": "test"}
    a = items["a"]
    assert (a.text, a.speaker, a.accent, a.language) == ("Hola.", "ana", "Chile", "es")
    assert (a.path, a.origin) == (tmp_path / "es/clips/a.mp3", "clips/a.mp3")
    assert not rejected


def test_without_lists_of_splits_the_validated_clips_are_taken_and_split_by_the_rule(tmp_path):
    assert splits(corpus(tmp_path / "es", validated=[row("a")], invalidated=[row("b")])) == {"a": None}


def test_validated_asked_for_keeps_the_splits_of_clips_and_speakers_that_the_lists_name(tmp_path):
    folder = corpus(
        tmp_path / "es",
        train=[row("a", "ana")],
        test=[row("b", "eva")],
        validated=[row("a", "ana"), row("b", "eva"), row("c", "eva"), row("d", "leo")],
        other=[row("e", "leo")],
    )
    assert splits(folder, source_split="validated") == {"a": "train", "b": "test", "c": "test", "d": None}
    assert splits(folder, source_split="other") == {"e": None}
    assert splits(folder, source_split="test") == {"b": "test"}
    with pytest.raises(DataError, match=r"no invalidated\.tsv: its lists are train\.tsv, test\.tsv, validated"):
        splits(folder, source_split="invalidated")


def test_the_folder_above_the_languages_is_entered_when_there_is_one(tmp_path):
    above = tmp_path / "cv-corpus-17.0"
    corpus(above / "es", train=[row("a")])
    assert splits(above) == {"a": "train"}
    corpus(above / "sv-SE", train=[row("b")])
    with pytest.raises(DataError, match="holds the languages es, sv-SE: name the folder of one"):
        splits(above)
    assert splits(above, config="sv-SE") == {"b": "train"}


def test_names_without_a_suffix_are_those_of_the_first_versions(tmp_path):
    folder = corpus(tmp_path / "es", train=[row("0a1b")])
    list_ = folder / "train.tsv"
    list_.write_text(list_.read_text().replace("0a1b.mp3", "0a1b"))
    assert splits(folder) == {"0a1b": "train"}


def test_quotes_in_sentences_mean_themselves(tmp_path):
    rows = [row("a", sentence='"Hola'), row("b", sentence='dijo" él'), row("c", sentence='"Sí"')]
    items, rejected = read(corpus(tmp_path / "es", train=rows))
    assert {uid: item.text for uid, item in items.items()} == {"a": '"Hola', "b": 'dijo" él', "c": '"Sí"'}
    assert not rejected


def test_rows_that_cannot_be_used_are_rejected_one_by_one(tmp_path):
    folder = corpus(tmp_path / "es", train=[row("a"), row("gone"), row("mute", sentence=" "), row("x\ty")])
    (folder / "clips/gone.mp3").unlink()
    with (folder / "train.tsv").open("ab") as file:
        file.write(b"ana\t../a.mp3\tHola.\nana\ta.mp3\tse\xf1or\nana\t\tHola.\n")
    items, rejected = read(folder)
    assert set(items) == {"a"}
    assert rejected == {
        ("gone", RejectReason.NO_AUDIO),
        ("mute", RejectReason.NO_TRANSCRIPT),
        *((f"train.tsv:{line}", RejectReason.BAD_ROW) for line in (5, 6, 7, 8)),
    }


def test_a_list_without_its_columns_is_one_sentence_that_says_which_there_are(tmp_path):
    folder = corpus(tmp_path / "es", train=[])
    (folder / "train.tsv").write_text("client_id\tpath\ttext\n")
    with pytest.raises(
        DataError, match=r"es/train\.tsv' has no column 'sentence': its columns are client_id, path, text"
    ):
        read(folder)


def test_an_empty_list_has_no_inputs(tmp_path):
    assert read(corpus(tmp_path / "es", train=[], dev=[], test=[])) == ({}, set())
