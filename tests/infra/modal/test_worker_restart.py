"""A Modal worker that was killed: the next one goes on where it left off, and nothing runs twice."""

import pytest
from modal_pool import ModalPool
from modal_service import ModalService
from servers import PrefectServer, wait_until

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
            first.ready((tmp_path / f"{name}.began").exists, 60)
            pool.logged(run, "errand wait in process")
        first.kill()
    pool.modal.do(pool.modal.take_away(pool.sandbox(gone).id, out_of_memory=True))
    wait_until(lambda: pool.sandbox(gone).result is not None, "the sandbox to end", 30)
    with pool.worker() as second:
        pool.logged(going, "goes on with Modal sandbox")
        (tmp_path / "going").touch()
        assert pool.end(going, second) == ("COMPLETED", "")
        assert "for lack of memory" in pool.end(gone, second)[1]
        pool.logged(going, "errand saw the file")
    logs = pool.logs(going)
    assert sum("errand wait in process" in line for line in logs) == 1
    assert sum("errand saw the file" in line for line in logs) == 1
    assert len((tmp_path / "going.began").read_text().splitlines()) == 1
