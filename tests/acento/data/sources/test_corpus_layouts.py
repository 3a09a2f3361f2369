"""Folders laid out as known corpora are: small trees in their spirit, and what is read from them."""

import zipfile

import pytest

from acento.core.errors import DataError
from acento.data.sources import RejectReason
from tests.acento.data.sources.layouts import facts, read, tree


def test_librispeech_has_speakers_and_the_splits_of_its_folders(tmp_path):
    chapter = "train-clean-100/84/121123/"
    tree(
        tmp_path / "corpus",
        **{
            f"{chapter}84-121123.trans.txt": "84-121123-0000 GO DO\n84-121123-0001\n84-121123-0002 GONE\n",
            f"{chapter}84-121123-0000.flac": None,
            f"{chapter}84-121123-0001.flac": None,
            f"{chapter}84-121123-0009.flac": None,
            "test-other/9/8/9-8.trans.txt": "9-8-0000 OTHER\n",
            "test-other/9/8/9-8-0000.wav": None,
        },
    )
    items, rejected = read(tmp_path / "corpus")
    assert facts(items) == {"84-121123-0000": ("GO DO", "train", "84"), "9-8-0000": ("OTHER", "test", "9")}
    assert rejected == [
        ("84-121123-0001", RejectReason.NO_TRANSCRIPT),
        ("84-121123-0002", RejectReason.NO_AUDIO),
        (f"{chapter}84-121123-0009", RejectReason.NO_TRANSCRIPT),
    ]
    assert facts(read(tmp_path / "corpus", source_split="test-other")[0]).keys() == {"9-8-0000"}
    assert read(tmp_path / "corpus" / "test-other" / "9")[0]["9-8-0000"].split == "test"


def test_a_folder_called_test_somewhere_above_makes_no_split(tmp_path):
    tree(tmp_path / "test" / "corpus", **{"1/2/1-2.trans.txt": "1-2-3 A\n", "1/2/1-2-3.flac": None})
    assert read(tmp_path / "test" / "corpus")[0]["1-2-3"].split is None


def test_mls_has_speakers_splits_and_its_language(tmp_path):
    for split in ("train", "dev"):
        audio = f"{split}/audio/99/10/99_10_00{split}"
        tree(
            tmp_path / "mls_spanish_opus",
            **{f"{split}/transcripts.txt": f"99_10_00{split}\tera una tarde\n99_10_x\tno\n", f"{audio}.opus": None},
        )
    items, rejected = read(tmp_path / "mls_spanish_opus")
    assert facts(items)["99_10_00dev"] == ("era una tarde", "dev", "99")
    assert {item.language for item in items.values()} == {"es"}
    assert rejected == [("99_10_x", RejectReason.NO_AUDIO)] * 2
    assert read(tmp_path / "mls_spanish_opus" / "train")[0]["99_10_00train"].split == "train"


FLEURS_ROW = "{}\t{}\t{}\t{}\th o l a\t50000\tMALE\n"


def test_fleurs_has_the_language_of_its_folder_and_the_text_as_written(tmp_path):
    tree(
        tmp_path / "fleurs" / "es_419",
        **{
            "train.tsv": FLEURS_ROW.format(1, "a.wav", '"Hola", mundo.', "hola mundo")
            + FLEURS_ROW.format(1, "gone.wav", "X", "x")
            + FLEURS_ROW.format(2, "b.wav", "", ""),
            "test.tsv": FLEURS_ROW.format(3, "c.wav", "Fin.", "fin"),
            "audio/train/a.wav": None,
            "audio/train/b.wav": None,
            "test/c.wav": None,
        },
    )
    items, rejected = read(tmp_path / "fleurs")
    assert facts(items) == {"a": ('"Hola", mundo.', "train", None), "c": ("Fin.", "test", None)}
    assert items["a"].language == "es-419"
    assert rejected == [("b", RejectReason.NO_TRANSCRIPT), ("gone", RejectReason.NO_AUDIO)]
    assert read(tmp_path / "fleurs", text_column="normalized")[0]["a"].text == "hola mundo"
    with pytest.raises(DataError, match="raw or normalized"):
        read(tmp_path / "fleurs", text_column="other")


