# SPDX-License-Identifier: Apache-2.0
"""Dynamic models: one artifact, images and tensors of many sizes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.compiler.batch import set_output_shapes
from vackit.compiler.signature import set_inputs
from vackit.errors import StreamError
from vackit.testing.program_models import dynamic_model, text_model, write_model

BOUNDS = ((1, 3, 8, 8), (1, 3, 16, 24))
STRETCH = "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR"
CONFIG = {"IimageFormat": "RGB_PLANAR", "ResizeType": "BILINEAR_CV",
          "ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255"}  # fmt: skip


@pytest.fixture
def model() -> vsx.Model:
    network = dynamic_model()
    set_inputs(network, {}, "test", {"input": BOUNDS})
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    set_output_shapes(network, "test")
    write_model("net/yolo", network)
    return vsx.Model("net/yolo_module_info.json", 2)


def built(model: vsx.Model, *before: Any) -> vsx.Stream:
    graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE)
    graph.add_operators(*before, vsx.ModelOperator(model))
    stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
    stream.build()
    return stream


def rgb(width: int = 40, height: int = 30) -> Any:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def shown(array: Any) -> vsx.Image:
    height, width = array.shape[:2]
    planes = np.ascontiguousarray(array.transpose(2, 0, 1))
    return vsx.create_image(planes, vsx.ImageFormat.RGB_PLANAR, width, height, 0)


def test_dynamic_model_has_the_shapes_that_a_program_chooses(model: vsx.Model) -> None:
    assert model.input_shape == [[1, 3, 16, 24]]
    assert model.output_shape == [[1, 24, 4], [1, 8, 16, 24]]
    model.set_input_shape([[1, 3, 12, 16]])
    model.set_batch_size(4)
    assert model.input_shape == [[1, 3, 12, 16]]
    assert model.output_shape == [[1, 12, 4], [1, 8, 12, 16]]


def test_each_sample_gets_its_own_shape(model: vsx.Model, write_vdsp: Any) -> None:
    ops = vsx.Operator.load_ops_from_json_file(write_vdsp(STRETCH, CONFIG))
    stream = built(model, *ops)
    sizes = [(8, 8), (8, 8), (16, 24), (12, 8)]
    params = {"dynamic_model_input_shapes": [[[1, 3, *size]] for size in sizes]}
    outputs = stream.run_sync([shown(rgb())] * 4, params)
    assert [tuple(sample[1].shape[2:]) for sample in outputs] == sizes
    for sample, (height, width) in zip(outputs, sizes, strict=True):
        tensor = cv2.resize(rgb(), (width, height)).transpose(2, 0, 1).astype(np.float32) / 255
        (want, _) = built(model).run_sync([[vsx.from_numpy(tensor.astype(np.float16), 0)]])[0]
        assert np.array_equal(vsx.as_numpy(sample[0]), vsx.as_numpy(want))


def test_shape_of_the_model_holds_until_another_is_chosen(
    model: vsx.Model, write_vdsp: Any
) -> None:
    config = {**CONFIG, "OimageWidth": 8, "OimageHeight": 12}
    stream = built(model, *vsx.Operator.load_ops_from_json_file(write_vdsp(STRETCH, config)))
    seen = [stream.run_sync([shown(rgb())])[0][1].shape]
    model.set_input_shape([[1, 3, 16, 16]])
    seen.append(stream.run_sync([shown(rgb())])[0][1].shape)
    assert seen == [[1, 8, 12, 8], [1, 8, 16, 16]]


def test_shapes_out_of_range_are_refused(model: vsx.Model, write_vdsp: Any) -> None:
    match = r"\[\[1, 3, 32, 24\]\] are asked for, the artifact was built for input \[N, 3, 8..16"
    with pytest.raises(StreamError, match=match):
        model.set_input_shape([[1, 3, 32, 24]])
    with pytest.raises(StreamError, match="expected one list of whole numbers per input"):
        model.set_input_shape([3, 32, 24])  # type: ignore[list-item]
    stream = built(model, *vsx.Operator.load_ops_from_json_file(write_vdsp(STRETCH, CONFIG)))
    with pytest.raises(StreamError, match=match):
        stream.run_sync([shown(rgb())], {"dynamic_model_input_shapes": [[[1, 3, 32, 24]]]})
    with pytest.raises(StreamError, match="takes a sample of shape"):
        built(model).run_sync([[vsx.from_numpy(np.zeros((3, 32, 24), np.float16), 0)]])


def test_tokens_of_any_length() -> None:
    network = text_model()
    for value in (*network.graph.input, *network.graph.output):
        value.type.tensor_type.shape.dim[1].dim_param = "length"
    names = [value.name for value in network.graph.input]
    set_inputs(network, {}, "test", dict.fromkeys(names, ((1, 2), (1, 8))))
    set_output_shapes(network, "test")
    write_model("text", network)
    assert Path("text.vackit.json").exists()
    stream = built(vsx.Model("text"), vsx.Operator(vsx.OpType.BERT_EMBEDDING_OP))
    for length in (2, 5, 8):
        ids, types, mask = np.ones((3, 1, length), np.int32)
        sample = [vsx.from_numpy(one, 0) for one in (ids, types * 0, mask, mask, mask, mask)]
        (made,) = stream.run_sync([sample])[0]
        assert vsx.as_numpy(made).tolist() == [[110.0] * length]
    model = vsx.Model("text")
    model.set_input_shape([[1, 4]] * 6)  # of all six tensors, though the network takes fewer
    assert model.input_shape == [[1, 4]] * len(names)
    shapes = {"dynamic_model_input_shapes": [[[1, 8]] * 6]}
    assert stream.run_sync([sample], shapes)[0][0].shape == [1, 8]
    with pytest.raises(StreamError, match="are asked for, the artifact was built for"):
        model.set_input_shape([[1, 4], [1, 5]] * 3)
