# SPDX-License-Identifier: Apache-2.0
"""`vamc build | compile | inspect` as users type it, on a tiny model built here."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest

from vackit.cli.vamc import SUBCOMMANDS, main
from vackit.testing import tiny_models

YAML = """\
name: tiny
frontend:
  type: onnx
  checkpoint: model.onnx
  shape:
    input: [1, 3, 8, 8]
  dtype: fp32
backend:
  type: tvm_vacc
  dtype: int8
  compile:
    cluster_mode: 0
  quantize:
    calibrate_mode: max
    quantize_per_channel: true
graph:
  extra_ops:
    type: softmax
dataset:
  type: tvm
  path: images
  sampler:
    suffix: png
    get_data_num: 4
  process_ops:
    - type: DecodeImage
    - type: Resize
      size: [8, 8]
    - type: Normalize
      mean: [0.485, 0.456, 0.406]
      std: [0.229, 0.224, 0.225]
    - type: ToTensor
workspace:
  path: deploy_weights
"""
OLD_YAML = """\
model:
  name: tiny
  inputs:
    input: [1, 3, 8, 8]
  checkpoint: model.onnx
engine:
  type: vacc
  common:
    do_quantization: true
  calibration:
    quant_mode: max
    per_channel: true
dataset:
  path: images
  sampler:
    suffix: png
    get_data_num: 4
  transform_ops:
    - type: DecodeImage
    - type: Resize
      size: [8, 8]
    - type: Normalize
    - type: ToTensor
