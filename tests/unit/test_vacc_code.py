# SPDX-License-Identifier: Apache-2.0
"""The configs that ship for users: valid, in agreement, and true to their models."""

import re
from pathlib import Path

import pytest

from vackit.config.build import BuildConfig, CvtColor, Normalize, load_build_config
from vackit.config.model_info import load_model_info
from vackit.config.validate import validate_files
from vackit.config.vdsp import load_vdsp_params

ROOT = Path(__file__).resolve().parents[2]
VACC_CODE = ROOT / "vacc_code"

# build YAML -> its vdsp params
PAIRS = {
    "megvii_shufflenetv2": "megvii-shufflenet_v2_x1.0",
    "torchvision_shufflenetv2": "torchvision-shufflenet_v2_x1_0",
    "mmcls_shufflenetv2": "mmcls-shufflenet_v2",
    "ppcls_shufflenetv2": "ppcls-shufflenet_v2_x1.0",
    "timm_mobilenetv2": "timm-mobilenetv2_100",
    "torchvision_mobilenetv2": "torchvision-mobilenet_v2",
    "mmcls_mobilenetv2": "mmcls-mobilenet_v2",
    "ppcls_mobilenetv2": "ppcls-mobilenet_v2",
    "keras_mobilenetv2": "keras-mobilenet_v2",
    "vackit_digits": "vackit-digits",
}
# model info -> the build YAML whose artifact it names
INFOS = {
    "shufflenet_v2": "megvii_shufflenetv2",
    "mobilenet_v2": "timm_mobilenetv2",
    "digits": "vackit_digits",
}
IMAGENET = Normalize(True, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BYTES = Normalize(False, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def build_path(name: str) -> Path:
    return VACC_CODE / "build" / f"{name}.yaml"


def vdsp_path(name: str) -> Path:
    return VACC_CODE / "vdsp_params" / f"{PAIRS[name]}-vdsp_params.json"


def load(name: str) -> BuildConfig:
    return load_build_config(build_path(name))


def test_folders_hold_these_files_and_no_others() -> None:
    files = {path.relative_to(VACC_CODE) for path in VACC_CODE.rglob("*") if path.is_file()}
    expected = {Path("README.md")}
    for name in PAIRS:
        expected |= {build_path(name).relative_to(VACC_CODE)}
        expected |= {vdsp_path(name).relative_to(VACC_CODE)}
    expected |= {Path("model_info") / f"model_info_{name}.json" for name in INFOS}
    assert files == expected


@pytest.mark.parametrize("name", PAIRS)
def test_build_yaml_and_vdsp_params_are_valid_and_agree(name: str) -> None:
    for verdict in validate_files([build_path(name), vdsp_path(name)]):
        assert verdict.findings == ()
        assert verdict.notes == ()


@pytest.mark.parametrize("name", PAIRS)
def test_build_yaml_says_how_the_model_was_trained(name: str) -> None:
    config = load(name)
    assert config.name == f"{name}_int8"
    assert config.backend.quantize.calibrate_mode == "max"
    assert config.dataset is not None
    assert config.dataset.get_data_num == 100
    kinds = [op for op in config.dataset.process_ops if isinstance(op, Normalize)]
    expected = {
        "megvii_shufflenetv2": Normalize(False, (0.0,) * 3, (1.0,) * 3),
        "mmcls_shufflenetv2": BYTES,
        "mmcls_mobilenetv2": BYTES,
        "keras_mobilenetv2": Normalize(False, (127.5,) * 3, (127.5,) * 3),
        "vackit_digits": Normalize(True, (0.5,) * 3, (0.5,) * 3),
    }
    assert kinds == [expected.get(name, IMAGENET)]
    swaps = [op for op in config.dataset.process_ops if isinstance(op, CvtColor)]
    assert swaps == ([CvtColor("COLOR_RGB2BGR")] if "megvii" in name else [])
    appended = {"megvii_shufflenetv2", "vackit_digits", "timm_mobilenetv2"}
    appended |= {"torchvision_shufflenetv2", "torchvision_mobilenetv2"}
    assert (config.extra_ops is not None) == (name in appended)


def test_megvii_takes_bgr_on_both_sides() -> None:
    assert load_vdsp_params(vdsp_path("megvii_shufflenetv2")).color_cvt_code == "BGR2RGB"


def test_placeholder_paths_are_set_on_the_command_line(tmp_path: Path) -> None:
    overrides = ["frontend.checkpoint=model.onnx", f"dataset.path={tmp_path}"]
    config = load_build_config(build_path("timm_mobilenetv2"), overrides)
    assert config.frontend.checkpoint == Path("model.onnx")
    assert config.dataset is not None
    assert config.dataset.path == tmp_path


def test_digits_checkpoint_is_the_embedded_model() -> None:
    checkpoint = load("vackit_digits").frontend.checkpoint
    assert checkpoint is not None
    expected = ROOT / "runtime/vackit/selftest/data/shufflenetv2_digits.onnx"
    assert checkpoint.resolve() == expected.resolve()
    assert checkpoint.is_file()


@pytest.mark.parametrize("name", INFOS)
def test_model_info_names_what_the_build_writes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    info = load_model_info(Path("vacc_code/model_info") / f"model_info_{name}.json")
    assert info.prefix.resolve() == load(INFOS[name]).artifact_prefix.resolve()


def test_readme_names_every_pair() -> None:
    text = (VACC_CODE / "README.md").read_text(encoding="utf-8")
    for name in PAIRS:
        assert re.search(rf"^\| `{name}\.yaml` \| `{PAIRS[name]}-vdsp_params\.json` \|", text, re.M)


def test_keras_yaml_says_where_the_published_file_differs() -> None:
    text = build_path("keras_mobilenetv2").read_text(encoding="utf-8")
    assert "x / 127.5 - 1" in text
    assert "published file differs" in re.sub(r"\s*#\s*", " ", text)
