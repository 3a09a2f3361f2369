"""Images: the steps that Modal is sent, and files of this machine that are not there."""

from pathlib import Path

import modal as client
import pytest
from modal_service import ModalService
from prefect_modal_worker.errors import SetupError
from prefect_modal_worker.image import build
from prefect_modal_worker.machine import ImageSpec


def steps(service: ModalService, spec: ImageSpec) -> list[str]:
    """Return the steps of an image as Modal was sent them."""
    app = client.App.lookup("images", create_if_missing=True)
    sandbox = client.Sandbox.create("true", app=app, image=build(spec), timeout=30)
    sandbox.wait()
    return service.image_steps(service.sandboxes[sandbox.object_id].definition.image_id)


@pytest.mark.slow
def test_an_image_is_built_in_the_order_that_changes_least_first(modal: ModalService, tmp_path: Path) -> None:
    wheel, pins = tmp_path / "acento-0.2.0-py3-none-any.whl", tmp_path / "constraints.txt"
    wheel.write_bytes(b"a wheel")
    pins.write_text("torch==2.9.0\n")
    found = steps(
        modal,
        ImageSpec(
            image="python:3.11-slim-bookworm",
            apt_packages=["ffmpeg"],
            pip_packages=["torch"],
            constraints=str(pins),
            wheel=str(wheel),
            commands=["echo ready"],
        ),
    )
    said = "\n".join(found)
    places = [said.index(text) for text in ("FROM python:3.11", "ffmpeg", " torch", "acento-0.2.0", "echo ready")]
    assert places == sorted(places)
    assert said.count("--constraint /opt/project/constraints.txt") == 2
    mounted = {name for mount in modal.mounted_files.values() for name in mount}
    assert {"/opt/project/acento-0.2.0-py3-none-any.whl", "/opt/project/constraints.txt"} <= mounted


@pytest.mark.slow
def test_a_project_s_folder_goes_without_what_is_no_part_of_its_package(modal: ModalService, tmp_path: Path) -> None:
    for name in ("pyproject.toml", "house/__init__.py", ".git/config", ".env", "tests/test_x.py", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    steps(modal, ImageSpec(source=str(tmp_path)))
    mounted = {name for mount in modal.mounted_files.values() for name in mount if "/source/" in name}
    assert mounted == {"/opt/project/source/pyproject.toml", "/opt/project/source/house/__init__.py"}


@pytest.mark.parametrize("what", ["wheel", "source", "constraints"])
def test_a_file_that_is_not_here_is_said(what: str) -> None:
    with pytest.raises(SetupError, match=f"{what} is not on this machine: /nowhere"):
        build(ImageSpec.model_validate({what: "/nowhere/x"}))
