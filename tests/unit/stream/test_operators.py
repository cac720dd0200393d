# SPDX-License-Identifier: Apache-2.0
"""What turns samples into model inputs, and the model operator."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program
from vackit.devices.registry import get_device
from vackit.errors import DataError, StreamError
from vackit.stream.graph import make_graph
from vackit.stream.model_operator import ModelOperator
from vackit.stream.operators import ImageOperator, TensorOperator
from vackit.tensors import TensorSpec
from vackit.testing.tiny_artifacts import write_tiny_artifact

STRETCH = "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR"


def vdsp(**fields: Any) -> VdspParams:
    return VdspParams(op_type=STRETCH, norma_type="DIV255", **fields)


@pytest.fixture
def image_program(tmp_path: Path) -> Program:
    return get_device("null").load(write_tiny_artifact(tmp_path / "mod", "identity"))


def test_image_operator_makes_the_models_size_and_dtype(tmp_path: Path) -> None:
    image = np.full((3, 20, 30), 51, np.uint8)
    for dtype, numpy_dtype in (("fp32", np.float32), ("fp16", np.float16)):
        artifact = write_tiny_artifact(tmp_path / dtype, "identity", dtype=dtype)
        operator = ImageOperator(vdsp(), get_device("null").load(artifact))
        (tensor,) = operator(image, {})
        assert tensor.shape == (1, 3, 8, 8)
        assert tensor.dtype == numpy_dtype
        # 51 / 255 as float16 holds it, in both dtypes
        np.testing.assert_array_equal(tensor, np.float16(0.2).astype(numpy_dtype))


def test_image_operator_refuses_another_size_than_the_models(image_program: Program) -> None:
    params = vdsp(output_size=(16, 12), source=Path("x-vdsp_params.json"))
    with pytest.raises(StreamError) as caught:
        ImageOperator(params, image_program)
    assert str(caught.value) == (
        "x-vdsp_params.json: vdsp output (3, 16, 12) (channels, OimageHeight, OimageWidth) does "
        "not fit the model's input input [N, 3, 8, 8] float32\n"
        "  hint: set OimageHeight to 8 and OimageWidth to 8"
    )


@pytest.mark.parametrize(
    "inputs",
    [
        (TensorSpec("ids", (None, 128), "int32"),),
        (TensorSpec("x", (None, 3, 8, 8), "int64"),),
        (TensorSpec("a", (None, 3, 8, 8), "float32"), TensorSpec("b", (None, 1), "float32")),
    ],
    ids=["no image", "integers", "two inputs"],
)
def test_image_operator_refuses_a_model_that_takes_no_image(
    make_program: Any, inputs: tuple[TensorSpec, ...]
) -> None:
    with pytest.raises(StreamError, match="make one image tensor, the model takes"):
        ImageOperator(vdsp(), make_program(inputs))


PIXELS = (TensorSpec("image", (None, 3, 8, 8), "uint8"),)


@pytest.mark.parametrize("params", [{}, {"input_size": (8, 8)}], ids=["plain", "with a size"])
@pytest.mark.parametrize("dtype", ["uint8", "int32"])
@pytest.mark.parametrize("norma_type", ["EQUAL", "MINUSMEAN_DIVSTD"])
def test_image_operator_gives_pixels_to_a_model_that_takes_them(
    make_program: Any, params: dict[str, Any], dtype: str, norma_type: Any
) -> None:
    image = np.random.default_rng(2).integers(0, 256, (3, 8, 8), np.uint8)
    equal = dataclasses.replace(vdsp(), norma_type=norma_type, mean=(0.0,) * 3, std=(1.0,) * 3)
    spec = dataclasses.replace(PIXELS[0], dtype=dtype)
    operator = ImageOperator(equal, make_program((spec,)))
    room = [np.zeros((1, 3, 8, 8), dtype)]
    for (tensor,) in (operator(image, params), operator.into(image, params, room)):
        assert tensor.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(tensor, image[np.newaxis])


def test_image_operator_refuses_to_normalize_for_a_model_that_takes_bytes(
    make_program: Any,
) -> None:
    with pytest.raises(StreamError, match="takes pixels as they are, NormaType DIV255") as caught:
        ImageOperator(vdsp(), make_program(PIXELS))
    assert caught.value.hint == "set NormaType to EQUAL"


TWO = (TensorSpec("ids", (None, 3), "int64"), TensorSpec("mask", (None, 3), "float16"))


@pytest.mark.parametrize("shape", [(3,), (1, 3)], ids=["without", "with"])
def test_tensor_operator_takes_samples_with_or_without_the_leading_1(
    make_program: Any, shape: tuple[int, ...]
) -> None:
    operator = TensorOperator(make_program(TWO))
    ids, mask = operator([np.ones(shape, np.int32), np.ones(shape, np.float32)], {})
    assert ids.shape == mask.shape == (1, 3)
    assert ids.dtype == np.int64
    assert mask.dtype == np.float16


def test_tensor_operator_takes_a_lone_array(program: Program) -> None:
    (tensor,) = TensorOperator(program)(np.ones(1, np.float32), {})
    assert tensor.shape == (1, 1)


BAD: list[tuple[list[NDArray[Any]], str]] = [
    ([np.ones(3, np.int64)], r"takes 2 inputs \(ids \[N, 3\] int64, mask .*\), got 1"),
    ([np.ones(4, np.int64), np.ones(3, np.float16)], r"one sample of shape \(3,\), got \(4,\)"),
    ([np.ones(3, np.float32), np.ones(3, np.float16)], "does not take these float32 values"),
    ([np.ones(3, np.int64), np.ones(3, np.uint8)], "give --vdsp_params to have images"),
]


@pytest.mark.parametrize(
    ("arrays", "message"), BAD, ids=["count", "shape", "float for int", "picture for float"]
)
def test_tensor_operator_refuses_what_does_not_fit(
    make_program: Any, arrays: list[NDArray[Any]], message: str
) -> None:
    with pytest.raises(StreamError, match=message):
        TensorOperator(make_program(TWO))(arrays, {})


def test_tensor_operator_refuses_integers_that_would_be_cut(make_program: Any) -> None:
    operator = TensorOperator(make_program((TensorSpec("ids", (None, 1), "int8"),)))
    with pytest.raises(StreamError, match="does not take these int64 values"):
        operator(np.array([300]), {})


def test_tensor_operator_refuses_parameters(program: Program) -> None:
    with pytest.raises(StreamError, match="no operator takes the parameters crop_resize_ext"):
        TensorOperator(program)(np.ones(1, np.float32), {"crop_resize_ext": (0, 0, 1, 1)})


def test_model_operator_splits_a_batch_into_samples(make_program: Any) -> None:
    program = make_program(
        outputs=(TensorSpec("y", (None, 1), "float32"), TensorSpec("z", (None, 1), "float32"))
    )
    batch = [[np.full((1, 1), i, np.float32)] for i in range(3)]
    outputs = ModelOperator(program)(batch)
    assert [[a.tolist() for a in one] for one in outputs] == [
        [[[2.0 * i]], [[2.0 * i]]] for i in range(3)
    ]


def test_make_graph_chooses_the_preparing_operator(image_program: Program) -> None:
    assert isinstance(make_graph(image_program).prepare, TensorOperator)
    assert isinstance(make_graph(image_program, vdsp()).prepare, ImageOperator)


def test_graph_after_reads_the_sample_first(program: Program) -> None:
    graph = make_graph(program).after(lambda text: np.array([float(text)], np.float32), str)
    (tensor,) = graph.prepare("2.5", {})
    assert tensor.tolist() == [[2.5]]


@pytest.mark.parametrize(
    ("where", "message"),
    [("", r"^list:3: a\.npz: bad$"), ("a.npz", r"^list:3: a\.npz: bad$"), ("b", r"a\.npz: b: bad")],
    ids=["no place", "the same place", "another place"],
)
def test_graph_after_reports_the_place_of_the_sample(
    program: Program, where: str, message: str
) -> None:
    def read(_: Any) -> Any:
        raise DataError("bad", where=where)

    graph = make_graph(program).after(read, lambda name: f"list:3: {name}")
    with pytest.raises(DataError, match=message):
        graph.prepare("a.npz", {})


def test_samples_of_several_sizes_share_a_batch_where_they_are_alike(
    make_program: Any, device: Any
) -> None:
    bounds = ((1, 1), (1, 4))
    spec = TensorSpec("x", (None, None), "float32", "", *bounds)
    operator = ModelOperator(make_program((spec,), (dataclasses.replace(spec, name="y"),)))
    rows = [np.full((1, size), i, np.float32) for i, size in enumerate((2, 2, 4, 2))]
    results = operator([[row] for row in rows])
    assert [one.tolist() for (one,) in results] == [(2 * row).tolist() for row in rows]
    assert device.batches == [[0.0, 1.0], [2.0], [3.0]]


def test_results_of_a_batch_outlive_the_next_one(tmp_path: Path) -> None:
    program = get_device("onnxrt").load(write_tiny_artifact(tmp_path / "mod", "identity"))
    operator = ModelOperator(program)

    def batch(first: int, count: int) -> list[list[NDArray[Any]]]:
        return [[np.full((1, 3, 8, 8), first + i, np.float32)] for i in range(count)]

    results = [each for args in ((0, 3), (3, 2), (5, 4)) for each in operator(batch(*args))]
    assert [result[0, 0, 0, 0] for (result,) in results] == list(range(9))


def test_batches_of_one_thread_share_their_memory(
    make_program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program()
    infer, seen = program.infer, list[NDArray[Any]]()

    def watched(inputs: dict[str, NDArray[Any]]) -> Any:
        seen.extend(inputs.values())
        return infer(inputs)

    monkeypatch.setattr(program, "infer", watched)
    operator = ModelOperator(program)
    for count in (4, 2, 4):
        operator([[np.zeros((1, 1), np.float32)]] * count)
    assert [len(array) for array in seen] == [4, 2, 4]
    assert len({array.ctypes.data for array in seen}) == 1
