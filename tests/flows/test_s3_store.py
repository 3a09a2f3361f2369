"""The whole way with the store in an S3 bucket: each command as on a folder, and the same texts and weights."""

from pathlib import Path

import pytest
from commands import acento
from s3 import S3Server
from servers import PrefectServer
from staged import staged_splits
from stores import S3Place
from tiny_whisper import make_whisper

from acento.core.store import LocalStore, Store, open_store
from acento.inference.predictions import attempts, digest, overlaid
from acento.registry.versions import find_version, versions

pytestmark = [pytest.mark.server, pytest.mark.slow]

SPACE = "learning_rate: {low: 1e-4, high: 1e-2, log: true}\nstrategy: [encoder, full]\n"
SHORT = ("--set", "max_steps=3", "--set", "eval_every=1", "--set", "batch_size=2", "--set", "checkpoint_every=1")
BENCHMARK = ("benchmark", "-d", "small", "-m", "base", "--job-id", "one", "--threads", "1", "--num-requests", "2")
FINETUNE = ("finetune", "-d", "small", "-b", "base", "--threads", "1", "--learning-rate", "1e-3", *SHORT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a base model, recordings, and a store on this machine to compare with."""
    root = tmp_path_factory.mktemp("s3-store")
    make_whisper(root / "base", seed=4, window_s=2)
    staged_splits(LocalStore(root / "store"), root / "clips", train=4, dev=2, test=4)
    (root / "space.yaml").write_text(SPACE)
    return root


class Beside:
    """Runs commands with the store in a bucket, on a machine that has no copies yet."""

    def __init__(self, server: PrefectServer, folder: Path, place: S3Place, s3: S3Server) -> None:
        """Take where the store is."""
        self._server, self._folder = server, folder
        self.variables = {**s3.environment, "ACENTO_STORE": place.url, "ACENTO_CACHE": str(folder / "cache")}

    def __call__(self, *arguments: str, **variables: str) -> str:
        """Run a command and return what it printed; it must succeed."""
        done = acento(self._server, self._folder, *arguments, **{**self.variables, **variables})
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def place(s3_server: S3Server) -> S3Place:
    """Make a bucket for the whole module: its tests go on one from another."""
    return S3Place(s3_server)


@pytest.fixture
def run(prefect_server: PrefectServer, folder: Path, place: S3Place, s3: S3Server) -> Beside:
    return Beside(prefect_server, folder, place, s3)


def heard(store: Store, job: str) -> str:
    """Return the digest of what a job came to."""
    return digest(overlaid(store, attempts(store, job)).values())


def test_staged_validated_and_benchmarked_it_hears_what_it_hears_on_a_folder(
    run: Beside, prefect_server: PrefectServer, folder: Path, place: S3Place
) -> None:
    assert f"{place.url}/datasets/small/000001" in run("stage", "clips", "--name", "small", ACENTO_WORKERS="2")
    assert "page" in run("validate", "small")
    assert "WER" in run(*BENCHMARK)
    assert "one" in run("runs")
    assert "run.json" in run("results", "one")
    assert "base" in run("leaderboard")
    run("results", "one", "--download", "results")
    assert (folder / "results/run.json").is_file()
    local = acento(prefect_server, folder, *BENCHMARK)
    assert local.returncode == 0, local.stderr
    there, here = open_store(place.url), LocalStore(folder / "store")
    jobs = [key for key in here.list("jobs") if "/attempt-" in key]
    assert jobs
    assert [key for key in there.list("jobs") if "/attempt-" in key] == jobs
    for key in jobs:
        job = key.rpartition("/")[0]
        assert heard(there, job) == heard(here, job)


def test_what_was_trained_there_has_the_weights_of_one_trained_on_a_folder(
    run: Beside, prefect_server: PrefectServer, folder: Path, place: S3Place
) -> None:
    said = run(*FINETUNE)
    local = acento(prefect_server, folder, *FINETUNE)
    assert local.returncode == 0, local.stderr
    there, here = open_store(place.url), LocalStore(folder / "store")
    (version,) = versions(there, "base-small")
    assert version.id in said
    assert version.id == find_version(here, "base-small").id
    assert version.id.partition("@")[2][:6] in run("models", "list")
    assert "path" in run("models", "show", "base-small")
    run("models", "promote", version.id, "--force", "--why", "to see")
    assert "production" in run("models", "show", "base-small")


def test_a_search_there_remembers_its_trials_without_a_database(run: Beside, place: S3Place) -> None:
    asked = ("search", "-d", "small", "-b", "base", "--space", "space.yaml", "--sampler", "random", "--threads", "1")
    said = run(*asked, *SHORT, "--trials", "2", "--pruner", "none")
    assert "trials.csv" in said
    again = run(*asked, *SHORT, "--trials", "3", "--pruner", "none")
    best = Path(next(line for line in again.splitlines() if line.startswith("trials.csv")).split(maxsplit=1)[1])
    assert [line.partition(",")[0] for line in best.read_text().splitlines()[1:]] == ["0", "1", "2"]
    assert len(list(open_store(place.url).list_files("searches/base-small/journal"))) > 3
