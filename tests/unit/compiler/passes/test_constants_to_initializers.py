# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tests.pass_checks import Run, apply, chain

from vackit.compiler.passes.constants_to_initializers import ConstantsToInitializers


def _constant(name: str, **value: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], name=name, **value)


def test_constants_to_initializers_moves_every_kind(run: Run) -> None:
    model = chain(("Relu", {}))
    kinds = [
        _constant("t", value=numpy_helper.from_array(np.ones(3, np.float32))),
        _constant("f", value_float=0.5),
        _constant("fs", value_floats=[0.5, 1.0]),
        _constant("i", value_int=3),
        _constant("is", value_ints=[3, 4]),
    ]
    model.graph.node.extend(kinds)
    apply(ConstantsToInitializers(), model, run, 5)
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert found["f"].dtype == np.float32
    assert found["is"].tolist() == [3, 4]
    assert found["i"].dtype == np.int64


def test_constants_to_initializers_leaves_outputs_and_strings(run: Run) -> None:
    model = chain(("Relu", {}))
    model.graph.node.append(_constant("s", value_string="text"))
    model.graph.node.append(_constant("two", value_float=2.0))
    model.graph.output.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, []))
    apply(ConstantsToInitializers(), model, run, 0)
