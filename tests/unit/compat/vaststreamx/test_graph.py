# SPDX-License-Identifier: Apache-2.0
"""Graphs: what they hold, and how their outputs are laid out."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from tests.vsx_streams import built, graph_of, image, numbers

from vackit.compat import vaststreamx as vsx
from vackit.errors import StreamError
from vackit.testing.program_models import write_model
from vackit.testing.tiny_artifacts import write_tiny_artifact
from vackit.vdsp.layout884 import tile_activation

RNG = np.random.default_rng(3)


def test_a_model_alone_takes_lists_of_tensors() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST)
    model_op = vsx.ModelOperator(vsx.Model("mod", 2))
    graph.add_operators(model_op)
    stream = built(graph, (model_op,))
    array = RNG.standard_normal((3, 8, 8)).astype(np.float16)
    for given in (array, array[np.newaxis], tile_activation(array)):
        (made,) = numbers(stream.run_sync([[vsx.from_numpy(given, 0)]]))
        assert np.array_equal(made[0], array)


def test_884_outputs_are_tiles_that_the_next_model_takes(write_vdsp: Any) -> None:
    kind = vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_884_DEVICE
    graph, _, model_op = graph_of(write_vdsp(), output_type=kind)
    (tiles,) = built(graph, (model_op,)).run_sync([image()])[0]
    assert tiles.shape == [1, 1, 1, 1, 256]
    plain_graph, _, model_op = graph_of(write_vdsp())
    (plain,) = numbers(built(plain_graph, (model_op,)).run_sync([image()]))
    assert np.array_equal(vsx.as_numpy(tiles), tile_activation(plain))
    following = vsx.Graph(False)
    following.add_operators(model_op)
    (made,) = numbers(built(following, (model_op,)).run_sync([[tiles]]))
    assert np.array_equal(made, plain)


def test_884_outputs_of_more_axes_stay_plain() -> None:
    axes = onnx.numpy_helper.from_array(np.array([2], np.int64), "axes")
    shapes: dict[str, list[int | str]] = {"x": ["N", 4, 8, 8], "y": ["N", 4, 1, 8, 8]}
    x, y = (onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items())
    node = onnx.helper.make_node("Unsqueeze", ["x", "axes"], ["y"])
    opset = [onnx.helper.make_opsetid("", 13)]
    graph = onnx.helper.make_graph([node], "five", [x], [y], [axes])
    write_model("five", onnx.helper.make_model(graph, opset_imports=opset, ir_version=8))
    following = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_884_DEVICE)
    following.add_operators(vsx.ModelOperator(vsx.Model("five")))
    tensor = vsx.from_numpy(np.zeros((4, 8, 8), np.float16))
    assert built(following).run_sync([[tensor]])[0][0].shape == [1, 4, 1, 8, 8]


@pytest.mark.parametrize(
    "arguments",
    [((), {}), ((vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE,), {}), ((True,), {}),
     ((False,), {}), ((), {"do_copy": False}),
     ((vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE, [0, 0, 1]), {}),
     ((), {"output_type": vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST})],
    ids=["default", "type", "true", "false", "do_copy", "flags", "name"],
)  # fmt: skip
def test_graph_takes_all_constructor_forms(arguments: Any, write_vdsp: Any) -> None:
    write_tiny_artifact(Path("mod"), "identity")
    graph = vsx.Graph(*arguments[0], **arguments[1])
    model_op = vsx.ModelOperator(vsx.Model("mod"))
    graph.add_operators(vsx.Operator.load_ops_from_json_file(write_vdsp()), model_op)
    stream = built(graph, (model_op,))
    assert numbers(stream.run_sync([image()]))[0].shape == (1, 3, 8, 8)


def test_graph_explains_what_is_wrong(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    with pytest.raises(StreamError, match="a graph takes operators, got int"):
        graph.add_operators(3)
    empty, reverse, single, two = vsx.Graph(), vsx.Graph(), vsx.Graph(), vsx.Graph()
    reverse.add_operators(model_op, op)
    two.add_operators(op, op, model_op)
    for wrong in (empty, reverse, two):
        with pytest.raises(StreamError, match="holds at most one operator and then a ModelOp"):
            vsx.Stream(wrong)
    single.add_operators(vsx.BuildInOperator(vsx.OpType.SINGLE_OP_CROP), model_op)
    with pytest.raises(StreamError, match=r"OpType.SINGLE_OP_CROP does not prepare a model's"):
        vsx.Stream(single)
    alone = vsx.Graph()
    alone.add_operators(model_op)
    with pytest.raises(StreamError, match="an image reaches the model without an operator"):
        built(alone).run_sync([image()])
