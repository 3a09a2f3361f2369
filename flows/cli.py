"""The command ``acento``. Verbs that do work run the flow of that name; verbs that look read the store."""

import sys

import typer
from rich.console import Console

from flows.commands import datasets, models, store, terminal
from flows.commands.benchmark import benchmark, demo, results, runs
from flows.commands.captions import captions
from flows.commands.compare import compare, report
from flows.commands.data import stage, validate
from flows.commands.draft import draft
from flows.commands.info import info
from flows.commands.leaderboard import leaderboard
from flows.commands.normalize import normalize
from flows.commands.score import score
from flows.commands.shorten import shorten
from flows.commands.training import cross_validate, finetune, learning_curve, search, specialize, tensorboard
from flows.commands.transcribe import transcribe
from flows.commands.windows import judge_windows
from flows.runtime import interrupts

app = typer.Typer(
    name="acento",
    help="Specialize speech recognition to an accent, a dialect or a speaker, and prove what it gained.",
    cls=terminal.Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from acento import __version__

        terminal.out.print(f"acento {__version__}")
        raise typer.Exit


@app.callback()
def acento(
    verbose: terminal.Verbose = False,
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Show the version."),
) -> None:
    """Specialize speech recognition to an accent, a dialect or a speaker, and prove what it gained."""


training = (finetune, specialize, shorten, search, learning_curve, cross_validate, tensorboard)
looking = (runs, results, report, compare, leaderboard, info)
for verb in (demo, stage, validate, benchmark, score, normalize, *training, *looking):
    app.command()(verb)
app.command()(judge_windows)
app.command()(transcribe)
app.command()(captions)
app.command()(draft)
for group in (datasets, models, store):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])


def main() -> None:
    """Run ``acento`` with this process's arguments."""
    setattr(Console, "on_broken_pipe", interrupts.leave)  # noqa: B010 - of typer's own consoles, too
    app()
    sys.stdout.flush()


if __name__ == "__main__":
    main()