def test_of_several_languages_of_fleurs_one_must_be_named(tmp_path):
    for language in ("es_419", "cmn_hans_cn"):
        row = FLEURS_ROW.format(1, f"{language}.wav", "A", "a")
        tree(tmp_path / "f" / language, **{"dev.tsv": row, f"audio/dev/{language}.wav": None})
    with pytest.raises(DataError, match="cmn_hans_cn, es_419: name one by --config"):
        read(tmp_path / "f")
    assert set(read(tmp_path / "f", config="es_419")[0]) == {"es_419"}


def test_voxpopuli_finds_recordings_anywhere_and_none_is_no_word(tmp_path):
    header = "id\traw_text\tnormalized_text\tspeaker_id\tsplit\tgender\tis_gold_transcript\taccent\n"
    rows = "u0\tHola.\thola\t123\ttrain\tfemale\tTrue\tNone\nu1\tNone\tadiós\tNone\ttrain\tmale\tTrue\tes_cl\n"
    rows += "u2\t\tNone\t1\ttrain\tm\tTrue\tNone\nu3\tx\tx\t1\ttrain\tm\tTrue\tNone\n"
    tree(tmp_path / "v", **{"asr_train.tsv": header + rows, "es/2009/u0.ogg": None, "es/2009/u1.ogg": None})
    tree(tmp_path / "v", **{"es/2010/u2.ogg": None, "es/2010/u9.ogg": None})
    items, rejected = read(tmp_path / "v")
    assert facts(items) == {"u0": ("Hola.", "train", "123"), "u1": ("adiós", "train", None)}
    assert (items["u1"].accent, items["u0"].accent, items["u0"].language) == ("es_cl", None, "es")
    assert rejected == [
        ("es/2010/u9", RejectReason.NO_TRANSCRIPT),
        ("u2", RejectReason.NO_TRANSCRIPT),
        ("u3", RejectReason.NO_AUDIO),
    ]


def test_spontaneous_speech_rejects_answers_that_nobody_transcribed(tmp_path):
    header = "client_id\taudio_id\taudio_file\tprompt\ttranscription\tlanguage\tsplit\n"
    rows = 'a\t1\ts-1.mp3\t¿?\tdijo "hola\tes\ttrain\nb\t2\ts-2.mp3\t¿?\t\tes\t\nc\t3\n'
    tree(tmp_path / "sps", **{"ss-corpus-es.tsv": header + rows, "audios/s-1.mp3": None, "audios/s-2.mp3": None})
    items, rejected = read(tmp_path / "sps")
    assert facts(items) == {"s-1": ('dijo "hola', "train", "a")}
    assert rejected == [("s-2", RejectReason.NO_TRANSCRIPT), ("ss-corpus-es.tsv:4", RejectReason.BAD_ROW)]


def test_timit_texts_lose_their_samples_and_folders_say_split_speaker_and_dialect(tmp_path):
    place = "TEST/DR3/FCJF0/SA1"
    tree(
        tmp_path / "timit",
        **{f"{place}.TXT": "0 46797 She had your\n", f"{place}.WAV": None, f"{place}.WAV.wav": None},
        **{f"{place}.WRD": "x", "TRAIN/DR1/MABC0/SI1.WAV": None},
    )
    items, rejected = read(tmp_path / "timit")
    assert facts(items) == {place: ("She had your", "test", "FCJF0")}
    assert (items[place].accent, items[place].path.name) == ("dr3", "SA1.WAV")
    assert rejected == [("TRAIN/DR1/MABC0/SI1", RejectReason.NO_TRANSCRIPT)]
    assert read(tmp_path / "timit/TEST/DR3/FCJF0")[0]["SA1"].split == "test"


