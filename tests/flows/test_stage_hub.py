"""A data set and a model by their ids on the hub, by the commands and through the real libraries."""

import os
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hub import Hub, serving
from recordings import RATE, noise
from servers import BIN, PrefectServer
from tiny_whisper import make_whisper

from acento.core.store import open_store
from acento.data.dataset import load_card, read_clips
from acento.requests import StageRequest
from tasks.data import stage_source

ID = "anna/santiago"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("ACENTO_STORE", str(tmp_path / "store"))
    with serving(tmp_path / "hf", monkeypatch) as hub:
        configs = "".join(f"- config_name: {name}\n  data_dir: {name}\n" for name in ("es", "sv"))
        card = f"---\nconfigs:\n{configs}---\n"
        files = {"README.md": card.encode(), "sv/test.parquet": table(9, 10)}
        repo = hub.repo(f"datasets/{ID}", {**files, "es/train.parquet": table(0, 4), "es/test.parquet": table(4, 7)})
        repo.refs["v1"] = repo.refs["main"]
        repo.commit({"README.md": b"gone\n"})
        yield hub


def table(first: int, last: int) -> bytes:
    """Return a Parquet file of recordings, with columns of unusual names."""
    recordings = []
    for number in range(first, last):
        file = BytesIO()
        soundfile.write(file, noise(number, 0.5), RATE, format="FLAC")
        recordings.append(file.getvalue())
    file = BytesIO()
    said = [f"sentence number {number}" for number in range(first, last)]
    pq.write_table(pa.table({"sound": recordings, "said": said}), file)
    return file.getvalue()


@pytest.mark.slow
@pytest.mark.usefixtures("hub")
def test_the_task_tells_the_source_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.data.emit_event", lambda *_, **__: None)  # there is no server to be told of new data
    told = {"revision": "v1", "config": "es", "source_split": "test", "audio_column": "sound", "text_column": "said"}
    reference = stage_source.fn(StageRequest.of(source=ID, name="santiago", language="es", **told))
    assert reference.splits == {"train": 0, "dev": 0, "test": 3}
    store = open_store(str(tmp_path / "store"))
    texts = {clip.utterance.text for clip in read_clips(store, load_card(store, "santiago"))}
    assert texts == {f"sentence number {number}" for number in (4, 5, 6)}


@pytest.mark.server
def test_a_data_set_and_a_model_are_named_by_id_and_revision_on_the_command_line(
    hub: Hub, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    def acento(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command as a person does: libraries read where the hub is when they are imported."""
        environment = {**os.environ, "PREFECT_API_URL": prefect_server.url, **variables}
        command = [str(BIN / "acento"), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    model = make_whisper(tmp_path / "model")
    weights = {path.name: path.read_bytes() for path in model.iterdir()}
    commit = hub.repo("anna/tiny", weights, private=True, readers={"hf_mine"}).commit(weights, "v1")
    hub.repos["anna/tiny"].commit({"README.md": b"gone\n"})
    options = ["--revision", "v1", "--config", "es", "--audio-column", "sound", "--text-column", "said"]
    staged = acento("stage", ID, "--name", "santiago", "--language", "es", *options)
    assert staged.returncode == 0, staged.stderr
    assert "train 4, dev 0, test 3" in staged.stdout
    refused = acento("stage", ID, "--name", "x", "--revision", "v1")
    assert "has several configurations: name one with --config, of es, sv" in " ".join(refused.stderr.split())
    assert refused.returncode == 1
    command = ("benchmark", "--model", "anna/tiny@v1", "--dataset", "santiago")
    measured = acento(*command, HF_TOKEN="hf_mine")
    assert measured.returncode == 0, measured.stderr
    assert "hf_mine" not in measured.stdout + measured.stderr
    refused = acento("benchmark", "--model", "anna/other", "--dataset", "santiago", HF_TOKEN="hf_mine")
    assert "There is no model 'anna/other'" in " ".join(refused.stderr.split())
    written = [path.read_text(errors="replace") for path in (tmp_path / "store").rglob("*.json")]
    assert any(commit in text for text in written)
    assert not any("hf_mine" in text for text in written)
