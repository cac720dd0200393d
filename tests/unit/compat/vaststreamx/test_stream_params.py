# SPDX-License-Identifier: Apache-2.0
"""What may change from sample to sample: attributes and run-time parameters."""

from typing import Any

import numpy as np
import pytest
from tests.vsx_streams import built, graph_of, image, numbers

from vackit.compat import vaststreamx as vsx
from vackit.errors import StreamError

A = vsx.AttrKey


def test_attributes_set_after_build_take_effect_for_the_next_sample(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    cast = op.cast_to_buildin_operator()
    one = image()
    before = numbers(stream.run_sync([one]))[0]
    cast.set_attribute({A.RESIZE_WIDTH: 16, A.RESIZE_HEIGHT: 12, A.CROP_X: 4, A.CROP_Y: 2})
    after = numbers(stream.run_sync([one]))[0]
    assert not np.array_equal(before, after)
    by_params = stream.run_sync([one, one], {"crop_resize_ext": [(1, 1, 10, 10), (4, 2, 16, 12)]})
    assert np.array_equal(numbers(by_params)[0], before)
    assert np.array_equal(numbers(by_params)[1], after)


def test_submitted_samples_keep_the_attributes_of_their_submission(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    cast, expected = op.cast_to_buildin_operator(), []
    for x in range(3):
        cast.set_attribute({A.CROP_X: x})
        expected.append(numbers(stream.run_sync([image()]))[0])
    for x in range(3):
        cast.set_attribute({A.CROP_X: x})
        stream.run_async([image()])
    for wanted in expected:
        assert np.array_equal(numbers(stream.get_operator_output(model_op))[0], wanted)


def test_rgb_letterbox_ext_places_each_image(write_vdsp: Any) -> None:
    config = {
        "IimageFormat": "RGB_PLANAR", "ResizeType": "BILINEAR_CV", "ColorCvtCode": "NO_CHANGE",
        "NormaType": "EQUAL", "Padding": [0, 0, 0], "EdgePaddingType": "CONSTANT",
    }  # fmt: skip
    path = write_vdsp("FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT", config)
    graph, _, model_op = graph_of(path)
    stream = built(graph, (model_op,))
    outputs = stream.run_sync([image()], {"rgb_letterbox_ext": [(8, 4, 1, 3, 0, 0)]})
    array = numbers(outputs)[0][0]
    assert not array[:, 0].any()
    assert not array[:, 5:].any()
    assert array[:, 1:5].any()


def test_dynamic_shapes_are_accepted_where_they_are_the_artifacts(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    params = {"dynamic_model_input_shapes": [[[1, 3, 8, 8]]]}
    assert numbers(stream.run_sync([image()], params))[0].shape == (1, 3, 8, 8)
    with pytest.raises(StreamError, match=r"\[\[1, 3, 16, 8\]\] are asked for, the artifact was"):
        stream.run_sync([image()], {"dynamic_model_input_shapes": [[[1, 3, 16, 8]]]})
