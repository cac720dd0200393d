# SPDX-License-Identifier: Apache-2.0
"""Detectors of a range of sizes: at every size the same boxes as one built for that size."""

from typing import Any

import numpy as np
import onnx
import pytest

from vackit.compiler.batch import set_output_shapes
from vackit.compiler.detection import append_nms
from vackit.compiler.dynamic import set_range
from vackit.compiler.graph import set_shape
from vackit.compiler.running import open_session, run
from vackit.errors import ModelError
from vackit.testing.detection.models import convolved

ANCHORS = [10, 13, 16, 30, 30, 61, 62, 45, 59, 119, 116, 90]
COMMON = {"num_classes": 2, "nms_threshold": 0.5, "confidence_threshold": 0.1}
KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "yolov5_nms": (14, {"anchor": ANCHORS}),
    "yolov4_nms": (14, {"anchor": ANCHORS}),
    "yolov8_nms": (66, {}),
    "yolov10_nms": (66, {}),
    "yolox_nms": (7, {}),
}


def detector(
    kind: str, size: tuple[int, int], smallest: tuple[int, int] | None = None
) -> onnx.ModelProto:
    """Return a detector of ``size``, or of every size from ``smallest`` to it."""
    channels, params = KINDS[kind]
    model = convolved(channels, size)
    if smallest is not None:
        set_range(model.graph.input[0], (1, 3, *smallest), (1, 3, *size))
        for value in model.graph.output:
            set_shape(value, ("N", channels, None, None))
        set_output_shapes(model, "test")
    append_nms(kind, {**COMMON, **params}, "test").apply(model)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_dynamic_detector_finds_what_one_of_the_size_finds(kind: str) -> None:
    session = open_session(detector(kind, (96, 128), (64, 64)), "test")
    for size in ((64, 64), (96, 64), (64, 128), (96, 128)):
        images = np.random.default_rng(0).random((2, 3, *size)).astype(np.float32)
        alone = open_session(detector(kind, size), "test")
        got, want = (run(one, {"input": images}, "test") for one in (session, alone))
        assert (want["ids"] >= 0).any()
        for name, expected in want.items():
            np.testing.assert_array_equal(got[name], expected)


def test_dynamic_detector_has_outputs_of_one_shape() -> None:
    model = detector("yolov8_nms", (96, 128), (64, 64))
    sizes = [d.dim_value for d in model.graph.output[2].type.tensor_type.shape.dim]
    assert sizes == [0, 300, 4]


def test_dynamic_detector_needs_an_upper_bound() -> None:
    model = convolved(66, (64, 64))
    set_range(model.graph.input[0], (1, 3, 64, 64), (1, 3, 0, 0))
    with pytest.raises(ModelError, match="needs an upper bound of the sizes of 'input'"):
        append_nms("yolov8_nms", COMMON, "test").apply(model)