def test_ljspeech_gives_the_text_as_it_is_spoken(tmp_path):
    lines = 'LJ1|Mr. Smith, 5 cows|Mister Smith, five cows\nLJ2|Say "no|Say "no\nLJ3|only one\nLJ4|a b|a b\n'
    tree(tmp_path / "lj", **{"metadata.csv": lines, "wavs/LJ1.wav": None, "wavs/LJ2.wav": None, "wavs/LJ3.wav": None})
    with_three = lines.replace("LJ3|only one\n", "")
    (tmp_path / "lj/metadata.csv").write_text(with_three)
    items, rejected = read(tmp_path / "lj")
    assert {uid: item.text for uid, item in items.items()} == {"LJ1": "Mister Smith, five cows", "LJ2": 'Say "no'}
    assert rejected == [("LJ4", RejectReason.NO_AUDIO), ("wavs/LJ3", RejectReason.NO_TRANSCRIPT)]
    assert read(tmp_path / "lj", text_column="raw")[0]["LJ1"].text == "Mr. Smith, 5 cows"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("transcripts.txt", "a hola, mundo\nb sí\n"),
        ("transcripts.txt", "a\thola, mundo\nb\tsí\n"),
        ("lista.csv", 'a.wav,"hola, mundo"\nb.wav,sí\n'),
        ("lista.txt", "a.wav|hola, mundo\r\nb.wav|sí\r\n"),
        ("lista.tsv", "./a.wav\thola, mundo\nb.wav\tsí\n"),
        ("lista.csv", "a.wav;hola, mundo\nb.wav;sí\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_without_a_header_is_read_whatever_separates_it(tmp_path, name, lines, encoding):
    folder = tree(tmp_path / "f", **{name: lines.encode(encoding), "a.wav": None, "b.wav": None})
    for where in (folder, folder / name):
        items, rejected = read(where)
        assert {uid: item.text for uid, item in items.items()} == {"a": "hola, mundo", "b": "sí"}
        assert not rejected


def test_a_list_in_another_encoding_is_read_with_its_name_and_refused_by_line_without(tmp_path):
    folder = tree(
        tmp_path / "f", **{"transcripts.txt": "a uno\nb adiós\n".encode("latin-1"), "a.wav": None, "b.wav": None}
    )
    assert read(folder)[1] == [("b", RejectReason.NO_TRANSCRIPT), ("transcripts.txt:2", RejectReason.BAD_ROW)]
    assert read(folder, encoding="latin-1")[0]["b"].text == "adiós"


def test_lists_of_splits_and_a_column_of_speakers(tmp_path):
    files = {f"wavs/{uid}.wav": None for uid in "abcd"}
    train, val = (
        "wavs/a.wav|ana|uno dos\nwavs/b.wav|ana|tres cuatro\n",
        "wavs/c.wav|leo|cinco seis\nwavs/d.wav|leo|no sé\n",
    )
    tree(tmp_path / "f", **{"train.txt": train, "val.txt": val, "all.txt": train + val}, **files)
    items, rejected = read(tmp_path / "f")
    assert facts(items)["wavs/d"] == ("no sé", "dev", "leo")
    assert facts(items)["wavs/a"] == ("uno dos", "train", "ana")
    assert not rejected


def test_a_folder_whose_recordings_have_their_own_texts_stays_an_audio_folder(tmp_path):
    tree(tmp_path / "f", **{"a.wav": None, "a.txt": "propio", "transcripts.txt": "a otro\n", "a.srt": "1\n"})
    assert read(tmp_path / "f")[0]["a"].text == "propio"


def test_layouts_are_known_in_archives(tmp_path):
    with zipfile.ZipFile(tmp_path / "lj.zip", "w") as file:
        file.writestr("LJSpeech/metadata.csv", "x|a b|a b\n")
        file.writestr("LJSpeech/wavs/x.wav", b"audio")
    assert facts(read(tmp_path / "lj.zip")[0]) == {"x": ("a b", None, None)}
