# SPDX-License-Identifier: Apache-2.0
from collections import Counter

import numpy as np
import pytest

from vackit.compiler.batch import free_batch
from vackit.compiler.dynamic import set_range
from vackit.compiler.graph import copy_model
from vackit.compiler.passes.fold_shapes import FoldShapes
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.running import open_session
from vackit.compiler.verify import run_alone
from vackit.testing.graph_builder import GraphBuilder
from vackit.testing.shufflenet import shufflenet_v2


@pytest.mark.parametrize("form", ["mmcls", "zoo"], ids=str)
@pytest.mark.parametrize("free", [True, False], ids=["free-batch", "fixed-batch"])
def test_fold_shapes_makes_computed_targets_constant(form: str, free: bool) -> None:
    model = shufflenet_v2(form, "0.5", size=64, num_classes=10)
    if free:
        assert free_batch(model, run_alone(model, "test"), "test")
    changed = copy_model(model)
    assert FoldShapes().apply(changed) == 32
    RemoveDead().apply(changed)
    counts = Counter(node.op_type for node in changed.graph.node)
    assert counts["Shape"] == counts["Unsqueeze"] == 0
    x = np.random.default_rng(0).standard_normal((3 if free else 1, 3, 64, 64)).astype(np.float32)
    want = open_session(model, "test").run(None, {"input": x})[0]
    got = open_session(changed, "test").run(None, {"input": x})[0]
    # ONNX Runtime fuses more where shapes are constant: float32 sums in another order
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_fold_shapes_leaves_what_follows_the_batch_in_another_way() -> None:
    b = GraphBuilder(13)
    batch = b.slice(b.node("Shape", ["input"]), 0, 1, axis=0)
    shape = b.node("Concat", [batch, b.constant([4])], axis=0)
    model = b.model({"input": ["N", 1]}, {"output": (b.node("Expand", ["input", shape]), ["N", 4])})
    before = model.SerializeToString()
    assert FoldShapes().apply(model) == 0
    assert model.SerializeToString() == before


def test_fold_shapes_changes_nothing_without_shapes() -> None:
    b = GraphBuilder(13)
    model = b.model({"input": ["N", 1]}, {"output": (b.node("Relu", ["input"]), ["N", 1])})
    assert FoldShapes().apply(model) == 0


@pytest.mark.parametrize("takes_odd", [True, False], ids=["odd sizes", "even sizes alone"])
def test_fold_shapes_keeps_pads_of_sizes_between_the_ends(takes_odd: bool) -> None:
    b = GraphBuilder(13)
    width = b.node("Gather", [b.node("Shape", ["input"]), b.constant([1])], axis=0)
    even = b.node("Mul", [b.node("Div", [width, b.constant([2])]), b.constant([2])])
    pads = b.node("Concat", [b.constant([0, 0, 0]), b.node("Sub", [width, even])], axis=0)
    x = "input"
    if not takes_odd:
        pairs = b.node("Reshape", [x, b.constant([0, -1, 2])])
        x = b.node("Reshape", [pairs, b.constant([0, -1])])
    model = b.model({"input": ["N", 4]}, {"output": (b.node("Pad", [x, pads]), ["N", "padded"])})
    set_range(model.graph.input[0], (1, 4), (1, 8))
    assert FoldShapes().apply(model) == (0 if takes_odd else 1)
    image = np.ones((1, 7 if takes_odd else 6), np.float32)
    (output,) = open_session(model, "test").run(None, {"input": image})
    assert output.shape == (1, 8 if takes_odd else 6)
