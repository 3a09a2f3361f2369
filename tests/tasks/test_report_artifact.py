"""The artifact of a run: where its report is, and what moved since the run before."""

from pathlib import Path

import pytest
from scored_runs import clip, heard, scored_run

from acento.core.settings import settings
from acento.core.store import LocalStore, open_store
from acento.registry.runs.records import Finished, find_run, run_leaderboard
from tasks import benchmark
from tasks.artifacts import page_link

CLIPS = [clip(f"c{n}", "uno dos tres", accent=("a", "b")[n % 2]) for n in range(8)]


class Bucket(LocalStore):
    """A store that says it is in S3."""

    def __init__(self, root: Path, url: str) -> None:
        """Take a folder, and where the store says that it is."""
        super().__init__(root)
        self.url = url


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the markdown of each artifact that is shown, by key."""
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    settings.cache_clear()
    found: dict[str, str] = {}
    monkeypatch.setattr(benchmark, "show_markdown", lambda key, text, _: found.update({key: text}))
    return found


def finished(run: str) -> Finished:
    store = open_store()
    artifact = find_run(store, run)
    return Finished(artifact, store.local_folder(artifact.key), run_leaderboard(store, run))


def test_a_run_is_shown_with_its_report_and_what_moved_since_the_run_before(shown: dict[str, str]) -> None:
    store = open_store()
    scored_run(store, "first", {"mini": heard(CLIPS, {"c0": "uno", "c2": "uno dos"})})
    benchmark.show_report(finished("first"))
    assert "Since run" not in shown["report"]

    scored_run(store, "second", {"mini": CLIPS}, after=1)
    benchmark.show_report(finished("second"))
    text = shown["report"]
    assert f"Report: `{store.local_folder('runs/second')}/report.html`" in text
    assert "## Since run first: demo v1" in text
    assert "mini (second) has fewer errors in 2, more in 0, as many in 6" in text
    assert "- accent a: -25.0 points of WER" in text
    assert "`acento compare second first`" in text


def test_a_store_in_s3_has_links_and_a_folder_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Bucket(tmp_path, "s3://speech/acento store")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    console = "https://s3.console.aws.amazon.com/s3/object/speech?prefix=acento%20store/runs/a/report.html"
    assert page_link(store, "runs/a", "report.html") == f"[report.html]({console})"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000/")
    assert page_link(store, "runs/a", "report.html") == (
        "[report.html](http://minio:9000/speech/acento%20store/runs/a/report.html)"
    )
    assert page_link(LocalStore(tmp_path), "runs/a", "report.html") == f"`{tmp_path}/runs/a/report.html`"
