# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from vackit.compiler.refinement.moments import MAX_WINDOW, Moments, MomentSums, windows


def _covariance(moments: Moments) -> Any:
    assert moments.covariance is not None
    return moments.covariance


def _conv(**attributes: Any) -> onnx.NodeProto:
    return helper.make_node("Conv", ["x", "w"], ["y"], **attributes)


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ({}, (4, 3, 1, 1)),
        ({"pads": [1, 1, 1, 1]}, (4, 3, 3, 3)),
        ({"pads": [0, 1, 2, 0], "strides": [2, 3]}, (4, 3, 3, 2)),
        ({"dilations": [2, 1]}, (4, 3, 2, 2)),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (4, 3, 3, 3)),
        ({"auto_pad": "SAME_LOWER", "strides": [2, 3]}, (4, 3, 2, 4)),
        ({"auto_pad": "SAME_UPPER", "strides": [3, 3]}, (4, 3, 1, 1)),
        ({"auto_pad": "VALID"}, (4, 3, 3, 3)),
        ({"group": 3, "pads": [1, 1, 1, 1], "strides": [2, 2]}, (3, 1, 3, 3)),
    ],
    ids=[
        "pointwise",
        "padded",
        "uneven",
        "dilated",
        "same",
        "same_lower",
        "skipping",
        "valid",
        "depthwise",
    ],
)
def test_windows_times_weight_is_the_convolution(
    attributes: dict[str, Any], shape: tuple[int, ...], run: Callable[..., dict[str, Any]]
) -> None:
    rng = np.random.default_rng(0)
    values, weight = rng.integers(-9, 9, (3, 7, 8)), rng.integers(-9, 9, shape)
    node = _conv(**attributes)
    views = windows(values.astype(np.float64), node, shape)
    groups = attributes.get("group", 1)
    seen = views.reshape(groups, -1, views.shape[3] * views.shape[4])
    rows = weight.reshape(groups, -1, seen.shape[1])
    size = [helper.make_tensor_value_info("x", 1, [1, *values.shape])]
    sizes = [*size, helper.make_tensor_value_info("w", 1, list(shape))]
    graph = helper.make_graph([node], "g", sizes, [helper.make_tensor_value_info("y", 1, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    want = run(model, x=values[np.newaxis].astype(np.float32), w=weight.astype(np.float32))["y"]
    np.testing.assert_array_equal((rows @ seen).reshape(want.shape), want)


def test_moments_are_means_and_covariance_of_the_inputs() -> None:
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 255, (5, 1, 6, 4, 4)).astype(np.float64)
    sums = MomentSums(_conv(), (8, 6, 1, 1))
    for sample in samples:
        sums.add(sample, sample + 0.25)
    moments = sums.moments()
    flat = samples[:, 0].transpose(1, 0, 2, 3).reshape(6, -1)
    assert moments.count == 5 * 16
    np.testing.assert_allclose(moments.quantized.mean(axis=0)[0], flat.mean(axis=1))
    np.testing.assert_allclose(moments.float - moments.quantized, 0.25)
    # float64 cancels 1e4 from 1e4 squares
    np.testing.assert_allclose(_covariance(moments)[0], np.cov(flat, bias=True), rtol=1e-9)


def test_moments_of_a_matrix_product_take_each_row_as_a_window() -> None:
    sums = MomentSums(helper.make_node("Gemm", ["x", "w", "b"], ["y"]), (3, 2))
    sums.add(np.array([[1.0, 2.0]]), np.array([[1.5, 2.0]]))
    sums.add(np.array([[3.0, 6.0]]), np.array([[3.0, 6.5]]))
    moments = sums.moments()
    np.testing.assert_array_equal(moments.quantized[:, 0], [[1, 2], [3, 6]])
    np.testing.assert_array_equal(_covariance(moments), [[[1, 2], [2, 4]]])


def test_moments_do_not_depend_on_the_order_of_samples() -> None:
    rng = np.random.default_rng(2)
    samples = rng.integers(0, 255, (6, 1, 8, 20, 20)).astype(np.float64)
    one, other = MomentSums(_conv(), (8, 8, 1, 1)), MomentSums(_conv(), (8, 8, 1, 1))
    for first, second in zip(samples, samples[::-1], strict=True):
        one.add(first, first * 0.99)
        other.add(second, second * 0.99)
    found, turned = one.moments(), other.moments()
    np.testing.assert_array_equal(_covariance(found), _covariance(turned))
    np.testing.assert_array_equal(found.float, turned.float[::-1])


def test_moments_of_a_wide_window_keep_its_variances_alone() -> None:
    wide = np.random.default_rng(3).integers(0, 255, (6, MAX_WINDOW + 1)).astype(np.float64)
    sums = MomentSums(helper.make_node("Gemm", ["x", "w", "b"], ["y"]), (3, wide.shape[1]))
    for row in wide:
        sums.add(row[np.newaxis], row[np.newaxis])
    moments = sums.moments()
    assert moments.covariance is None
    # exact sums of integers, one division each
    np.testing.assert_allclose(moments.variance[0], wide.var(axis=0), rtol=1e-9)
