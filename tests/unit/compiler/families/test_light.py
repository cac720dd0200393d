# SPDX-License-Identifier: Apache-2.0
"""The nine ``light_*`` graphs (opset 9) that the ``onnx`` package ships.

Their weights are ConstantOfShape nodes, which makes every output constant. Here seeded
random weights take their place, and the logits that of the Softmax at the end, which would
round all but one class to zero.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from vackit.compiler.graph import constants, remove_nodes, values_of
from vackit.testing.families.checks import (
    Images,
    assert_every_pass_keeps_the_output,
    original_output,
    sqnr_db,
)

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NAMES = (
    *("bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50"),
    *("shufflenet", "squeezenet", "vgg19", "zfnet512"),
)
SIZE = 224
# the widest layers hold nine weights of ten and nothing that the others do not test
WIDEST, NARROWED = 4096, 256
INT8_FLOOR = 25.0

Compile = Callable[..., tuple[NDArray[Any], int | None]]


def light(name: str) -> onnx.ModelProto:
    path = FOLDER / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip(f"this onnx package ships no {path.name}")
    return onnx.load(path)


def seeded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with random weights of sensible size, ending in its logits."""
    graph = model.graph
    rng = np.random.default_rng(0)
    known = constants(graph)
    read = {name: (node, i) for node in graph.node for i, name in enumerate(node.input)}
    made = [node for node in graph.node if node.op_type == "ConstantOfShape"]
    shapes = {node.output[0]: values_of(known[node.input[0]]) for node in made}
    floats = {n: t.dims for n, t in known.items() if t.data_type == TensorProto.FLOAT and n in read}
    for name, shape in (shapes | floats).items():
        sizes = tuple(NARROWED if n == WIDEST else int(n) for n in shape)
        values = _drawn(rng, sizes, *read[name], read)
        tensor = known[name] if name in known else graph.initializer.add()
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    remove_nodes(graph, made)
    del graph.value_info[:]
    last = graph.node[-1]
    if last.op_type == "Softmax":
        graph.output[0].name = last.input[0]
        del graph.node[-1]
    # from here on weights need not be inputs
    model.ir_version = 8
    for position in reversed(range(len(graph.input))):
        if graph.input[position].name in constants(graph):
            del graph.input[position]
    onnx.checker.check_model(model)
    return model


def _drawn(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    node: onnx.NodeProto,
    position: int,
    read: dict[str, tuple[onnx.NodeProto, int]],
) -> NDArray[Any]:
    if node.op_type == "Unsqueeze":
        node, position = read[node.output[0]]
    is_gain = node.op_type == "Mul" or (node.op_type == "BatchNormalization" and position in (1, 4))
    if is_gain:
        return rng.uniform(0.7, 1.3, shape)
    if node.op_type in ("Conv", "Gemm") and position == 1:
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    return rng.normal(0, 0.1, shape)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=str)
def test_every_pass_keeps_the_output_of(name: str, pictures: Callable[[int], Images]) -> None:
    model = seeded(light(name))
    x = pictures(SIZE)[:2]
    assert float(original_output(model, x).std()) > 0.01
    assert_every_pass_keeps_the_output(model, x)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=str)
def test_build_of(
    name: str, compile_model: Compile, pictures: Callable[[int], Images], tmp_path: Path
) -> None:
    model = seeded(light(name))
    want = original_output(model, pictures(SIZE))
    # float32 is what the passes leave, above
    for dtype in ("fp16", "int8"):
        got, max_batch = compile_model(model, dtype, SIZE)
        assert max_batch is None
        assert sqnr_db(got, want) > (INT8_FLOOR if dtype == "int8" else 50), dtype


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"], ids=str)
def test_build_of_what_the_package_ships(dtype: str, compile_model: Compile) -> None:
    model = light("squeezenet")
    got, max_batch = compile_model(model, dtype, SIZE)
    want = numpy_helper.to_array(
        onnx.TensorProto.FromString((FOLDER / "light_squeezenet_output_0.pb").read_bytes())
    )
    assert max_batch is None
    # constant weights make all classes alike
    np.testing.assert_allclose(got[:1], want, rtol=1e-2)
