# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import onnx
import pytest

from vackit.compiler.half import to_half
from vackit.compiler.macs import inspect_model
from vackit.errors import ModelError
from vackit.testing import tiny_models
from vackit.testing.tiny_artifacts import write_tiny_artifact


def _saved(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


def test_inspect_model_counts_what_is_known(tmp_path: Path) -> None:
    summary = inspect_model(_saved(tiny_models.classifier(), tmp_path))
    assert summary.operators == {
        "Conv": 1,
        "Flatten": 1,
        "Gemm": 1,
        "GlobalAveragePool": 1,
        "Relu": 1,
    }
    assert summary.num_parameters == (8 * 3 * 9 + 8) + (10 * 8 + 10)
    assert summary.num_multiply_adds == 8 * 64 * 27 + 10 * 8
    assert summary.num_uncounted == 0
    assert summary.to_json()["inputs"] == [
        {"name": "input", "shape": [None, 3, 8, 8], "dtype": "float32"}
    ]


@pytest.mark.parametrize("batch", ["N", 1])
def test_inspect_model_counts_grouped_convolutions_for_one_sample(
    tmp_path: Path, batch: str | int
) -> None:
    summary = inspect_model(_saved(tiny_models.shuffle_block(batch), tmp_path))
    pixels = 64
    assert summary.num_multiply_adds == pixels * (8 * 27 + 4 * 4 + 4 * 9 + 4 * 4)


def test_inspect_model_counts_transposed_convolutions_and_matmul(tmp_path: Path) -> None:
    build = tiny_models.Builder()
    weight = build.normal("w", 3, 5, 2, 2)
    build.add("ConvTranspose", ["input", weight], "large", strides=[2, 2])
    build.add("Flatten", ["large"], "flat", axis=1)
    build.add("MatMul", ["flat", build.normal("m", 5 * 256, 7)], "output")
    model = build.model({"input": [1, 3, 8, 8]}, {"output": [1, 7]})
    summary = inspect_model(_saved(model, tmp_path))
    assert summary.num_multiply_adds == 3 * 64 * 5 * 4 + 5 * 256 * 7


def test_inspect_model_leaves_settings_out_of_the_parameters(tmp_path: Path) -> None:
    summary = inspect_model(_saved(tiny_models.conv_bn_relu(), tmp_path))
    # batch norm: scale and shift, not the measured mean and variance
    assert summary.num_parameters == 4 * 27 + 4 + 2 * 4


def test_inspect_model_counts_the_same_in_every_dtype(tmp_path: Path) -> None:
    want = inspect_model(_saved(tiny_models.classifier(), tmp_path))
    half = inspect_model(_saved(to_half(tiny_models.classifier()), tmp_path))
    artifact = write_tiny_artifact(tmp_path / "mod", "classifier", "int8")
    quantized = inspect_model(artifact.graph_path)
    for got in (half, quantized):
        assert got.num_parameters == want.num_parameters
        assert got.num_multiply_adds == want.num_multiply_adds


def test_inspect_model_says_how_many_nodes_it_could_not_count(tmp_path: Path) -> None:
    build = tiny_models.Builder()
    build.conv("input", "output", (3, 4))
    model = build.model({"input": ["N", 3, "H", "W"]}, {"output": ["N", 4, "H", "W"]})
    summary = inspect_model(_saved(model, tmp_path))
    assert (summary.num_multiply_adds, summary.num_uncounted) == (0, 1)


def test_inspect_model_refuses_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        inspect_model(tmp_path / "m.onnx")


def test_inspect_model_counts_a_real_model(shared: Path) -> None:
    summary = inspect_model(shared / "models" / "efficientnet_lite0.onnx")
    # 4.65 M with its batch norms; they are folded here
    assert summary.num_parameters == pytest.approx(4.63e6, rel=0.005)
    assert summary.num_multiply_adds == pytest.approx(385.2e6, rel=0.005)
