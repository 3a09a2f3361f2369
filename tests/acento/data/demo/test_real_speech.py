"""The game's speech: dialogues are read as they are written, the demo's clips are chosen by a rule."""

import csv
import gzip
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from acento.core.store import LocalStore
from acento.data.demo.real import speech as module
from acento.data.demo.real.selection import CorpusClip, choose, find_dialogues, find_prompts, split_of_level
from acento.data.demo.real.speech import CORPORA, fetch_speech
from acento.data.staging import stage

ACTORS = ("small", "big")
GAME = "usr/share/games/fillets-ng"


def say(root: Path, level: str, name: str, *, seconds: float = 2.0, seed: int = 0) -> None:
    """Put a recording where the game has it."""
    folder = root / GAME / "sound" / level / "nl"
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng([seed, *name.encode()]).normal(0, 0.1, round(22050 * seconds))
    soundfile.write(folder / f"{name}.ogg", noise.astype(np.float32), 22050)


def write(root: Path, level: str, lines: list[tuple[str, str, str]], script: str = "dialogs_nl.lua") -> None:
    """Write a dialogue as the game has it: name, font, text."""
    path = root / GAME / "script" / level / script
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = (f'\ndialogId("{name}", "{font}", "English")\ndialogStr("{text}")\n' for name, font, text in lines)
    path.write_text("".join(blocks), encoding="utf-8")


def test_spoken_lines_are_found_with_their_speaker_and_level(tmp_path: Path) -> None:
    say(tmp_path, "cave", "one")
    write(tmp_path, "cave", [("one", "font_small", "Goedendag, visje.")])
    ((clip, path),) = find_dialogues(tmp_path, "nl")
    assert clip == CorpusClip("cave_one", "Goedendag, visje.", "small", "cave")
    assert path == tmp_path / GAME / "sound/cave/nl/one.ogg"


def test_escaped_quotes_are_quotes(tmp_path: Path) -> None:
    say(tmp_path, "cave", "one")
    write(tmp_path, "cave", [("one", "font_big", r"Hij zei: \"nee\".")])
    assert [clip.text for clip, _ in find_dialogues(tmp_path, "nl")] == ['Hij zei: "nee".']


def test_lines_without_a_recording_or_a_text_or_with_a_place_to_fill_are_left(tmp_path: Path) -> None:
    for name in ("empty", "filled"):
        say(tmp_path, "cave", name)
    lines = [("silent", "font_big", "Niets."), ("empty", "font_big", " "), ("filled", "font_big", "Nog %1 keer.")]
    write(tmp_path, "cave", lines)
    assert list(find_dialogues(tmp_path, "nl")) == []


def test_a_line_that_two_scripts_have_is_found_once(tmp_path: Path) -> None:
    say(tmp_path, "cave", "one")
    for script in ("dialogs_nl.lua", "demo_dialogs_nl.lua"):
        write(tmp_path, "cave", [("one", "font_big", f"Uit {script}.")], script)
    assert [clip.text for clip, _ in find_dialogues(tmp_path, "nl")] == ["Uit demo_dialogs_nl.lua."]


def test_prompts_of_plain_words_are_found_and_tones_and_digits_left(tmp_path: Path) -> None:
    listed = tmp_path / "usr/share/doc/words/core-sounds-en.txt.gz"
    listed.parent.mkdir(parents=True)
    lines = ["; a comment", "vm-hello: Hello there.", "beep: [a tone]", "vm-press: Press 1.", "gone: Not recorded."]
    listed.write_bytes(gzip.compress("\n".join([*lines, "digits/one: One."]).encode()))
    root = tmp_path / "usr/share/asterisk/sounds/en_US_f_Allison"
    for name in ("vm-hello", "beep", "vm-press", "digits/one", "untold"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.wav").touch()
    found = list(find_prompts(tmp_path, "en"))
    assert found == [
        (CorpusClip("digits_one", "One.", "allison", "digits"), root / "digits/one.wav"),
        (CorpusClip("vm-hello", "Hello there.", "allison", "vm"), root / "vm-hello.wav"),
    ]
    assert list(find_prompts(tmp_path, "es")) == []


CLIP = st.builds(
    CorpusClip,
    id=st.text("abcdef", min_size=1, max_size=6),
    text=st.lists(st.sampled_from(["een", "twee", "drie", "vier"]), min_size=1, max_size=8).map(" ".join),
    speaker=st.sampled_from([*ACTORS, "parrot"]),
    level=st.sampled_from(["cave", "library", "airplane", "music", "linux"]),
    seconds=st.floats(0.2, 12),
)


@given(st.lists(CLIP, max_size=60, unique_by=lambda clip: clip.id), st.randoms(use_true_random=False))
def test_the_rule_keeps_levels_and_texts_apart_whatever_the_order(clips: list[CorpusClip], dice: random.Random) -> None:
    counts = {"train": 5, "dev": 2, "test": 4}
    chosen = choose(clips, counts, ACTORS)  # type: ignore[arg-type]
    shuffled = list(clips)
    dice.shuffle(shuffled)
    assert choose(shuffled, counts, ACTORS) == chosen  # type: ignore[arg-type]
    assert all(split == split_of_level(clip.level) for clip, split in chosen)
    for clip, _ in chosen:
        assert clip.speaker in ACTORS
        assert len(clip.text.split()) >= 4
        assert 1 <= clip.seconds <= 8
        assert {other.level for other in clips if other.text == clip.text} == {clip.level}
    for split, count in counts.items():
        assert sum(one == split for _, one in chosen) <= count


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Debian whose packages are a folder, from which a stand-in unpacks them."""
    root = tmp_path / "debian"
    for level in ("cave", "library"):
        lines = [(f"{level}{n}", "font_small", f"Dit is regel {n} uit {level}") for n in range(4)]
        for name, _, _ in lines:
            say(root, level, name)
        write(root, level, lines)
    for package in ("fillets-ng-data", "fillets-ng-data-nl"):
        (root / "usr/share/doc" / package).mkdir(parents=True)
        (root / "usr/share/doc" / package / "copyright").write_text("GPL-2")
    monkeypatch.setenv("ACENTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "download_debian", lambda _packages, folder: shutil.copytree(root, folder))
    return root


def test_a_corpus_is_a_table_that_is_staged(debian: Path, tmp_path: Path) -> None:
    assert debian
    found = fetch_speech("nl")
    staged = stage(LocalStore(tmp_path / "store"), str(found.clips), "fish", workers=0)
    assert (staged.found, staged.staged_now, staged.rejected) == (8, 8, {})
    with found.clips.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["split"] for row in rows if row["id"].startswith("cave")} == {split_of_level("cave")}
    assert {(row["speaker"], row["language"]) for row in rows} == {("small", "nl")}
    assert sorted(path.name for path in found.folder.glob("copyright*")) == [
        "copyright-fillets-ng-data-nl.txt",
        "copyright-fillets-ng-data.txt",
    ]
    assert not (found.folder / "unpacked").exists()


def test_another_release_of_the_corpus_is_said_and_used(debian: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert debian
    found = fetch_speech("nl")
    assert found.difference == (
        "This machine's fillets-ng-data-nl holds other speech than the figures in the documentation are of (8 clips, "
        "1528 are known): expect other figures."
    )
    digest = json.loads((found.folder / "found.json").read_text())["digest"]
    monkeypatch.setitem(CORPORA, "nl", replace(CORPORA["nl"], clips=8, digest=digest))  # type: ignore[arg-type]
    assert fetch_speech("nl").difference is None
