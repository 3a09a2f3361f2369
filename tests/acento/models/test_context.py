"""Prompts and hotwords: a list of terms is read from a file, and a family that takes none says so."""

from pathlib import Path

import pytest

from acento.core.errors import InputError, ModelError
from acento.models.base import AlignWith, DecodeOptions
from acento.models.context import read_hotwords
from acento.models.families import FAMILIES


def test_a_list_has_a_term_a_line_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "terms.txt"
    path.write_bytes("\ufeffÑuñoa  # a district\n\n# rivers\nBío  Bío\nÑuñoa\n".encode())
    assert read_hotwords(path) == ("Ñuñoa", "Bío Bío")


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), (b"\xff\xfe\x00", "can't decode"), (b"# a\n", "")]
)
def test_a_list_that_cannot_be_read_or_is_empty_is_refused(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "terms.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=why or "has no words: write a name or term on each line"):
        read_hotwords(path)


@pytest.mark.parametrize("options", [{"prompt": "antes"}, {"hotwords": ("Ñuñoa",)}])
def test_only_a_whisper_takes_them(options: dict[str, object]) -> None:
    asked = DecodeOptions(**options)
    takes = {name for name, family in FAMILIES.items() if family.prompts}
    assert takes == {"whisper", "whisper-ctranslate2"}
    for name in takes:
        FAMILIES[name].check(asked)
    for name in FAMILIES.keys() - takes:
        with pytest.raises(ModelError, match=f"Only a Whisper takes a prompt and hotwords, .* family '{name}'"):
            FAMILIES[name].check(asked)


def test_what_is_not_asked_for_changes_no_jobs_identity() -> None:
    assert not DecodeOptions().model_dump().keys() & {"words", "prompt", "hotwords", "align"}
    aligned = DecodeOptions(words=True, align=AlignWith(id="m", revision=None, digest="d"))
    assert DecodeOptions.model_validate(aligned.model_dump()) == aligned
    assert DecodeOptions.model_validate_json(aligned.model_dump_json()) == aligned
