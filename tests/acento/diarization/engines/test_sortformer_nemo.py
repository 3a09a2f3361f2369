"""A Sortformer of NeMo's own class, with random weights: an archive is loaded, and its turns are those of NeMo."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from acento.core.errors import ModelError
from acento.diarization.diarizer import Speakers
from acento.diarization.engines.engine import find_engine, load_engine
from acento.models.base import DecodeOptions

pytestmark = [pytest.mark.nemo, pytest.mark.timeout(600)]
WIDE, NARROW = 32, 16
MODULES = "nemo.collections.asr.modules"
ENCODER = {"feat_out": -1, "n_layers": 1, "n_heads": 2, "subsampling": "dw_striding", "subsampling_factor": 8}
CONFIG: dict[str, Any] = {
    "sample_rate": 16_000,
    "pil_weight": 0.5,
    "ats_weight": 0.5,
    "max_num_of_spks": 4,
    "model_defaults": {"fc_d_model": WIDE, "tf_d_model": NARROW},
    "preprocessor": {
        "_target_": f"{MODULES}.AudioToMelSpectrogramPreprocessor",
        **{"sample_rate": 16_000, "features": 80, "n_fft": 512},
    },
    "sortformer_modules": {
        "_target_": f"{MODULES}.sortformer_modules.SortformerModules",
        **{"num_spks": 4, "dropout_rate": 0.0, "fc_d_model": WIDE, "tf_d_model": NARROW},
    },
    "encoder": {"_target_": f"{MODULES}.ConformerEncoder", "feat_in": 80, "d_model": WIDE, **ENCODER},
    "transformer_encoder": {
        "_target_": f"{MODULES}.transformer.transformer_encoders.TransformerEncoder",
        **{"num_layers": 1, "hidden_size": NARROW, "inner_size": 32, "num_attention_heads": 2},
    },
    "loss": {"_target_": "nemo.collections.asr.losses.bce_loss.BCELoss"},
}
"""As of sortformer_diarizer_hybrid_loss_4spk-v1.yaml, a thousandth as large."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nemo.collections.asr.models import SortformerEncLabelModel
    from omegaconf import OmegaConf

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("sortformer") / "tiny.nemo"
    SortformerEncLabelModel(OmegaConf.create(CONFIG)).save_to(str(path))
    return path


def test_an_archive_gives_the_turns_that_nemo_gives(archive: Path, tmp_path: Path) -> None:
    from nemo.collections.asr.models import SortformerEncLabelModel

    audio = (0.1 * np.random.default_rng(0).standard_normal(6 * 16_000)).astype(np.float32)
    told: list[float] = []
    turns = load_engine(find_engine(str(archive)), DecodeOptions()).diarize(
        np.array_split(audio, 3), Speakers(), told.append
    )
    soundfile.write(tmp_path / "a.wav", audio, 16_000)
    own = SortformerEncLabelModel.restore_from(str(archive)).eval().diarize(audio=[str(tmp_path / "a.wav")])[0]
    assert own, "a Sortformer of random weights hears somebody"
    assert sum(told) == pytest.approx(6)
    assert [f"{turn.start:.3f} {turn.end:.3f} speaker_{int(turn.speaker[-2:])}" for turn in turns] == sorted(own)


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.nemo").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"broken\.nemo holds no Sortformer that NeMo can load"):
        load_engine(find_engine(str(tmp_path / "broken.nemo")), DecodeOptions())
