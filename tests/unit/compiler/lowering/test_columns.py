# SPDX-License-Identifier: Apache-2.0
"""Convolutions of folded pixels against the same ones of folded rows."""

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from vackit.compiler.graph import attribute, constants, copy_model, values_of
from vackit.compiler.lowering.columns import fold_columns, gathered, unfold_columns
from vackit.compiler.passes.fold_stem import FoldStem
from vackit.testing.graph_builder import GraphBuilder


def folded(channels: int, kernel: int, pads: Sequence[int]) -> onnx.ModelProto:
    """A convolution of stride 2 on pixels that are folded already."""
    b = GraphBuilder(13, batch_norm=False)
    y = b.conv("input", channels, 5, stride=2, kernel=kernel, pads=pads)
    sizes = [(size + pads[i] + pads[i + 2] - kernel) // 2 + 1 for i, size in enumerate((12, 10))]
    model = b.model({"input": ["N", channels, 12, 10]}, {"output": (y, ["N", 5, *sizes])})
    assert FoldStem().apply(model) == 1
    return model


def convolution(model: onnx.ModelProto) -> tuple[onnx.NodeProto, onnx.TensorProto]:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    return node, constants(model.graph)[node.input[1]]


def rows_of(image: np.ndarray) -> np.ndarray:
    """Fold rows: channels (gathered channel, row), the last channel once more where it says so."""
    count, channels, height, width = image.shape
    wide = image[:, [*range(channels), *range(gathered(channels) - channels)]]
    pairs = wide.reshape(count, gathered(channels), height // 2, 2, width)
    return pairs.transpose(0, 1, 3, 2, 4).reshape(count, -1, height // 2, width)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, {"input": x})[0])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("kernel", "pads", "columns"),
    [
        (3, (1, 1, 1, 1), 3),
        (3, (0, 0, 0, 0), 3),
        (3, (0, 0, 1, 1), 3),
        (3, (1, 1, 0, 0), 3),
        (5, (2, 2, 2, 2), 5),
        (7, (3, 3, 3, 3), 7),
        (2, (0, 0, 0, 0), 2),
        (4, (1, 1, 1, 1), 4),
    ],
)
def test_unfold_columns_keeps_the_kernel_and_what_it_computes(
    channels: int, kernel: int, pads: tuple[int, ...], columns: int
) -> None:
    model = folded(channels, kernel, pads)
    x = np.random.default_rng(0).standard_normal((2, channels, 12, 10)).astype(np.float32)
    want = run(model, x)
    node, tensor = convolution(model)
    unfold_columns(node, tensor)
    assert tensor.dims[3] == attribute(node, "kernel_shape")[1] == columns
    rows = copy_model(model)
    node, _ = convolution(rows)
    node.input[0] = "input"
    del rows.graph.node[:]
    rows.graph.node.append(node)
    for axis, size in enumerate(rows_of(x).shape[1:], 1):
        rows.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    del rows.graph.value_info[:]
    np.testing.assert_allclose(run(rows, rows_of(x)), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kernel", "pads"), [(1, (1, 1, 1, 1)), (3, (1, 1, 1, 1))])
def test_unfold_columns_leaves_a_kernel_of_zeros_some_columns(
    kernel: int, pads: tuple[int, ...]
) -> None:
    model = folded(3, kernel, pads)
    node, tensor = convolution(model)
    tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(values_of(tensor)), tensor.name))
    before = copy_model(model)
    unfold_columns(node, tensor)
    assert min(attribute(node, "kernel_shape")) > 0
    fold_columns(node, tensor, 3)
    for name in ("kernel_shape", "strides", "pads"):
        assert attribute(node, name) == attribute(convolution(before)[0], name)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("kernel", "pads"), [(3, (1, 1, 1, 1)), (3, (0, 0, 0, 0)), (4, (1, 1, 1, 1)), (7, (3,) * 4)]
)
def test_fold_columns_undoes_it(channels: int, kernel: int, pads: tuple[int, ...]) -> None:
    model = folded(channels, kernel, pads)
    before = copy_model(model)
    unfold_columns(*convolution(model))
    fold_columns(*convolution(model), channels)
    (node, tensor), (want_node, want_tensor) = convolution(model), convolution(before)
    np.testing.assert_array_equal(values_of(tensor), values_of(want_tensor))
    for name in ("kernel_shape", "strides", "pads"):
        assert attribute(node, name) == attribute(want_node, name)
