# SPDX-License-Identifier: Apache-2.0

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tests.pass_checks import Run, chain, ops

from vackit.compiler.passes.remove_dead import RemoveDead


def test_remove_dead_keeps_inputs_and_what_subgraphs_read(run: Run) -> None:
    model = chain(("Relu", {}))
    model.graph.input.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1]))
    model.graph.node.append(helper.make_node("Neg", ["input"], ["nothing"], name="neg"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "alone"))
    assert RemoveDead().apply(model) == 2
    assert ops(model) == {"Relu": 1}
    assert [value.name for value in model.graph.input] == ["input", "unused"]
    assert not model.graph.initializer
