"""whisper.cpp, by the library of the package ``pywhispercpp``; in a process of its own, as ggml aborts where it fails.

Run as ``python whisper_cpp.py FILE MEL.npy TOKENS OUT.npy``: the logits behind the last token. ``pywhispercpp`` itself
binds no prompt of more than one token, so C is called.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest


def logits(model: Path, mel: np.ndarray, tokens: Sequence[int], scratch: Path) -> np.ndarray:
    """Return what whisper.cpp gives behind tokens, one number for each of the vocabulary; skip where it is missing.

    ``mel`` is ``[mel bins, 3000]``.
    """
    pytest.importorskip("_pywhispercpp", reason="whisper.cpp is in the package pywhispercpp, which is not here")
    np.save(scratch / "mel.npy", mel)
    prompt = ",".join(map(str, tokens))
    command = [sys.executable, __file__, str(model), str(scratch / "mel.npy"), prompt, str(scratch / "logits.npy")]
    quiet = os.environ | {"GGML_NO_BACKTRACE": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, env=quiet)
    assert ran.returncode == 0, ran.stderr[-800:]
    found: np.ndarray = np.load(scratch / "logits.npy")
    return found


def _main(model: str, mel: str, prompt: str, out: str) -> None:
    import _pywhispercpp  # noqa: F401 - it loads the library

    mapped = Path("/proc/self/maps").read_text().splitlines()
    whisper = ctypes.CDLL(next(line.split()[-1] for line in mapped if "libwhisper" in line))
    whisper.whisper_init_from_file.restype = ctypes.c_void_p
    whisper.whisper_get_logits.restype = ctypes.POINTER(ctypes.c_float)
    frames = np.ascontiguousarray(np.load(mel), np.float32)
    tokens = np.array(prompt.split(","), np.int32)
    context = ctypes.c_void_p(whisper.whisper_init_from_file(model.encode()))
    assert context, "the file cannot be loaded"
    shape = frames.shape[1], frames.shape[0]
    assert whisper.whisper_set_mel(context, ctypes.c_void_p(frames.ctypes.data), *shape) == 0
    assert whisper.whisper_encode(context, 0, 1) == 0
    assert whisper.whisper_decode(context, ctypes.c_void_p(tokens.ctypes.data), len(tokens), 0, 1) == 0
    rows = np.ctypeslib.as_array(whisper.whisper_get_logits(context), (len(tokens), whisper.whisper_n_vocab(context)))
    np.save(out, rows[-1])


if __name__ == "__main__":
    _main(*sys.argv[1:])
