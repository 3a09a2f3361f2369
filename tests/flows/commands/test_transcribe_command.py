"""``acento transcribe`` beside a real Prefect server: what it prints, writes and shows; signals; bad input."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from batches import digests
from commands import acento, api, command, is_one_sentence, newest_run, slice_runs
from elsewhere import knows_the_fake, pool_with_worker
from fake_recognizer import fake_model
from servers import PrefectServer, wait_until

from acento.core.audio.recording import decode
from acento.data.demo import demo_clips, wav_bytes

pytestmark = pytest.mark.server

MINI = ("-m", "demo:whisper-mini", "--language", "es")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with two talks of several sentences, and one that is damaged."""
    root = tmp_path_factory.mktemp("transcribe")
    (root / "talks").mkdir()
    for number in range(2):
        clips = demo_clips()[number * 3 : number * 3 + 3]
        pause = np.zeros(12_000, np.int16)
        samples = np.concatenate([part for clip in clips for part in (pause, decode(wav_bytes(clip)), pause)])
        soundfile.write(root / "talks" / f"talk{number}.flac", samples, 16_000)
    whole = (root / "talks" / "talk0.flac").read_bytes()
    (root / "talks" / "broken.flac").write_bytes(whole[: len(whole) // 2])
    return root


@pytest.fixture
def folder(prepared: Path, tmp_path: Path) -> Path:
    """Copy it, so that each test has a store of its own."""
    return shutil.copytree(prepared, tmp_path / "work")


def artifacts(server: PrefectServer, run: Any) -> dict[str, str]:
    found = api(server, "artifacts", artifacts={"flow_run_id": {"any_": [run["id"]]}})
    return {one["key"]: str(one["data"]) for one in found}


def test_it_writes_the_files_prints_a_table_and_says_what_failed(prefect_server: PrefectServer, folder: Path) -> None:
    asked = ("transcribe", "talks", *MINI, "-f", "txt,srt")
    done = acento(prefect_server, folder, *asked)
    assert done.returncode == 1, done.stderr
    assert "3 files: 2 done, 1 failed, 0 skipped" in done.stdout
    assert "talk0.txt, talk0.srt" in done.stdout
    assert "Failed: " in done.stderr
    assert "broken.flac: the file" in done.stderr
    assert "Traceback" not in done.stderr
    out = folder / "transcripts"
    assert [*digests(out)] == ["talk0.srt", "talk0.txt", "talk1.srt", "talk1.txt"]
    assert "-->" in (out / "talk0.srt").read_text()
    run = newest_run(prefect_server, "transcribe")
    assert (run["state_type"], run["name"]) == ("COMPLETED", "transcribe talks")
    shown = artifacts(prefect_server, run)
    assert "3 files: 2 done, 1 failed, 0 skipped" in shown["transcripts-talks"]
    assert (out / "talk1.txt").read_text().split()[0] in shown["text-talk1"]

    before = digests(out)
    (folder / "talks" / "broken.flac").unlink()
    again = acento(prefect_server, folder, *asked)
    assert again.returncode == 0, again.stderr
    assert "2 files: 0 done, 0 failed, 2 skipped" in again.stdout
    assert digests(out) == before
    status = acento(prefect_server, folder, *asked, "--status")
    assert "2 files: 0 done, 0 failed, 2 skipped" in status.stdout


def test_sigterm_ends_it_with_a_sentence_and_the_same_again_goes_on(
    prefect_server: PrefectServer, folder: Path
) -> None:
    fake_model(folder / "slow", infer_s=4.0)
    (folder / "talks" / "broken.flac").unlink()
    asked = ("transcribe", "talks", "-m", "slow", "--window-s", "2", "--num-requests", "1", "--gpu-batch-size", "1")
    started = command(prefect_server, folder, *asked)
    started["env"] |= knows_the_fake(prefect_server.home)
    with subprocess.Popen(**started, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        plans = folder / "store" / "plans"
        wait_until(lambda: plans.is_dir() and any(plans.glob("*/_complete.json")), "a plan", 120)
        wait_until(lambda: process.poll() is None, "the decoding", 5)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Interrupted. What was finished is kept: run the same command again to go on." in said
    assert "waiting" in (folder / "transcripts" / "ledger.csv").read_text()
    fake_model(folder / "slow")  # the same bytes are another model's; this one is quick
    again = subprocess.run(**started, capture_output=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr
    assert "2 files: 2 done, 0 failed, 0 skipped" in again.stdout


def test_runs_of_a_work_pool_transcribe_it_to_the_same_files(prefect_server: PrefectServer, folder: Path) -> None:
    asked = ("transcribe", "talks", *MINI, "--channels", "each")
    here = acento(prefect_server, folder, *asked, "-f", "txt,rttm", "-o", "here")
    store, pool = str(folder / "elsewhere"), ("--compute", "work-pool", "--work-pool", "transcribing", "-o", "there")
    with pool_with_worker(prefect_server, "transcribing"):
        there = acento(prefect_server, folder, *asked, *pool, "-f", "txt,rttm", ACENTO_STORE=store)
        again = acento(prefect_server, folder, *asked, *pool, "-f", "srt", ACENTO_STORE=store)
    for done in (here, there, again):  # one file is damaged
        assert done.returncode == 1, done.stderr
        assert "3 files: 2 done, 1 failed, 0 skipped" in done.stdout
    assert digests(folder / "there").items() >= digests(folder / "here").items()
    shown = artifacts(prefect_server, newest_run(prefect_server, "transcribe"))
    assert "**SPEAKER_00:** " in shown["text-talk1"]
    names = sorted(run["name"] for run in slice_runs(prefect_server, store))
    assert names == ["slice 1 (1 job): transcribe talks", "slice 1 (2 jobs): diarize talks"], "each half once"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nothing.mp3",), "'nothing.mp3' cannot be transcribed (No such file or directory): check the path."),
        (("empty",), "There is no audio or video in the folder 'empty'."),
        (("talks", "-f", "pdf"), "There is no format 'pdf'"),
        (("talks", "-f", "rttm"), "The format rttm says who speaks: add --diarize"),
        (("talks", "-o", "talks/talk0.flac"), "cannot be written"),
        (("talks", "-m", "demo:none"), "demo:none"),
        (("talks", "-m", "demo:whisper-mini", "--language", "xx"), "xx"),
        (("talks", "--speakers", "2"), "--speakers is for telling speakers apart: add --diarize"),
        (("ftp://host/a.mp3",), "is no address of a known kind"),
        (("talks", "--diarize", "--diarizer", "slow"), "There is no diarizer 'slow'"),
        (("talks", "--diarize", "--voice", "ana=none.wav"), "none.wav"),
        (("talks", "--diarize", "--voice", "ana=silent.wav"), "Nobody speaks in the recording of the voice 'ana'"),
        (("talks", "--diarize", "--voice", "ana=a.wav", "--voice", "ana=b.wav"), "Two voices are called 'ana'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_begins(
    prefect_server: PrefectServer, folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    (folder / "empty").mkdir()
    soundfile.write(folder / "silent.wav", np.zeros(16_000, np.int16), 16_000)
    is_one_sentence(acento(prefect_server, folder, "transcribe", *arguments), sentence)
    assert len([*(folder / "store").glob("recordings/*")]) == ("ana=silent.wav" in arguments)
    assert not (folder / "store" / "batches").exists()


def test_a_folder_that_may_not_be_written_is_refused(prefect_server: PrefectServer, folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o500)
    root = os.geteuid() == 0  # who may write everywhere but where the kernel makes the files
    out, why = ("/proc/out", "No such file or directory") if root else ("locked/out", "Permission denied")
    done = acento(prefect_server, folder, "transcribe", "talks", *MINI, "-o", out)
    is_one_sentence(done, f"cannot be written ({why}); choose another with -o.")
