"""A Modal worker that was killed, a Prefect server that went away: what was begun goes on, and nothing runs twice."""

import time
from pathlib import Path

import pytest
from modal_pool import ModalPool
from modal_service import ModalService
from processes import PrefectServer, answers, free_port, serving, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture
def pool(prefect_server: PrefectServer, modal_api: ModalService, tmp_path) -> ModalPool:
    """Make a pool whose worker this test alone starts."""
    return ModalPool.made("on-modal-again", prefect_server, modal_api, tmp_path)


def test_a_worker_that_was_killed_is_followed_by_one_that_goes_on(pool, tmp_path):
    with pool.worker() as first:
        first.ready(lambda: "started!" in first.output(), 120)
        going, gone = (pool.run("wait", tmp_path / name) for name in ("going", "gone"))
        for name, run in (("going", going), ("gone", gone)):
            pool.began(run, first, tmp_path / f"{name}.began")
            pool.logged(run, "sample wait in process")
        first.kill()
    pool.modal.do(pool.modal.take_away(pool.sandbox(gone).id, out_of_memory=True))
    wait_until(lambda: pool.sandbox(gone).result is not None, "the sandbox to end", 30)
    with pool.worker() as second:
        pool.logged(going, "goes on with Modal sandbox")
        (tmp_path / "going").touch()
        assert pool.end(going, second) == ("COMPLETED", "")
        assert "for lack of memory" in pool.end(gone, second)[1]
        pool.logged(going, "flow saw the file")
        time.sleep(6)  # the list shows both sandboxes for a while longer, and the worker looks at it every 2 s
    logs = pool.logs(going)
    assert sum("sample wait in process" in line for line in logs) == 1
    assert sum("goes on with Modal sandbox" in line for line in logs) == 1, "a sandbox that has ended was adopted again"
    assert sum("goes on with Modal sandbox" in line for line in pool.logs(gone)) <= 1
    assert sum("flow saw the file" in line for line in logs) == 1
    assert len((tmp_path / "going.began").read_text().splitlines()) == 1


def test_what_ends_while_the_prefect_server_is_away_is_told_when_it_is_back(
    prefect_home: Path, modal_api: ModalService, tmp_path: Path
):
    port = free_port()
    with serving(prefect_home, port=port) as (server, process):
        pool = ModalPool.made("on-modal-away", server, modal_api, tmp_path)
        with pool.worker() as worker:
            worker.ready(lambda: "started!" in worker.output(), 120)
            going, gone = (pool.run("wait", tmp_path / name) for name in ("going", "gone"))
            for name, run in (("going", going), ("gone", gone)):
                pool.began(run, worker, tmp_path / f"{name}.began")
            sandbox = pool.sandbox(gone)
            wait_until(lambda: pool.flow_run(gone)["state"]["type"] == "RUNNING", "the run to be running", 60)
            process.kill()
            wait_until(lambda: not answers(port), "the end of the server", 60)
            pool.modal.do(pool.modal.take_away(sandbox.id, out_of_memory=True))
            wait_until(lambda: sandbox.result is not None, "the sandbox to end", 30)
            with serving(prefect_home, port=port):
                assert "for lack of memory" in pool.end(gone, worker)[1]
                (tmp_path / "going").touch()
                assert pool.end(going, worker) == ("COMPLETED", "")
    assert len((tmp_path / "going.began").read_text().splitlines()) == 1
