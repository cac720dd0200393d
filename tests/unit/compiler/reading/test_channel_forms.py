# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from vackit.compiler.graph import constants, copy_model
from vackit.compiler.reading.channel_forms import mend_channel_forms
from vackit.compiler.running import Arrays, open_session, run
from vackit.testing import tiny_models


def _face(
    *, spatial: int | None = None, slopes: tuple[int, ...] = (4, 1, 1), width: int = 6
) -> onnx.ModelProto:
    """Return a norm and a PRelu over (1, 4, 5, width), as MXNet's exporter may write them."""
    build = tiny_models.Builder(seed=9)
    scale = [build.weight(n, np.linspace(0.5, 1.5, 4, dtype=np.float32)) for n in "sbmv"]
    attributes = {} if spatial is None else {"spatial": spatial}
    build.add("BatchNormalization", ["input", *scale], "normed", **attributes)
    values = np.linspace(0.1, 0.4, int(np.prod(slopes)), dtype=np.float32)
    build.add("PRelu", ["normed", build.weight("slopes", values.reshape(slopes))], "output")
    shape = [1, 4, 5, width]
    return build.model({"input": shape}, {"output": shape}, opset=8)


def _outputs(model: onnx.ModelProto, width: int = 6) -> Arrays:
    x = np.random.default_rng(2).standard_normal((1, 4, 5, width)).astype(np.float32)
    return run(open_session(model, "x.onnx"), {"input": x}, "x.onnx")


@pytest.mark.parametrize(
    "quirk",
    [{"spatial": 0}, {"slopes": (4,)}, {"spatial": 0, "slopes": (4,)}],
    ids=["norm not spatial", "slopes in a row", "both"],
)
def test_mend_channel_forms_reads_what_was_meant(quirk: dict[str, Any]) -> None:
    model = _face(**quirk)
    mend_channel_forms(model)
    np.testing.assert_array_equal(_outputs(model)["output"], _outputs(_face())["output"])


@pytest.mark.parametrize(
    ("slopes", "width"), [((6,), 6), ((1,), 6), ((4,), 4)], ids=["columns", "one", "either"]
)
def test_mend_channel_forms_leaves_slopes_that_onnx_can_lay_out(
    slopes: tuple[int, ...], width: int
) -> None:
    model = _face(slopes=slopes, width=width)
    before = copy_model(model)
    mend_channel_forms(model)
    assert model == before


def test_mend_channel_forms_takes_all_slopes_for_channels_where_one_can_be_nothing_else() -> None:
    model = _face(slopes=(4,), width=8)
    # halved, there are as many columns as channels
    pool = helper.make_node(
        "MaxPool", ["output"], ["pooled"], name="pool", kernel_shape=[1, 2], strides=[1, 2]
    )
    last = helper.make_node("PRelu", ["pooled", "slopes"], ["last"], name="last")
    model.graph.node.extend([pool, last])
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("last", onnx.TensorProto.FLOAT, [1, 4, 5, 4])
    )
    mend_channel_forms(model)
    known = constants(model.graph)
    shapes = [
        tuple(known[node.input[1]].dims) for node in model.graph.node if node.op_type == "PRelu"
    ]
    assert shapes == [(4, 1, 1), (4, 1, 1)]
