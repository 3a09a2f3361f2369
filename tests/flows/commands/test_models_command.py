"""The verbs ``acento models …``: what a person sees of them, without Prefect."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub import Hub, serving
from judged import World, made_world
from openai_whisper import make_openai_whisper
from typer.testing import CliRunner, Result

from acento.models.checkpoints.resolver import resolve
from acento.registry.aliases import history
from acento.registry.card.card import publish_report
from flows.cli import app
from flows.commands import terminal


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return made_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(terminal.out, "width", 400)  # however long the name of this folder is
    return made.copied(tmp_path / "store")


def call(*arguments: str) -> Result:
    """Run ``acento models`` in this process."""
    return CliRunner().invoke(app, ["models", *arguments])


def facts(shown: Result) -> dict[str, str]:
    """Return the names and values at the top of what was printed."""
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.split("\n\n")[0].splitlines()
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines)  # type: ignore[misc]


def refused(shown: Result) -> str:
    """Return the one sentence with which a command ended."""
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert re.fullmatch(r"Error: [^\n]*\n", shown.stderr)
    return shown.stderr


def test_an_empty_registry_says_how_to_fill_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path))
    assert "yet: acento finetune" in call().stdout
    assert "no model 'nobody'" in refused(call("show", "nobody"))


def test_the_list_has_a_line_for_each_version(world: World) -> None:
    newer = world.register(1)
    world.judged(world.version, passed=True)
    call("promote", world.version.title)
    header, first, second = call("list").stdout.splitlines()
    assert header.split()[:3] == ["name", "version", "aliases"]
    assert first.split()[:3] == [world.version.name, world.version.version, "production"]
    assert "44.00 → 21.00" in first
    assert second.split()[:3] == [newer.name, newer.version, "–"]
    wer = world.report().test.all.tuned.value
    assert wer is not None
    assert f"{100 * wer:.2f}" in first
    assert call().stdout == call("list", world.version.name).stdout == call("list").stdout


def test_show_tells_all_there_is_to_know(world: World) -> None:
    publish_report(world.store, world.version, world.report())
    call("promote", world.version.title, "--force", "--why", "it has to be today")
    shown = call("show", world.version.name)
    assert facts(shown)["model"] == world.version.id
    assert facts(shown)["dev WER (chilean-leaderboard)"] == "44.00 → 21.00 %"
    assert facts(shown)["exports"] == "none"
    assert Path(facts(shown)["card"]).read_text().startswith("---\n")
    assert "small@1 (test)" in shown.stdout
    assert "guard@1 (guard)" in shown.stdout
    for sentence in world.verdict.sentences:
        assert sentence in shown.stdout
    assert re.search(r"1 +\w{12} +.* FORCED +it has to be today", shown.stdout)


def test_production_is_for_those_whom_the_gate_let_pass(world: World) -> None:
    title = world.version.title
    assert "was not judged by the gate" in refused(call("promote", title))
    world.judged(world.version, passed=False)
    assert "A sentence with 12.3 points." in refused(call("promote", title))
    assert 'A forced promotion needs a reason: add --why, as in --force --why "…"' in refused(
        call("promote", title, "--force")
    )
    assert facts(call("promote", title, "--alias", "candidate"))["candidate"] == title
    world.judged(world.version, passed=True)
    done = facts(call("promote", title))
    assert (done["production"], done["before"]) == (title, "nothing")
    assert facts(call("promote", title))["production"] == f"{title} (it was already)"
    assert len(history(world.store, world.version.name, "production")) == 1


def test_force_is_written_into_the_history(world: World) -> None:
    done = facts(call("promote", world.version.name, "--force", "--why", "it has to be today"))
    assert done["forced"] == "it has to be today"
    (move,) = history(world.store, world.version.name, "production")
    assert (move.forced, move.why) == (True, "it has to be today")


def test_rollback_is_one_command_even_when_what_is_there_is_damaged(world: World) -> None:
    newer = world.register(1)
    for version in (world.version, newer):
        call("promote", version.title, "--alias", "best")
    weights = world.store.root / newer.key / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    done = facts(call("rollback", newer.name, "--alias", "best", "--why", "it broke"))
    assert (done["best"], done["before"]) == (world.version.title, newer.version)
    assert "nothing to roll back to" in refused(call("rollback", newer.name, "--alias", "best"))
    assert "is damaged" in refused(call("show", newer.title))


@pytest.mark.parametrize("arguments", [["promote", "no/such"], ["rollback", "a b"], ["show", "nobody@production"]])
def test_a_wrong_name_is_one_sentence(world: World, arguments: list[str]) -> None:
    refused(call(*arguments))
    assert world.store.find(world.version.key) is not None


def test_a_model_of_no_registry_is_exported_into_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(terminal.out, "width", 400)
    model = make_openai_whisper(tmp_path / "m")
    shown = call("export", str(model), "--format", "ggml", "--quantization", "q8_0", "--to", str(tmp_path / "out"))
    assert facts(shown)["exported"] == f"{model} in ggml, q8_0"
    assert "note      It was not scored" in shown.stdout
    assert (tmp_path / "out" / "ggml-model.bin").is_file()
    assert "add a folder, as --to DIR" in refused(call("export", str(model), "--format", "ggml"))
    assert "is there and not empty" in refused(call("export", str(model), "--to", str(tmp_path / "out")))
    assert "There is no model 'nobody'" in refused(call("export", "nobody"))


@pytest.mark.slow
def test_an_export_is_scored_kept_and_copied(world: World, tmp_path: Path) -> None:
    arguments = ["export", world.version.title, "--format", "ctranslate2", "--quantization", "float32"]
    done = facts(call(*arguments, "--to", str(tmp_path / "out")))
    assert done["exported"] == f"{world.version.id}:ctranslate2-float32"
    assert done["path"] == str(tmp_path / "out")
    assert resolve(done["path"]).digest == resolve(done["exported"]).digest
    again = facts(call(*arguments))
    assert again["exported"].endswith("(there already)")
    assert done["exported"] in facts(call("show", world.version.title))["exports"]
    assert "not empty" in refused(call(*arguments, "--to", str(tmp_path / "out")))
    assert "no export format 'onnx'" in refused(call("export", world.version.title, "--format", "onnx"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tmp_path / "hf", monkeypatch) as hub:
        hub.tokens["good"] = "ana"
        hub.writers.add("good")
        yield hub


def test_push_uploads_the_newest_card(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_report(world.store, world.version, world.report())
    assert "set HF_TOKEN" in refused(call("push", world.version.title, "--repo", "ana/mini"))
    monkeypatch.setenv("HF_TOKEN", "good")
    from acento.core.settings import settings

    settings.cache_clear()
    done = facts(call("push", world.version.title, "--repo", "ana/mini", "--private"))
    files = hub.repos["ana/mini"].commits[done["commit"]]
    assert done["page"] == f"{hub.url}/ana/mini"
    assert b"model-index" in files["README.md"]
    assert hub.repos["ana/mini"].private


@pytest.mark.slow
def test_looking_needs_no_torch_and_no_prefect(world: World) -> None:
    import subprocess

    code = (
        "import sys; from typer.testing import CliRunner; from flows.cli import app; "
        "assert CliRunner().invoke(app, ['models', 'list']).exit_code == 0; "
        "print([name for name in ('torch', 'transformers', 'prefect', 'ctranslate2') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert world.store.find(world.version.key) is not None
