# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
import pytest

from vackit.compiler.batch import free_batch
from vackit.compiler.graph import inferred_shapes
from vackit.compiler.shape_values import infer_shapes
from vackit.compiler.verify import difference, run_alone
from vackit.testing.families.blocks import BlockBuilder


def computed_reshape(opset: int) -> onnx.ModelProto:
    """A Reshape whose target is the batch of its input, computed, and a number."""
    b = BlockBuilder(opset)
    batch = b.node("Gather", [b.node("Shape", ["input"]), b.constant(0)], axis=0)
    target = b.node("Concat", [b.unsqueeze(batch), b.constant([-1])], axis=0)
    y = b.node("Relu", [b.node("Reshape", [b.node("Relu", ["input"]), target])])
    return b.model({"input": [7, 3, 4, 4]}, {"output": (y, ["a", "b"])})


@pytest.mark.parametrize("opset", [9, 11, 13, 18], ids=str)
def test_inferred_shapes_follow_computed_targets_at_every_opset(opset: int) -> None:
    shapes = inferred_shapes(computed_reshape(opset))
    reshaped = next(name for name in shapes if name.startswith("Reshape"))
    assert shapes[reshaped] == (7, 48)


def test_inferred_shapes_know_weights_without_copying_them() -> None:
    b = BlockBuilder(13, batch_norm=False)
    model = b.model({"input": [1, 3, 8, 8]}, {"output": (b.conv("input", 3, 16, 3), [1, 16, 8, 8])})
    weight = model.graph.initializer[0].name
    assert inferred_shapes(model)[weight] == (16, 3, 3, 3)
    assert weight not in {tensor.name for tensor in infer_shapes(model).graph.initializer}
    assert model.graph.initializer[0].raw_data


def test_inferred_shapes_leave_out_what_depends_on_a_free_batch() -> None:
    model = computed_reshape(11)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    shapes = inferred_shapes(model)
    assert not any(name.startswith("Reshape") for name in shapes)


def token_model(opset: int) -> onnx.ModelProto:
    b = BlockBuilder(opset)
    token = b.weight((1, 1, 5), 1)
    y = b.node("Relu", [b.node("Concat", [token, "input", b.weight((1, 2, 5), 1)], axis=1)])
    return b.model({"input": [1, 4, 5]}, {"output": (y, [1, 7, 5])})


@pytest.mark.parametrize("opset", [9, 13, 18], ids=str)
def test_free_batch_expands_constants_of_a_concat(opset: int) -> None:
    model = token_model(opset)
    alone = run_alone(model, "test")
    assert free_batch(model, alone, "test")
    assert [n.op_type for n in model.graph.node].count("Expand") == 2
    assert difference(model, alone, "test") == ""


def test_free_batch_keeps_a_concat_fixed_before_there_was_expand() -> None:
    model = token_model(7)
    assert not free_batch(model, run_alone(model, "test"), "test")
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_free_batch_leaves_a_concat_of_constants_along_the_batch() -> None:
    b = BlockBuilder(13)
    y = b.node("Concat", ["input", b.constant(np.ones((1, 5)), "float32")], axis=0)
    model = b.model({"input": [1, 5]}, {"output": (y, [2, 5])})
    assert not free_batch(model, run_alone(model, "test"), "test")
