"""The Modal worker, the whole way: a pool, a worker, a deployment, runs, and what Modal was asked for."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from modal_pool import PASSWORD, PREFECT_KEY, VARIABLES, ModalPool
from modal_proto import api_pb2
from modal_service import ModalService
from modal_service.refusing import TOKEN_SECRET, Caller
from processes import PrefectServer, api, running

pytestmark = [pytest.mark.slow, pytest.mark.server]


@pytest.fixture(scope="module")
def pool(prefect_server: PrefectServer, modal_api: ModalService, tmp_path_factory: pytest.TempPathFactory) -> ModalPool:
    """Make a pool of type modal and a deployment on it."""
    return ModalPool.made("on-modal", prefect_server, modal_api, tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def worker(pool: ModalPool) -> Iterator[running]:
    """Run a worker for the pool."""
    with pool.worker() as started:
        started.ready(lambda: "started!" in started.output(), 120)
        yield started


@pytest.fixture(scope="module")
def runs(pool: ModalPool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Ask for several flow runs at once, and return their ids."""
    folder = tmp_path_factory.mktemp("samples")
    pool.modal.broken_images["registry.example/none:1"] = "manifest for registry.example/none:1 not found"
    pool.modal.unavailable.update({"H100", "H200"})
    env = VARIABLES["env"]
    return {
        "well": pool.run("return", gpu="H100,L4"),
        "failing": pool.run("raise"),
        "dead": pool.run("exit"),
        "slow": pool.run("wait", folder / "slow", timeout=25),
        "imageless": pool.run("return", image="registry.example/none:1"),
        "without a GPU": pool.run("return", gpu="H100,H200"),
        "unreachable": pool.run("return", check_api_url=True),
        "talkative": pool.run("return", env={**env, "HF_TOKEN": "hf_abcdef"}),
        "unknown secret": pool.run("return", secrets=["nobody-made-it"]),
    }


def test_a_flow_run_runs_in_a_sandbox_and_what_it_prints_is_in_its_logs_once(pool, worker, runs):
    assert pool.end(runs["well"], worker) == ("COMPLETED", "")
    pool.logged(runs["well"], "sample return in process")
    pool.logged(runs["well"], "Finished in state Completed()")
    logs = pool.logs(runs["well"])
    assert sum("sample return" in line for line in logs) == 1
    assert sum("Finished in state Completed()" in line for line in logs) == 1
    assert pool.flow_run(runs["well"])["infrastructure_pid"] == pool.sandbox(runs["well"]).id


def test_modal_is_asked_for_what_the_job_variables_say(pool, worker, runs):
    pool.end(runs["well"], worker)
    sandbox = pool.sandbox(runs["well"])
    asked = sandbox.definition
    assert list(asked.entrypoint_args) == ["prefect", "flow-run", "execute"]
    assert asked.timeout_secs == 600
    assert asked.resources.gpu_config.gpu_type == "L4"
    assert (asked.resources.milli_cpu, asked.resources.memory_mb, asked.resources.memory_mb_max) == (2000, 2048, 4096)
    assert list(asked.scheduler_placement.regions) == ["eu"]
    mounted = {mount.mount_path: pool.modal.volumes[mount.volume_id].name for mount in asked.volume_mounts}
    assert mounted == VARIABLES["volumes"]
    named = {pool.modal.secret_ids.get(secret) for secret in asked.secret_ids}
    assert named == {"samples", None}  # None: the variables of the environment
    steps = pool.modal.image_steps(asked.image_id)
    assert steps[0] == "FROM registry.example/runner:1"
    assert any("apt-get install -y ffmpeg" in step for step in steps)
    assert any(step.endswith("numpy==2.4") for step in steps)
    assert pool.modal.apps[sandbox.app] == "prefect-on-modal"


def test_of_several_gpus_the_first_that_there_is_is_taken(pool, worker, runs):
    pool.end(runs["well"], worker)
    asked = [r for r in pool.modal.book.of("SandboxCreate") if r.definition.name == f"flow-run-{runs['well']}"]
    assert [one.definition.resources.gpu_config.gpu_type for one in asked][-1] == "L4"
    assert {one.definition.resources.gpu_config.gpu_type for one in asked[:-1]} == {"H100"}


def test_no_secret_is_in_any_request_or_log(pool, worker, runs):
    for run in runs.values():
        pool.end(run, worker)
    sent = "\n".join(str(call.request) for call in pool.modal.book.calls)
    logged = "\n".join(line for run in runs.values() for line in pool.logs(run)) + worker.output()
    for secret in (PASSWORD, "hf_abcdef", TOKEN_SECRET, PREFECT_KEY):
        assert secret not in sent
        assert secret not in logged


