"""The verb ``normalize``: texts in, texts out, each step on request, and one sentence where something is wrong."""

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands import terminal


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.out, "width", 200)


def normalize(*arguments: str, given: str | bytes = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["normalize", *arguments], input=given)
    return done.exit_code, done.output


def test_each_text_is_a_line() -> None:
    assert normalize("--preset", "spanish", "¡Son 3,5!", "[risas]") == (0, "son tres coma cinco\n\n")


def test_lines_of_standard_input_are_texts_and_the_language_chooses() -> None:
    assert normalize("--language", "tr", given="IŞIK\r\n\nİyi\n") == (0, "ışık\n\niyi\n")


def test_explain_shows_the_steps_that_change_a_text() -> None:
    code, printed = normalize("--preset", "spanish", "--explain", "[bold]3,5 %[/x]")
    assert code == 0
    assert "[bold]3,5 %[/x]" in printed
    assert "spanish-1" in printed
    assert next(line.split()[0] for line in printed.splitlines() if "tres coma cinco" in line) == "numbers-to-words"
    assert "money" not in printed


def test_the_list_names_every_preset() -> None:
    from acento.core.text import NORMALIZERS

    _, printed = normalize("--list")
    assert all(one.identity in printed for one in NORMALIZERS.values())
    assert "unicode-XX-1" in printed


@pytest.mark.parametrize(
    ("arguments", "given", "sentence"),
    [
        (("--preset", "klingon", "x"), "", "There is no normalizer 'klingon'; there is: none-1"),
        (("--preset", "unicode-xx", "x"), "", "There is no normalizer 'unicode-xx'"),
        (("--language", "xx", "x"), "", "'xx' is no known language"),
        ((), b"\xff\n", "Standard input is not UTF-8"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments: tuple[str, ...], given: str | bytes, sentence: str) -> None:
    code, printed = normalize(*arguments, given=given)
    assert code == 1
    assert sentence in " ".join(printed.split())
    assert "Traceback" not in printed
