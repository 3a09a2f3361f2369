"""The notebooks of ``examples/`` from top to bottom, and the five lines that the package's docstring begins with."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from servers import ROOT

import acento

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PREPARE = """
from pathlib import Path
import soundfile
from acento.data.demo import demo_clips, write_demo
write_demo(Path("recordings"), clips=demo_clips()[::55])
samples, rate = soundfile.read(sorted(Path("recordings").glob("*.wav"))[0])
soundfile.write("clip.mp3", samples, rate)
import acento
first = acento.stage("recordings", name="mine", language="es")
made = acento.finetune("demo:whisper-micro", first, name="mine", strategy="lora", recipe={"max_steps": 1})
acento.promote(made, force=True, why="so that there is one")
"""


def run(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """Execute a notebook in a folder, and return what its cells printed or showed as text."""
    names = [name for name in os.environ if name.startswith("ACENTO_")]
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {"ACENTO_STORE": str(folder / ".acento"), "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipy")}
    client = NotebookClient(notebook, timeout=500, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "examples are kept without outputs"
    said = run(notebook, tmp_path)
    assert "Traceback" not in said
    if path.stem == "specialize":
        assert "refused" in said
    if path.stem == "your_own_data":
        assert "{'no_audio': 1} rejected" in said


def test_the_five_lines_of_the_front_door_run_in_a_notebook(tmp_path: Path) -> None:
    lines = re.findall(r"^>>> (.*)$", acento.__doc__ or "", re.MULTILINE)
    assert len(lines) == 6, "an import and five lines"
    code = "\n".join(lines).replace("openai/whisper-small", "demo:whisper-micro")
    cells = [nbformat.v4.new_code_cell(source) for source in (PREPARE, code, "print(board, text, tuned.card)")]
    said = run(nbformat.v4.new_notebook(cells=cells), tmp_path)
    assert re.search(r"registry:mine@[0-9a-f]{12} +\d", said), said
    assert "WER of registry:whisper-micro-mine@" in said
    assert "license: apache-2.0" in said
