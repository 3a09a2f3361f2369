"""A ``.nemo`` file is judged before NeMo sees it: what is damaged or could do harm is refused in one sentence."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from acento.core.errors import ModelError
from acento.families.nemo.archive import ArchiveFacts, find, inspect, read_file, unpack

CONFIG: dict[str, Any] = {
    "target": "nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE",
    "sample_rate": 16000,
    "preprocessor": {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "sample_rate": 16000,
    },
    "encoder": {"_target_": "nemo.collections.asr.modules.ConformerEncoder", "d_model": 512},
    "tokenizer": {"type": "bpe", "model_path": "nemo:abc_tokenizer.model"},
    "optim": {"name": "adamw", "sched": {"name": "CosineAnnealing"}},
}
CANARY = CONFIG | {
    "target": "nemo.collections.asr.models.EncDecMultiTaskModel",
    "tokenizer": {"type": "agg", "langs": {"spl_tokens": {}, "en": {}, "es-ES": {}}},
    "transf_decoder": {"_target_": "nemo.collections.asr.modules.transformer.get_nemo_transformer"},
}
Member = tuple[str, bytes]


def pack(
    path: Path, config: Any = CONFIG, *more: Member | tarfile.TarInfo, mode: str = "w:", whole: bool = True
) -> Path:
    """Write an archive with a config, weights and a tokenizer, and what else is given."""
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    members: list[Member | tarfile.TarInfo] = [("./model_config.yaml", text.encode())]
    if whole:
        members += [("./model_weights.ckpt", b"weights" * 100), ("./abc_tokenizer.model", b"pieces")]
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member in (*members, *more):
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member, io.BytesIO(b"x" * member.size))
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                archive.addfile(entry, io.BytesIO(member[1]))
    return path


def entry(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_it_says_what_a_model_is_plain_or_gzipped(tmp_path: Path, mode: str) -> None:
    assert inspect(pack(tmp_path / "m.nemo", mode=mode)) == ArchiveFacts(
        target="nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE",
        kind="ctc",
        languages=(),
        files=("abc_tokenizer.model", "model_config.yaml", "model_weights.ckpt"),
    )


@pytest.mark.parametrize(
    ("target", "loss", "kind"),
    [
        ("ctc_models.EncDecCTCModel", None, "ctc"),
        ("rnnt_bpe_models.EncDecRNNTBPEModel", "default", "rnnt"),
        ("EncDecRNNTBPEModel", "tdt", "tdt"),
        ("hybrid_rnnt_ctc_bpe_models.EncDecHybridRNNTCTCBPEModel", "tdt", "hybrid"),
        ("aed_multitask_models.EncDecMultiTaskModel", None, "multitask"),
    ],
)
def test_the_kind_is_told_by_class_and_loss(tmp_path: Path, target: str, loss: str | None, kind: str) -> None:
    config = CONFIG | {"target": f"nemo.collections.asr.models.{target}"}
    if loss is not None:
        config |= {"loss": {"loss_name": loss}}
    assert inspect(pack(tmp_path / "m.nemo", config)).kind == kind


def test_the_languages_are_those_with_a_tokenizer(tmp_path: Path) -> None:
    assert inspect(pack(tmp_path / "m.nemo", CANARY)).languages == ("en", "es-ES")


def test_the_config_of_a_whole_training_is_read_as_nemo_reads_it(tmp_path: Path) -> None:
    assert inspect(pack(tmp_path / "m.nemo", {"model": CONFIG, "trainer": {}})).kind == "ctc"


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_damaged(tmp_path: Path, mode: str, share: float) -> None:
    path = pack(tmp_path / "m.nemo", CONFIG, ("./last", bytes(range(256)) * 100), mode=mode)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelError, match=r"damaged|empty|ends inside|has no model_"):
        inspect(path)


@pytest.mark.parametrize(
    "data",
    [b"PK\x03\x04 a zip", b"\x1f\x8b but no gzip", gzip.compress(b"no tar" * 1000)],
    ids=["zip", "no gzip", "gzip of no tar"],
)
def test_what_is_no_tar_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.nemo").write_bytes(data)
    with pytest.raises(ModelError, match=r"damaged or no \.nemo file"):
        inspect(tmp_path / "m.nemo")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m\.nemo cannot be read"):
        inspect(tmp_path / "m.nemo")


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/passwd", "..\\out"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / "m.nemo", CONFIG, (name, b"harm"))
    for judge in (inspect, lambda one: unpack(one, tmp_path / "into")):
        with pytest.raises(ModelError, match="leads out of the archive"):
            judge(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.nemo"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = pack(tmp_path / "m.nemo", CONFIG, entry("./vocab.txt", kind, "/etc/passwd"))
    with pytest.raises(ModelError, match=r"'\./vocab\.txt' is a link or no plain file"):
        inspect(path)


@pytest.mark.parametrize("again", ["model_config.yaml", "./MODEL_config.yaml"])
def test_two_members_of_one_name_are_refused(tmp_path: Path, again: str) -> None:
    with pytest.raises(ModelError, match="two members called"):
        inspect(pack(tmp_path / "m.nemo", CONFIG, (again, b"target: os.system")))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    big = tarfile.TarInfo("./zeros")
    big.size = 80 << 20
    path = pack(tmp_path / "m.nemo", CONFIG, big, mode="w:gz")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ModelError, match="would unpack to more than 100 times that"):
        inspect(path)


@pytest.mark.parametrize("missing", ["model_config.yaml", "model_weights.ckpt"])
def test_an_archive_without_config_or_weights_is_refused(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "m.nemo"
    if missing == "model_weights.ckpt":
        pack(path, whole=False)
    else:
        with tarfile.open(path, "w:") as archive:
            archive.addfile(tarfile.TarInfo("model_weights.ckpt"))
    with pytest.raises(ModelError, match=f"has no {missing}"):
        inspect(path)


def test_yaml_that_would_build_objects_is_refused_and_builds_none(tmp_path: Path) -> None:
    harm = f"target: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{tmp_path}/harm']]"
    with pytest.raises(ModelError, match="is no plain YAML"):
        inspect(pack(tmp_path / "m.nemo", harm))
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("text", ["", "- a list", "target: [", "\xff\xfe: 1"])
def test_a_config_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelError, match=r"no mapping|no plain YAML|of class None"):
        inspect(pack(tmp_path / "m.nemo", text))


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ModelError, match="more than 1000000 values"):
        inspect(pack(tmp_path / "m.nemo", "\n".join(lines)))


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize("key", ["_target_", "target", "cls"])
@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "torch.load",
        "torch.hub.load",
        "torch.nn.modules.module.sys.modules",
        "nemo.utils.model_utils.import_class_by_path",
        "nemo.collections.asr.parts.utils.manifest_utils.os.system",
        "nemo.collections.asr.modules._private.Harm",
        "nemo.collections.common.tokenizers.huggingface.auto_tokenizer.AutoTokenizer",
        "nemo.collections.asr.models.EncDecCTCModel",
        "nemo_evil.Harm",
        "${optim.name}",
        "nemo.collections.asr.modules.ConformerEncoder\n",
        7,
        ["os.system"],
        {"_target_": "os.system"},
    ],
)
@pytest.mark.parametrize(
    "change",
    [
        lambda harm: {"encoder": CONFIG["encoder"] | harm},
        lambda harm: {"decoding": {"beam": [{"deep": [harm]}]}},
    ],
    ids=["encoder", "deep in a list"],
)
def test_a_class_that_is_no_building_block_is_refused_by_name(
    tmp_path: Path, key: str, name: Any, change: Change
) -> None:
    with pytest.raises(ModelError, match="which is no building block of NeMo's models"):
        inspect(pack(tmp_path / "m.nemo", CONFIG | change({key: name})))


@pytest.mark.parametrize(
    "name",
    [
        "torch.nn.CrossEntropyLoss",
        "nemo.collections.asr.modules.transformer.get_nemo_transformer",
        "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer",
        "nemo.collections.asr.parts.submodules.token_classifier.TokenClassifier",
        "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
        None,
    ],
)
def test_classes_that_real_models_name_pass(tmp_path: Path, name: str | None) -> None:
    assert inspect(pack(tmp_path / "m.nemo", CONFIG | {"part": {"_target_": name}})).kind == "ctc"


@pytest.mark.parametrize("target", [None, "os.system", "nemo.collections.asr.models.EncDecSpeakerLabelModel", 3])
def test_another_model_is_refused(tmp_path: Path, target: object) -> None:
    with pytest.raises(ModelError, match=r"of class|building block"):
        inspect(pack(tmp_path / "m.nemo", CONFIG | {"target": target}))


def test_a_resolver_is_refused_and_a_plain_reference_passes(tmp_path: Path) -> None:
    assert inspect(pack(tmp_path / "a.nemo", CONFIG | {"labels": "${model.labels}"})).kind == "ctc"
    with pytest.raises(ModelError, match=r"runs a resolver \('\$\{oc\.env:HOME\}'\)"):
        inspect(pack(tmp_path / "b.nemo", CONFIG | {"labels": "${oc.env:HOME}"}))


@pytest.mark.parametrize("rates", [{"sample_rate": 8000}, {"preprocessor": {"sample_rate": 44100}}])
def test_another_sample_rate_is_refused(tmp_path: Path, rates: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="16 kHz"):
        inspect(pack(tmp_path / "m.nemo", CONFIG | rates))


def test_a_tokenizer_that_is_missing_is_named(tmp_path: Path) -> None:
    config = CONFIG | {"tokenizer": {"type": "bpe", "model_path": "nemo:other.model"}}
    with pytest.raises(ModelError, match=r"has no other\.model, which its model_config\.yaml names"):
        inspect(pack(tmp_path / "m.nemo", config))


def test_a_folder_must_hold_one_archive(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds none"):
        find(tmp_path)
    first = pack(tmp_path / "a.nemo")
    (tmp_path / "recipe.json").write_text("{}")
    assert find(tmp_path) == find(first) == first
    pack(tmp_path / "b.nemo")
    with pytest.raises(ModelError, match=r"holds a\.nemo, b\.nemo; name the file itself"):
        find(tmp_path)


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_members_come_out_as_they_went_in(tmp_path: Path, mode: str) -> None:
    path = pack(tmp_path / "m.nemo", CONFIG, ("./timestamps_asr_model_weights.ckpt", b"not needed"), mode=mode)
    unpack(path, tmp_path / "into")
    assert read_file(path, "abc_tokenizer.model") == b"pieces"
    assert {one.name: one.stat().st_size for one in (tmp_path / "into").iterdir()} == {
        "abc_tokenizer.model": 6,
        "model_config.yaml": len(yaml.safe_dump(CONFIG).encode()),
        "model_weights.ckpt": 700,
    }
    with pytest.raises(ModelError, match="has no nothing"):
        read_file(path, "nothing")
