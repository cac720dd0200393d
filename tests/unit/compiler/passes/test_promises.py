# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.graph import copy_model
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.constants_to_initializers import ConstantsToInitializers
from vackit.compiler.passes.promises import ANY, broken_promise, node_changes
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.passes.running import run_passes
from vackit.testing import tiny_models

Edit = Callable[[onnx.ModelProto], None]


class _Step(Pass):
    """Does what it is told."""

    name: ClassVar[str] = "step"

    def __init__(self, edit: Edit, changes: int = 1) -> None:
        self._edit, self._changes = edit, changes

    def apply(self, model: onnx.ModelProto) -> int:
        self._edit(model)
        return self._changes


def _rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "picture"


def _retype_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def _reshape_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5


def _add_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(onnx.ValueInfoProto(name="more"))


def _raise_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version += 1


def _add_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Relu", ["output"], ["more"], name="more"))


def _drop_node(model: onnx.ModelProto) -> None:
    del model.graph.node[-1]


def _name_twice(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.name = "same"


def _read_nothing(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "nowhere"


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (_rename_input, "the inputs are picture FLOAT, Nx3x8x8, were input FLOAT, Nx3x8x8"),
        (_retype_output, "the outputs are output DOUBLE, .*, were output FLOAT, "),
        (_reshape_output, "the outputs are output FLOAT, Nx5x8x8, were output FLOAT, Nx8x8x8"),
        (_add_output, "the outputs are output FLOAT, Nx8x8x8, more "),
        (_raise_opset, "the opset is another"),
        (_add_node, "1 more Relu nodes, which it does not declare"),
        (_drop_node, "1 fewer Relu nodes, which it does not declare"),
        (_name_twice, "5 nodes are named 'same'"),
        (_read_nothing, "no model any more by ONNX's own checker: .*nowhere"),
    ],
    ids=["input", "dtype", "shape", "outputs", "opset", "more", "fewer", "names", "checker"],
)
def test_run_passes_undoes_what_breaks_a_promise(
    edit: Edit, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_models.residual()
    before = model.SerializeToString()
    with pytest.raises(RuntimeError, match=f"pass 'step': {reason}"):
        run_passes(copy_model(model), [_Step(edit)], "m.onnx")
    [record] = run_passes(model, [_Step(edit)], "m.onnx", undo=True)
    assert record["changes"] == 0
    assert record["undone"] in caplog.text
    assert model.SerializeToString() == before


def test_run_passes_undoes_a_pass_that_counts_no_change() -> None:
    reason = "pass 'step': it changed the model and counts no change"
    with pytest.raises(RuntimeError, match=reason):
        run_passes(tiny_models.residual(), [_Step(_drop_node, changes=0)], "m.onnx")


def test_run_passes_takes_nan_for_unchanged() -> None:
    model = tiny_models.conv()
    tensor = helper.make_tensor("odd", TensorProto.FLOAT, [1], [float("nan")])
    model.graph.initializer.append(tensor)
    [record] = run_passes(model, [_Step(lambda _: None, changes=0)], "m.onnx")
    assert record == {"pass": "step", "changes": 0}


def test_broken_promise_lets_a_pass_do_what_it_declares() -> None:
    class Declared(_Step):
        removes: ClassVar[frozenset[str]] = frozenset({"Relu"})
        adds: ClassVar[frozenset[str]] = frozenset({ANY})
        changes_outputs: ClassVar[bool] = True
        raises_opset: ClassVar[bool] = True

    before = tiny_models.residual()
    for edit in (_retype_output, _raise_opset, _add_node):
        after = copy_model(before)
        edit(after)
        assert broken_promise(Declared(edit), before, after) == ""


def test_broken_promise_does_not_blame_a_pass_for_what_was_there_before() -> None:
    before = tiny_models.residual()
    _read_nothing(before)
    after = copy_model(before)
    after.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "new"))
    assert broken_promise(_Step(lambda _: None), before, after) == ""


def test_node_changes_tells_domains_apart() -> None:
    before, after = tiny_models.residual().graph, tiny_models.residual().graph
    after.node[-1].domain = "com.example"
    assert node_changes(before, after) == {"Relu": -1, "com.example.Relu": 1}


def test_passes_see_what_of_their_aim_they_missed() -> None:
    model = tiny_models.conv()
    value = numpy_helper.from_array(np.zeros(1, np.float32), "loose")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["loose"], name="c", value=value))
    assert ConstantsToInitializers().postcondition(model) == "node 'c' is still a Constant"
    left = "1 nodes and 0 initializers lead to no output"
    assert RemoveDead().postcondition(model) == left
