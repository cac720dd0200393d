# SPDX-License-Identifier: Apache-2.0
import onnx

from vackit.compiler.graph import inferred_shapes
from vackit.compiler.layout.trace import Trace


def test_trace_has_no_view_of_values_whose_first_axis_moves() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 13]>
        t (float[cells, 2] points) => (float[2, cells] columns, float[cells, 2] same)
        { columns = Transpose <perm = [1, 0]> (points)
          same = Identity(points) }"""
    )
    trace = Trace(model, inferred_shapes(model))
    assert trace.moved == {"columns", "same"}
    assert list(trace.views) == ["same"]
