# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.pass_checks import SHAPE, Run, apply, ops

from vackit.compiler.passes.matmul_to_gemm import MatMulToGemm
from vackit.testing import tiny_models


def _product(bias_shape: list[int], *, flat: bool = True, swapped: bool = False) -> Any:
    build, random = tiny_models.Builder(), np.random.default_rng(5)
    if flat:
        build.add("Flatten", ["input"], "x", axis=1)
    else:
        build.add("Identity", ["input"], "x")
    size = 192 if flat else 8
    weight = build.weight("w", random.standard_normal((size, 5)).astype(np.float32))
    bias = build.weight("b", random.standard_normal(bias_shape).astype(np.float32))
    build.add("MatMul", ["x", weight], "product")
    build.add("Add", [bias, "product"] if swapped else ["product", bias], "output")
    return build.model({"input": SHAPE}, {"output": [1, 5] if flat else [1, 3, 8, 5]}, 13)


@pytest.mark.parametrize("bias", [[5], [1, 5]], ids=["vector", "row"])
@pytest.mark.parametrize("swapped", [False, True], ids=["after", "before"])
def test_matmul_to_gemm_turns_a_classifier(run: Run, bias: list[int], swapped: bool) -> None:
    model = _product(bias, swapped=swapped)
    apply(MatMulToGemm(), model, run, 1)
    assert ops(model) == {"Flatten": 1, "Gemm": 1}
    assert model.graph.node[-1].name == "product_MatMul"


def test_matmul_to_gemm_leaves_what_is_no_matrix_with_a_bias_a_column(run: Run) -> None:
    apply(MatMulToGemm(), _product([1]), run, 0)
    apply(MatMulToGemm(), _product([5], flat=False), run, 0)
    also_read = _product([5])
    also_read.graph.output.append(
        helper.make_tensor_value_info("product", TensorProto.FLOAT, [1, 5])
    )
    apply(MatMulToGemm(), also_read, run, 0)
