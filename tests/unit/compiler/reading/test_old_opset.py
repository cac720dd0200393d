# SPDX-License-Identifier: Apache-2.0
"""Models in the forms of opsets 3 to 6 become opset 7 and compute the same."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.frontend import read_onnx
from vackit.compiler.graph import constants, copy_model, opset_of, values_of
from vackit.compiler.reading.old_opset import raise_old_opset
from vackit.compiler.running import open_session
from vackit.errors import UnsupportedOpError
from vackit.testing import families
from vackit.testing.tiny_models import Builder

_IN_PLACE = frozenset({"Add", "BatchNormalization", "Clip", "Dropout", "Mul", "PRelu", "Relu"})


def old_form(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """Write a model of opset 7 as exporters of ``opset`` did."""
    model = copy_model(model)
    known = constants(model.graph)
    for node in model.graph.node:
        if node.op_type in ("BatchNormalization", "Dropout"):
            node.attribute.append(helper.make_attribute("is_test", 1))
        if node.op_type == "Gemm":
            node.attribute.append(helper.make_attribute("broadcast", 1))
        if node.op_type in ("Add", "Div", "Mul", "PRelu") and node.input[1] in known:
            _flatten_operand(node, known[node.input[1]])
        if node.op_type == "Reshape" and opset < 5:
            shape = values_of(known[node.input.pop()]).tolist()
            node.attribute.append(helper.make_attribute("shape", shape))
        if node.op_type == "Concat" and opset < 4:
            del node.attribute[:]
        if node.op_type in _IN_PLACE and opset < 6:
            node.attribute.append(helper.make_attribute("consumed_inputs", [0] * len(node.input)))
    model.opset_import[0].version = opset
    onnx.checker.check_model(model)
    return model


def _flatten_operand(node: onnx.NodeProto, tensor: onnx.TensorProto) -> None:
    values = values_of(tensor)
    if values.ndim == 3:
        tensor.CopyFrom(numpy_helper.from_array(values.reshape(-1), tensor.name))
    if node.op_type == "PRelu":
        return
    node.attribute.append(helper.make_attribute("broadcast", 1))
    if values.ndim == 3:
        node.attribute.append(helper.make_attribute("axis", 1))


def outputs(model: onnx.ModelProto) -> Any:
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return open_session(model, "test").run(None, {"input": x})[0]


FAMILIES = ("densenet_zoo", "mobilenet_v3_clip", "prelu", "shufflenet_v1", "vgg_reshape")


@pytest.mark.parametrize("opset", [3, 4, 5, 6], ids=str)
@pytest.mark.parametrize("name", FAMILIES, ids=str)
def test_read_onnx_brings_old_families_to_opset_7(tmp_path: Path, name: str, opset: int) -> None:
    model = families.build(name, 7)
    onnx.save(old_form(model, opset), tmp_path / "m.onnx")
    read = read_onnx(tmp_path / "m.onnx")
    assert opset_of(read) == 7
    onnx.checker.check_model(read)
    assert np.array_equal(outputs(read), outputs(model))


def _old(build: Builder, opset: int, shape: list[int] | None = None) -> onnx.ModelProto:
    model = build.model({"input": [2, 3, 4, 5]}, {"output": shape or [2, 3, 4, 5]}, opset, 3 + 5)
    model.ir_version = 3
    return model


def test_raise_old_opset_unsqueezes_a_computed_operand() -> None:
    build = Builder()
    build.add("GlobalAveragePool", ["input"], "mean")
    build.add("Flatten", ["mean"], "gate")
    build.add("Mul", ["input", "gate"], "output", broadcast=1, axis=0)
    model = _old(build, 6)
    raise_old_opset(model, "m.onnx")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    got = open_session(model, "test").run(None, {"input": x})[0]
    # a mean of 20 float32
    np.testing.assert_allclose(got, x * x.mean((2, 3), keepdims=True), rtol=1e-5, atol=1e-6)


def test_raise_old_opset_reads_cast_by_name_and_upsample_by_side() -> None:
    build = Builder()
    build.add("Upsample", ["input"], "wide", height_scale=2.0, width_scale=3.0, mode="nearest")
    build.add("Cast", ["wide"], "output", to="DOUBLE")
    model = _old(build, 5, [2, 3, 8, 15])
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    raise_old_opset(model, "m.onnx")
    x = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)
    got = open_session(model, "test").run(None, {"input": x})[0]
    assert np.array_equal(got, x.repeat(2, 2).repeat(3, 3).astype(np.float64))


def test_raise_old_opset_leaves_a_single_slope_alone() -> None:
    build = Builder()
    build.add("PRelu", ["input", build.weight("slope", np.array([0.25], np.float32))], "output")
    model = _old(build, 6)
    raise_old_opset(model, "m.onnx")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    got = open_session(model, "test").run(None, {"input": x})[0]
    assert np.array_equal(got, np.where(x < 0, np.float32(0.25) * x, x))


def test_raise_old_opset_leaves_opset_7_alone() -> None:
    model = families.build("vgg", 7)
    before = model.SerializeToString()
    raise_old_opset(model, "m.onnx")
    assert model.SerializeToString() == before


def test_raise_old_opset_refuses_batch_norm_in_training() -> None:
    build = Builder()
    parts = [build.weight(name, np.ones(3, np.float32)) for name in "abcd"]
    build.add("BatchNormalization", ["input", *parts], "norm")
    build.nodes[0].output.extend(["mean", "var", "saved_mean", "saved_var"])
    build.nodes[0].name = "bn1"
    build.add("Add", ["norm", "mean"], "output", broadcast=1, axis=1)
    with pytest.raises(
        UnsupportedOpError, match=r"node 'bn1' \(BatchNormalization\) of opset 6 is"
    ):
        raise_old_opset(_old(build, 6), "m.onnx")


def test_raise_old_opset_names_the_node_that_stops_it() -> None:
    build = Builder()
    two, axis = (build.weight(n, np.array(v, np.float32)) for n, v in (("two", 2), ("axis", 1)))
    build.add("Tile", ["input", two, axis], "output")
    with pytest.raises(UnsupportedOpError, match=r"'output_Tile' \(Tile\) of opset 5 has no form"):
        raise_old_opset(_old(build, 5, [2, 6, 4, 5]), "m.onnx")


def test_raise_old_opset_names_the_node_whose_shapes_are_not_known() -> None:
    build = Builder()
    build.add("Relu", ["input"], "relu")
    build.add("Add", ["relu", build.normal("bias", 3)], "output", broadcast=1, axis=1)
    model = _old(build, 6)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(UnsupportedOpError, match=r"'output_Add' \(Add\) broadcasts along an axis"):
        raise_old_opset(model, "m.onnx")