workspace:
  work_dir: work
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a config, its model and images; the current folder is another."""
    folder = tmp_path / "build_in"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(6):
        image = rng.integers(0, 256, (10, 12, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
    onnx.save(tiny_models.classifier(batch=1), folder / "model.onnx")
    (folder / "x.yaml").write_text(YAML)
    (folder / "old.yaml").write_text(OLD_YAML)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    return folder


@pytest.fixture
def vamc(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*argv: object) -> tuple[int, str, str]:
        code = main([str(arg) for arg in argv])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


def test_build_puts_the_artifact_below_the_current_folder(project: Path, vamc: Run) -> None:
    code, out, err = vamc("build", project / "x.yaml")
    assert code == 0, err
    assert Path("deploy_weights/tiny/mod.vackit.json").is_file()
    assert "input [N, 3, 8, 8] float32" in out
    assert "max, per channel, 4 images" in out
    assert err.splitlines()[0] == "device: onnxrt:0 (emulator)"
    assert "no effect on the emulator: backend.compile.cluster_mode" in err


def test_compile_is_build_and_a_second_time_finds_the_same(project: Path, vamc: Run) -> None:
    assert vamc("build", project / "x.yaml")[0] == 0
    code, out, _ = vamc("compile", project / "x.yaml")
    assert code == 0
    assert "the same artifact stood here already" in out


def test_build_takes_the_older_generation(project: Path, vamc: Run) -> None:
    code, out, err = vamc("build", project / "old.yaml", "--json")
    assert code == 0, err
    prefix = json.loads(out)["prefix"]
    assert prefix == "work/tiny-int8-max-3_8_8-vacc/tiny"
    assert Path(f"{prefix}.model_info.json").is_file()


def test_build_prints_json(project: Path, vamc: Run) -> None:
    code, out, _ = vamc("build", project / "x.yaml", "--json")
    data: dict[str, Any] = json.loads(out)
    assert code == 0
    assert data["prefix"] == "deploy_weights/tiny/mod"
    assert (data["name"], data["dtype"], data["calibrate_mode"]) == ("tiny", "int8", "max")
    assert data["inputs"] == [
        {"name": "input", "shape": [None, 3, 8, 8], "dtype": "float32", "layout": "NCHW"}
    ]
    assert data["outputs"][0]["shape"] == [None, 10]
    assert all(Path(path).is_file() for path in data["files"])
    assert data["calibration"]["num_images"] == 4
    assert data["seconds"] > 0


def test_build_refuses_to_replace_another_artifact(project: Path, vamc: Run) -> None:
    assert vamc("build", project / "x.yaml")[0] == 0
    before = Path("deploy_weights/tiny/mod.onnx").read_bytes()
    arguments = ("build", project / "x.yaml", "--set", "backend.dtype=fp16")
    code, _, err = vamc(*arguments)
    assert code == 1
    assert "deploy_weights/tiny/mod: another artifact stands here, it differs in dtype" in err
    assert Path("deploy_weights/tiny/mod.onnx").read_bytes() == before
    assert vamc(*arguments, "--force")[0] == 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["frontend.checkpoint=none.onnx"], "none.onnx: no such file"),
        (["frontend.type=pytorch", "frontend.checkpoint=m.pth"], "frontend.type is 'pytorch'"),
        (["backend.quantize.calibrate_mode=aciq"], "kl_divergence, max, mse, percentile"),
        (["dataset.path=nowhere"], "nowhere: the calibration set: no such folder"),
        (["dataset.sampler.suffix=JPEG"], "no files ending in .JPEG (6 files seen"),
        (["backend.dtype=int7"], "backend.dtype: 'int7'"),
        (["backend.quantize.skip_conv_layers=[3]"], "'3' is no node of the model"),
        (["frontend.shape.input=[1,3,16,16]"], "but the model takes"),
    ],
    ids=["checkpoint", "type", "mode", "dataset", "suffix", "dtype", "skip", "shape"],
)
def test_build_says_what_is_wrong(
    project: Path, vamc: Run, overrides: list[str], message: str
) -> None:
    sets = [word for override in overrides for word in ("--set", override)]
    code, out, err = vamc("build", project / "x.yaml", *sets)
    assert code == 1
    assert message in err
    assert not out
    assert not Path("deploy_weights").exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 10], ids=["empty", "garbage"])
def test_build_names_a_damaged_model(project: Path, vamc: Run, content: bytes) -> None:
    (project / "model.onnx").write_bytes(content)
    code, _, err = vamc("build", project / "x.yaml")
    assert code == 1
    assert "model.onnx: " in err


def test_build_refuses_a_device_that_is_not_there(project: Path, vamc: Run) -> None:
    code, _, err = vamc("build", project / "x.yaml", "--device", "onnxrtt")
    assert code == 1
    assert "did you mean 'onnxrt'?" in err


def test_inspect_shows_models_and_artifacts(project: Path, vamc: Run) -> None:
    assert vamc("build", project / "x.yaml")[0] == 0
    code, out, _ = vamc("inspect", project / "model.onnx", "--json")
    model = json.loads(out)
    assert code == 0
    assert model["operators"]["Conv"] == 1
    assert model["opset"] == 13
    assert model["parameters_millions"] == 0.0003
    code, out, _ = vamc("inspect", "deploy_weights/tiny/mod", "--json")
    artifact = json.loads(out)
    assert code == 0
    assert (artifact["dtype"], artifact["max_batch"]) == ("int8", None)
    # at least those of the model: channels may be padded for the integer kernels
    assert artifact["multiply_adds_millions"] >= model["multiply_adds_millions"]
    code, out, _ = vamc("inspect", "deploy_weights/tiny/mod")
    assert "multiply-adds" in out
    assert "QuantizeLinear" in out


def test_inspect_says_what_is_missing(project: Path, vamc: Run) -> None:
    code, _, err = vamc("inspect", "nothing")
    assert code == 1
    assert "nothing: no compiled artifact here" in err
    code, _, err = vamc("inspect", project / "none.onnx")
    assert code == 1
    assert "that folder holds model.onnx" in err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["bild", "x.yaml"], "did you mean 'build'?"),
        ([], "a subcommand is needed: build, compile"),
        (["build"], "the following arguments are required: X.yaml"),
        (["build", "x.yaml", "--forse"], "unrecognized arguments: --forse"),
    ],
    ids=["unknown", "none", "argument", "flag"],
)
def test_vamc_explains_wrong_usage(vamc: Run, argv: list[str], message: str) -> None:
    code, _, err = vamc(*argv)
    assert code == 2
    assert message in err


@pytest.mark.parametrize("name", ["", *SUBCOMMANDS])
def test_help_starts_with_an_example_and_loads_nothing_heavy(name: str) -> None:
    script = (
        "import sys; from vackit.cli.vamc import main; code = main(sys.argv[1:]);"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'cv2', 'jsonschema', 'yaml'} & set(sys.modules);"
        "sys.exit(code or (heavy and f'loaded {sorted(heavy)}' or 0))"
    )
    words = [name, "--help"] if name else ["--help"]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("example:\n  vamc ")
