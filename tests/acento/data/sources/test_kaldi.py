"""Kaldi data directories: what is read from which file, and commands, which run only where they are allowed."""

import soundfile
from recordings import RATE, noise

from acento.data.sources import RejectReason, SourceOptions, open_source
from acento.data.sources.layouts.kaldi import run_command
from acento.data.staging import stage
from tests.acento.data.sources.layouts import facts, read, tree


def wav(path, seed=1, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = noise(seed, 1.0)
    soundfile.write(path, samples if channels == 1 else noise(seed, 2.0).reshape(-1, 2), RATE)
    return path


def test_segments_texts_speakers_and_languages_are_read_and_what_lacks_is_named(tmp_path):
    data = tree(
        tmp_path / "data",
        **{
            "wav.scp": "rec1 wav/rec 1.wav\nrec2 wav/rec2.wav\nrec3 x.ark:17\n\nrec4\n",
            "segments": "a-1 rec1 0.0 1.2\na-2 rec1 1.2 -1\nb-1 gone 0 1\nc-1 rec3 0 1\n"
            "d-1 rec1 2 1\ne-1 rec1 0.1 0.2\n",
            "text": "a-1 hola\na-2 adiós amigo\nb-1 x\nc-1 y\nd-1 z\nf-1 nada\n",
            "utt2spk": "a-1 ana\na-2 a-2\n",
            "utt2lang": "a-1 es\n",
            "spk2gender": "ana f\n",
            "wav/rec 1.wav": None,
            "wav/rec2.wav": None,
        },
    )
    items, rejected = read(data)
    assert facts(items) == {"a-1": ("hola", None, "ana"), "a-2": ("adiós amigo", None, None)}
    a1, a2 = items["a-1"], items["a-2"]
    assert (a1.start_s, a1.length_s, a1.language, a1.origin) == (0.0, 1.2, "es", "wav/rec 1.wav#t=0,1.2")
    assert (a2.start_s, a2.length_s) == (1.2, None)
    assert rejected == [
        ("b-1", RejectReason.NO_AUDIO),
        ("c-1", RejectReason.NO_AUDIO),
        ("d-1", RejectReason.BAD_ROW),
        ("e-1", RejectReason.NO_TRANSCRIPT),
        ("f-1", RejectReason.NO_AUDIO),
        ("rec2", RejectReason.NO_TRANSCRIPT),
        ("rec4", RejectReason.BAD_ROW),
    ]


def test_directories_are_splits_and_an_utterance_of_test_is_never_trained_on(tmp_path):
    for name in ("train_all", "test_clean"):
        texts = {"text": "u1 hola\n" if name == "test_clean" else "u1 hola\nu2 adiós\n"}
        scp = "u1 audio/u1.wav\nu2 audio/u2.wav\n" if name == "train_all" else "u1 audio/u1.wav\n"
        tree(tmp_path / "s5" / "data" / name, **{"wav.scp": scp}, **texts)
    tree(tmp_path / "s5", **{"audio/u1.wav": None, "audio/u2.wav": None})
    items, rejected = read(tmp_path / "s5")
    assert facts(items) == {"u1": ("hola", "test", None), "u2": ("adiós", "train", None)}
    assert rejected == [("u1", RejectReason.DUPLICATE_ID)]
    assert set(read(tmp_path / "s5" / "data" / "train_all")[0]) == {"u1", "u2"}


def test_channels_are_those_of_recordings_that_have_several(tmp_path):
    lists = {"wav.scp": "r-A st.wav\nr-B st.wav\nm-A mono.wav\n", "text": "r-A uno\nr-B dos\nm-A tres\n"}
    tree(tmp_path / "k", **lists, **{"reco2file_and_channel": "r-A r A\nr-B r B\nm-A m A\n"})
    wav(tmp_path / "k/st.wav", channels=2)
    wav(tmp_path / "k/mono.wav")
    items, _ = read(tmp_path / "k")
    assert {uid: item.channel for uid, item in items.items()} == {"r-A": 0, "r-B": 1, "m-A": None}
    assert items["r-B"].origin == "st.wav#channel=1"


def piped(root, command):
    return tree(root, **{"wav.scp": f"a {command} |\n", "text": "a hola\n"})


def test_a_command_is_refused_by_a_sentence_that_says_how_to_allow_it(tmp_path):
    piped(tmp_path / "k", f"touch {tmp_path}/ran; cat a.wav")
    with open_source(str(tmp_path / "k")) as source:
        (entry,) = source.items()
    assert entry.reason is RejectReason.NO_AUDIO
    assert "--allow-pipes" in entry.detail
    assert not (tmp_path / "ran").exists()


def test_an_allowed_command_is_run_where_its_paths_are_and_staged(tmp_path, store):
    wav(tmp_path / "s5" / "audio" / "a.wav")
    data = piped(tmp_path / "s5" / "data" / "train", "cat audio/a.wav")
    result = stage(store, str(data), "k", workers=0, source_options=SourceOptions(allow_pipes=True))
    assert (result.staged_now, result.rejected, round(result.card.seconds, 2)) == (1, {}, 1.0)
    assert result.card.splits["train"] == 1


def test_commands_that_fail_hang_or_say_nothing_are_rejected_with_the_reason(tmp_path):
    commands = ("ls gone | cat", "sleep 9", "true")
    results = [run_command("r", command, tmp_path, tmp_path / "out.wav", 0.3) for command in commands]
    assert [reason for reason, _ in results] == [RejectReason.UNREADABLE, RejectReason.UNREADABLE, RejectReason.EMPTY]
    assert "failed with exit code" in results[0][1]
    assert "has not ended after 0.3 s" in results[1][1]


def test_a_wav_from_a_pipe_gets_its_true_length_into_its_header(tmp_path):
    data = bytearray(wav(tmp_path / "a.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "p.wav").write_bytes(data)
    assert soundfile.info(run_command("r", "cat p.wav", tmp_path, tmp_path / "out.wav")).duration == 1.0
