# SPDX-License-Identifier: Apache-2.0

import numpy as np
from onnx import TensorProto, helper
from tests.pass_checks import SHAPE, Run, apply, chain, ops

from vackit.compiler.passes.remove_identity import RemoveIdentity
from vackit.testing import tiny_models


def test_remove_identity_removes_dropout_and_identity_to_the_output(run: Run) -> None:
    model = chain(("Relu", {}), ("Dropout", {}), ("Sigmoid", {}), ("Identity", {}))
    apply(RemoveIdentity(), model, run, 2)
    assert ops(model) == {"Relu": 1, "Sigmoid": 1}


def test_remove_identity_leaves_an_input_joined_to_an_output(run: Run) -> None:
    apply(RemoveIdentity(), tiny_models.identity(), run, 0)


def test_remove_identity_leaves_two_outputs_of_one_value(run: Run) -> None:
    build = tiny_models.Builder()
    build.add("Relu", ["input"], "output")
    build.add("Identity", ["output"], "twin")
    model = build.model({"input": SHAPE}, {"output": SHAPE, "twin": SHAPE})
    apply(RemoveIdentity(), model, run, 0)


def test_remove_identity_leaves_training_dropout_and_used_masks() -> None:
    build = tiny_models.Builder()
    ratio = build.weight("ratio", np.array(0.5, np.float32))
    training = build.weight("training", np.array(True))
    build.add("Dropout", ["input", ratio, training], "output")
    build.nodes.append(helper.make_node("Dropout", ["input"], ["d", "mask"], name="masked"))
    build.add("Cast", ["mask"], "kept", to=TensorProto.FLOAT)
    model = build.model({"input": SHAPE}, {"output": SHAPE, "kept": SHAPE})
    assert RemoveIdentity().apply(model) == 0


def test_remove_identity_reaches_into_subgraphs(run: Run) -> None:
    build = tiny_models.Builder()
    build.weight("yes", np.array(True))
    build.add("Identity", ["input"], "same")
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("Relu", ["same"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)],
        )
        for name in ("then", "else")
    }
    build.add("If", ["yes"], "output", **branches)
    model = build.model({"input": SHAPE}, {"output": SHAPE})
    apply(RemoveIdentity(), model, run, 1)
