# SPDX-License-Identifier: Apache-2.0
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from vackit.compiler.running import largest_difference, open_session, random_feeds, run
from vackit.errors import ModelError
from vackit.testing import tiny_models


def test_open_session_names_the_file_and_gives_the_reason() -> None:
    model = tiny_models.conv()
    model.graph.node[0].op_type = "Convolution"
    with pytest.raises(ModelError, match=r"m\.onnx: ONNX Runtime does not load it: .*Convolution"):
        open_session(model, "m.onnx")


def test_run_names_the_file_and_gives_the_reason(capfd: pytest.CaptureFixture[str]) -> None:
    session = open_session(tiny_models.conv(), "m.onnx")
    with pytest.raises(ModelError, match=r"m\.onnx: ONNX Runtime cannot run it: .*index: 1 Got: 4"):
        run(session, {"input": np.zeros((1, 4, 8, 8), np.float32)}, "m.onnx")
    assert not capfd.readouterr().err


def test_random_feeds_are_the_same_for_a_seed() -> None:
    graph = tiny_models.conv().graph
    assert random_feeds(graph, 3, 0)["input"].shape == (3, 3, 8, 8)
    assert np.array_equal(random_feeds(graph, 3, 5)["input"], random_feeds(graph, 3, 5)["input"])
    assert not np.array_equal(
        random_feeds(graph, 1, 0)["input"], random_feeds(graph, 1, 1)["input"]
    )


def test_random_feeds_gives_other_dtypes_zeros_and_ones() -> None:
    graph = tiny_models.conv().graph
    graph.input.append(helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", 7]))
    ids = random_feeds(graph, 2, 0)["ids"]
    assert ids.shape == (2, 7)
    assert set(ids.ravel().tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("got", "want", "difference"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.25),
        ([1.0], [1.0, 2.0], np.inf),
        ([np.nan, 2.0], [1.0, 2.0], np.inf),
        ([np.inf, 2.0], [np.inf, 2.0], 0.0),
        ([np.inf, 2.0], [-np.inf, 2.0], np.inf),
        ([np.nan, 2.5], [np.nan, 2.0], 0.25),
        ([], [], 0.0),
    ],
    ids=["equal", "apart", "shape", "nan", "infinite", "signs", "both-nan", "empty"],
)
def test_largest_difference_is_relative_to_the_largest_value(
    got: list[float], want: list[float], difference: float
) -> None:
    arrays: list[Any] = [np.array(values, np.float32) for values in (got, want)]
    assert largest_difference(arrays[:1], arrays[1:]) == difference


def test_largest_difference_takes_single_numbers() -> None:
    assert largest_difference([np.array(3.0)], [np.array(2.0)]) == 0.5
    assert largest_difference([np.array(2.0)], [np.array(2.0)]) == 0.0
