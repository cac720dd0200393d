# SPDX-License-Identifier: Apache-2.0
import logging
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from vackit.compiler.batch import free_batch, set_output_shapes
from vackit.compiler.graph import shape_of
from vackit.compiler.passes import run_float_passes
from vackit.compiler.signature import set_inputs
from vackit.compiler.verify import run_alone
from vackit.testing import tiny_models
from vackit.testing.shufflenet import FORMS, shufflenet_v2

Run = Callable[..., dict[str, Any]]


def _freed(model: onnx.ModelProto) -> bool:
    alone = run_alone(model, "m.onnx")
    run_float_passes(model, "m.onnx")
    is_free = free_batch(model, alone, "m.onnx")
    set_output_shapes(model, "m.onnx")
    return is_free


def _reshaped(*nodes: tuple[str, list[int]], perm: list[int] | None = None) -> onnx.ModelProto:
    """Return a model (1, 4, 2, 2) -> Reshapes to constant targets."""
    build = tiny_models.Builder()
    value = "input"
    for index, (output, target) in enumerate(nodes):
        shape = build.weight(f"shape{index}", np.array(target, np.int64))
        value = build.add("Reshape", [value, shape], output)
        if perm and index == 0:
            value = build.add("Transpose", [value], "swapped", perm=perm)
    return build.model({"input": [1, 4, 2, 2]}, {value: nodes[-1][1]})


def _rows_are_independent(model: onnx.ModelProto, run: Run, size: tuple[int, int] = (2, 2)) -> bool:
    x = np.random.default_rng(3).standard_normal((3, 4, *size)).astype(np.float32)
    name = model.graph.output[0].name
    alone = [run(model, input=x[i : i + 1])[name] for i in range(3)]
    return np.array_equal(run(model, input=x)[name], np.concatenate(alone))


@pytest.mark.parametrize(
    ("shapes", "perm"),
    [
        ([("r", [1, -1])], None),
        ([("r", [1, 16])], None),
        ([("r", [-1, 16])], None),
        ([("r", [0, -1])], None),
        ([("pairs", [1, 2, 2, 2, 2]), ("joined", [1, 4, 2, 2])], [0, 2, 1, 3, 4]),
        ([("rows", [2, 2, 4]), ("flat", [1, 16])], None),
    ],
    ids=["flatten", "all-fixed", "free", "copied", "shuffle", "folded-batch"],
)
def test_free_batch_rewrites_reshape_constants(
    run: Run, shapes: list[tuple[str, list[int]]], perm: list[int] | None
) -> None:
    # the targets stand as the output's shape too: exporters write open axes as -1 and 0
    model = _reshaped(*shapes, perm=perm)
    assert _freed(model)
    assert (shape_of(model.graph.output[0]) or ())[0] == "N"
    assert _rows_are_independent(model, run)


def test_free_batch_follows_a_batch_folded_into_channels(run: Run) -> None:
    # megvii's shuffle: (channels / 2, 2, pixels), swapped, taken apart into halves
    model = _reshaped(("pairs", [2, 2, 4]), ("output", [2, 1, 2, 2, 2]), perm=[1, 0, 2])
    build = tiny_models.Builder()
    model.graph.node.extend(
        [onnx.helper.make_node("Gather", ["output", "zero"], ["half"], name="half", axis=0)]
    )
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array(0, np.int64), build.weight("zero", np.array(0)))
    )
    model.graph.output[0].name = "half"
    model.graph.output[0].type.tensor_type.ClearField("shape")
    assert _freed(model)
    assert _rows_are_independent(model, run)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_free_batch_frees_every_exporters_shufflenet(form: str, run: Run) -> None:
    model = shufflenet_v2(form, "0.5", size=32, num_classes=10)
    reference = onnx.ModelProto.FromString(model.SerializeToString())
    assert _freed(model)
    x = np.random.default_rng(1).standard_normal((3, 3, 32, 32)).astype(np.float32)
    (name,) = (value.name for value in model.graph.output)
    want = np.concatenate([run(reference, input=x[i : i + 1])[name] for i in range(3)])
    # float32 sums in another order, over 56 layers
    np.testing.assert_allclose(run(model, input=x)[name], want, atol=1e-4 * np.abs(want).max())


def test_free_batch_rewrites_resize_sizes(run: Run) -> None:
    build = tiny_models.Builder()
    sizes = build.weight("sizes", np.array([1, 4, 4, 4], np.int64))
    build.add("Resize", ["input", "", "", sizes], "output", mode="nearest")
    model = build.model({"input": [1, 4, 2, 2]}, {"output": [1, 4, 4, 4]})
    assert _freed(model)
    assert _rows_are_independent(model, run)


def test_free_batch_rewrites_resize_sizes_that_no_scale_hits_exactly(run: Run) -> None:
    build = tiny_models.Builder()
    build.add("MaxPool", ["input"], "half", kernel_shape=[1, 2], strides=[1, 2], ceil_mode=1)
    # 39 times 77 / 39 in float32 is a little less than 77
    sizes = build.weight("sizes", np.array([1, 4, 2, 77], np.int64))
    build.add("Resize", ["half", "", "", sizes], "large", mode="nearest")
    build.add("Concat", ["input", "large"], "output", axis=1)
    model = build.model({"input": [1, 4, 2, 77]}, {"output": [1, 8, 2, 77]})
    assert _freed(model)
    assert _rows_are_independent(model, run, (2, 77))


@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "symbolic"])
def test_free_batch_keeps_a_batch_of_one_when_samples_mix(
    dynamic: bool, caplog: pytest.LogCaptureFixture
) -> None:
    build = tiny_models.Builder()
    # the mean over all samples: right for one, wrong for a batch
    build.add("ReduceMean", ["input"], "mean", axes=[0], keepdims=1)
    build.add("Sub", ["input", "mean"], "rest")
    build.add("Add", ["rest", "input"], "output")
    batch = "N" if dynamic else 1
    model = build.model({"input": [batch, 4, 2, 2]}, {"output": [batch, 4, 2, 2]})
    set_inputs(model, {"input": (1, 4, 2, 2)}, "x.yaml")
    with caplog.at_level(logging.WARNING):
        assert not _freed(model)
    assert "the batch stays fixed to 1: output 'output' differs" in caplog.text
    assert shape_of(model.graph.input[0]) == (1, 4, 2, 2)
    assert shape_of(model.graph.output[0]) == (1, 4, 2, 2)


def test_free_batch_keeps_a_batch_of_one_when_an_output_has_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    build = tiny_models.Builder()
    build.add("ReduceMean", ["input"], "output", keepdims=0)
    model = build.model({"input": [1, 4, 2, 2]}, {"output": []})
    with caplog.at_level(logging.WARNING):
        assert not _freed(model)
    assert "has shape () for one sample" in caplog.text


def test_free_batch_keeps_a_batch_of_one_when_sizes_follow_the_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    build = tiny_models.Builder()
    # as a detector's own suppression ends: as many rows as there are finds
    build.add("Flatten", ["input"], "flat")
    build.add("Greater", ["flat", build.weight("zero", np.zeros(1, np.float32))], "found")
    build.add("Squeeze", ["found"], "mask")
    build.add("Compress", ["flat", "mask"], "output", axis=1)
    model = build.model({"input": [1, 4, 2, 2]}, {"output": [1, "found"]})
    with caplog.at_level(logging.WARNING):
        assert not _freed(model)
    assert re.search(r"output 'output' has shape \(1, \d+\) or \(1, \d+\) for one", caplog.text)