@pytest.mark.parametrize(
    ("run", "state", "sentence"),
    [
        ("failing", "FAILED", "the flow failed as it was asked to"),
        ("dead", "CRASHED", "killed (exit code 137), most likely for lack of memory"),
        ("slow", "CRASHED", "reached its time limit of 25 s and was ended: raise the job variable timeout"),
        ("imageless", "CRASHED", "could not build the image (manifest for registry.example/none:1 not found)"),
        ("without a GPU", "CRASHED", "Modal has no room to start a sandbox now (no H200 is available)"),
        ("unreachable", "CRASHED", "cannot reach the Prefect server at 127.0.0.1, which is this machine"),
        ("talkative", "CRASHED", "env holds HF_TOKEN, which looks like a secret: put it into a Modal secret"),
        ("unknown secret", "CRASHED", "Secret 'nobody-made-it' not found"),
    ],
)
def test_a_run_that_does_not_end_well_says_why(pool, worker, runs, run, state, sentence):
    found, message = pool.end(runs[run], worker)
    assert found == state
    assert sentence in message


def test_what_cannot_run_starts_no_sandbox(pool, worker, runs):
    refused = [runs[name] for name in ("imageless", "without a GPU", "unreachable", "talkative")]
    for run in refused:
        pool.end(run, worker)
    assert not [one for one in pool.modal.sandboxes.values() if one.tags.get("prefect-flow-run-id") in refused]


def test_a_machine_taken_away_or_out_of_memory_is_said(pool, worker, tmp_path):
    ways = {"taken": False, "memory": True}
    waiting = {name: pool.run("wait", tmp_path / name) for name in ways}
    for name, out_of_memory in ways.items():
        worker.ready((tmp_path / f"{name}.began").exists, 60)
        pool.modal.do(pool.modal.take_away(pool.sandbox(waiting[name]).id, out_of_memory=out_of_memory))
    assert pool.end(waiting["taken"], worker)[0] == "CRASHED"
    assert "Modal took its machine away" in pool.end(waiting["taken"], worker)[1]
    assert "for lack of memory" in pool.end(waiting["memory"], worker)[1]


def test_a_run_that_is_cancelled_ends_with_its_sandbox(pool, worker, tmp_path):
    run = pool.run("wait", tmp_path / "never")
    worker.ready((tmp_path / "never.began").exists, 60)
    done = pool.server.run("prefect", "flow-run", "cancel", run)
    assert done.returncode == 0, done.stderr
    assert pool.end(run, worker)[0] == "CANCELLED"
    worker.ready(lambda: pool.sandbox(run).result is not None, 60)


def test_a_run_that_is_cancelled_before_it_began_takes_its_sandbox_with_it(pool, worker, tmp_path):
    run = pool.run("wait", tmp_path / "never", command="sleep 600")  # as one that takes long to begin
    worker.ready(lambda: pool.flow_run(run)["infrastructure_pid"] is not None, 60)
    done = pool.server.run("prefect", "flow-run", "cancel", run)
    assert done.returncode == 0, done.stderr
    assert pool.end(run, worker)[0] == "CANCELLED"
    worker.ready(lambda: pool.sandbox(run).result is not None, 60)


def test_sandboxes_that_no_flow_run_wants_are_terminated(pool, worker):
    (known,) = api(pool.server, "work_pools", work_pools={"name": {"any_": [pool.name]}})
    stray = pool.modal.do(
        _stray(pool.modal, {"prefect-work-pool-id": known["id"], "prefect-flow-run-id": str(uuid4())})
    )
    other = pool.modal.do(_stray(pool.modal, {"prefect-work-pool-id": str(uuid4())}))
    worker.ready(lambda: pool.modal.sandboxes[stray].result is not None, 60)
    assert pool.modal.sandboxes[other].result is None


async def _stray(modal_api: ModalService, tags: dict[str, str]) -> str:
    """Start a sandbox as a worker would have that knows nothing of it any more."""
    found = api_pb2.AppGetOrCreateRequest(
        app_name="prefect-on-modal", object_creation_type=api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
    )
    app = (await modal_api.AppGetOrCreate(found, Caller(None))).app_id
    request = api_pb2.SandboxCreateV2Request(
        app_id=app,
        definition=api_pb2.Sandbox(entrypoint_args=["sleep", "600"], timeout_secs=600),
        tags=[api_pb2.SandboxTag(tag_name=name, tag_value=value) for name, value in tags.items()],
    )
    return str((await modal_api.SandboxCreateV2(request, Caller(None))).sandbox_id)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}, "Token missing"),
        ({"MODAL_TOKEN_SECRET": "wrong"}, "is not valid"),
    ],
)
def test_a_worker_without_a_token_that_counts_does_not_start(pool, variables, sentence):
    done = pool.server.run("prefect", "worker", "start", "--pool", pool.name, **variables)
    assert done.returncode != 0
    assert "No worker was started. Modal did not let us connect" in done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
