# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vackit.compiler.exclusion import excluded_nodes
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig, Quantize
from vackit.errors import UnsupportedOpError
from vackit.testing import tiny_models

MakeConfig = Callable[..., BuildConfig]
RESIDUAL = tiny_models.residual().graph


def _names(graph: Any, **choices: Any) -> frozenset[str]:
    return excluded_nodes(graph, Quantize(**choices), "x.yaml")[0]


@pytest.mark.parametrize("key", ["skip_conv_layers", "exclude_layers"])
def test_excluded_nodes_takes_indices_and_names(key: str) -> None:
    assert _names(RESIDUAL, **{key: (1,)}) == {"conv2_Conv"}
    assert _names(RESIDUAL, **{key: ("conv1_Conv", "1")}) == {"conv1_Conv", "conv2_Conv"}
    assert _names(RESIDUAL, **{key: ()}) == frozenset()


def test_excluded_nodes_counts_matrix_products() -> None:
    graph = tiny_models.classifier().graph
    assert _names(graph, skip_matmul_layers=(0,)) == {"output_Gemm"}
    assert _names(graph, exclude_layers=("output_Gemm",)) == {"output_Gemm"}


def test_excluded_nodes_takes_names_of_any_kind_and_tells_them_from_indices() -> None:
    relu = next(node.name for node in RESIDUAL.node if node.op_type == "Relu")
    quantize = Quantize(skip_conv_layers=(0,), exclude_layers=(relu,))
    found, named = excluded_nodes(RESIDUAL, quantize, "x.yaml")
    assert found == {"conv1_Conv", relu}
    assert named == {relu}


@pytest.mark.parametrize("kind", ["conv2d", "nn.conv2d", "Conv", "CONV"], ids=str)
def test_excluded_nodes_takes_kinds(kind: str) -> None:
    assert _names(RESIDUAL, ops_usingfp=(kind,)) == {"conv1_Conv", "conv2_Conv"}
    assert _names(RESIDUAL, ops_usingfp=("concatenate",)) == frozenset()


@pytest.mark.parametrize("choice", [2, -1, "conv3_Conv"], ids=str)
@pytest.mark.parametrize("key", ["skip_conv_layers", "exclude_layers"])
def test_excluded_nodes_refuses_what_names_nothing(key: str, choice: int | str) -> None:
    reason = (
        rf"x\.yaml: backend\.quantize\.{key}: '{choice}' is no node of the model; its Conv nodes "
        r"are 0 \('conv1_Conv'\) to 1 \('conv2_Conv'\)"
    )
    with pytest.raises(UnsupportedOpError, match=reason):
        _names(RESIDUAL, **{key: (choice,)})


def test_excluded_nodes_says_that_there_is_nothing_to_count() -> None:
    reason = "skip_matmul_layers: '0' is no node of the model; its Gemm and MatMul nodes are not"
    with pytest.raises(UnsupportedOpError, match=reason):
        _names(RESIDUAL, skip_matmul_layers=(0,))


@pytest.mark.parametrize(
    ("choices", "hint"),
    [
        ({"skip_conv_layers": ("conv1_Con",)}, "did you mean 'conv1_Conv'?"),
        ({"ops_usingfp": ("concatenat",)}, "did you mean 'concatenate'?"),
        ({"ops_usingfp": ("sigmoyd",)}, "did you mean 'sigmoid'?"),
        ({"ops_usingfp": (7,)}, ""),
    ],
    ids=["name", "kind", "onnx", "number"],
)
def test_excluded_nodes_suggests_a_near_name(choices: dict[str, Any], hint: str) -> None:
    with pytest.raises(UnsupportedOpError, match=r"is no (node|kind of node)") as caught:
        _names(RESIDUAL, **choices)
    assert caught.value.hint == hint


def test_build_keeps_what_it_is_told_to_in_float_through_all_passes(
    make_config: MakeConfig,
) -> None:
    quantize = Quantize(skip_conv_layers=("conv_Conv",))
    report = build(make_config(tiny_models.conv_bn_relu(), "int8", quantize=quantize))
    assert report.calibration is not None
    assert report.calibration["num_ranges"] == 0


def test_build_warns_of_names_without_effect(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_models.conv_bn_relu()
    name = next(node.name for node in model.graph.node if node.op_type == "BatchNormalization")
    build(make_config(model, "int8", quantize=Quantize(exclude_layers=(name,))))
    said = f"tiny.yaml: no effect: '{name}' is float in any case, or folded into another node"
    assert said in caplog.text


def test_build_of_floats_does_not_ask_which_nodes_stay_float(make_config: MakeConfig) -> None:
    quantize = Quantize(skip_conv_layers=(99,))
    assert build(make_config(tiny_models.conv(), "fp16", quantize=quantize)).dtype == "fp16"


@pytest.mark.parametrize("kind", ["Relu", "Concat", "Split", "MaxPool", "Conv"], ids=str)
def test_build_runs_with_any_kind_in_float(
    make_config: MakeConfig, run: Callable[..., Any], kind: str
) -> None:
    model = tiny_models.shuffle_block()
    report = build(make_config(model, "int8", quantize=Quantize(ops_usingfp=(kind,))))
    x = np.random.default_rng(1).uniform(0, 1, (2, 3, 8, 8)).astype(np.float32)
    got = run(report.prefix.with_name("mod.onnx"), input=x)["output"]
    want = run(model, input=x)["output"]
    # 8 bits over a few layers
    np.testing.assert_allclose(got, want, atol=0.1 * float(np.abs(want).max()))
