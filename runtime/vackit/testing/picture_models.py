# SPDX-License-Identifier: Apache-2.0
"""Small models whose results can be foretold, of the kinds that published programs bring."""

from collections.abc import Sequence

import numpy as np
import onnx

from vackit.testing.graph_builder import GraphBuilder

CHARACTERS = "RGB"
Axis = int | str


def text_map(size: tuple[int, int]) -> onnx.ModelProto:
    """Return a text detector: a map (N, 1, h, w) near 1 where a pixel is bright."""
    build = GraphBuilder(13, batch_norm=False)
    weight = build.constant(np.full((1, 3, 1, 1), 20 / 3), "float32")
    conv = build.node("Conv", ["images", weight, build.constant([-10.0], "float32")])
    return _model(
        build, {"images": (3, *size)}, {"maps": (build.node("Sigmoid", [conv]), (1, *size))}
    )


def recognizer(height: int, width: int, form: str = "NTC") -> onnx.ModelProto:
    """Return a recognizer: every 8 columns are blank, red, green or blue.

    Args:
        height: Of the line of text.
        width: Likewise, a multiple of 8.
        form: Of its output: ``"NTC"`` (N, T, 4), ``"TNC"`` or ``"TC"``, both of one sample.
    """
    build = GraphBuilder(13, batch_norm=False)
    weight = np.zeros((4, 3, height, 8), np.float32)
    weight[1:] = 20 * (np.eye(3)[:, :, np.newaxis, np.newaxis] * 3 - 1) / (8 * height)
    bias = build.constant([5.0, 0, 0, 0], "float32")
    columns = build.node(
        "Conv", ["images", build.constant(weight, "float32"), bias], strides=[1, 8]
    )
    steps = build.node("Squeeze", [columns, build.constant([2])])
    perm = {"NTC": [0, 2, 1], "TNC": [2, 0, 1], "TC": [0, 2, 1]}[form]
    scores = build.node("Softmax", [build.node("Transpose", [steps], perm=perm)], axis=2)
    shape: tuple[Axis, ...] = ("N", width // 8, 4)
    if form == "TC":
        scores = build.node("Squeeze", [scores, build.constant([0])])
        shape = (width // 8, 4)
    elif form == "TNC":
        shape = (width // 8, "N", 4)
    return build.model({"images": ["N", 3, height, width]}, {"scores": (scores, list(shape))})


def doubler(size: tuple[int, int]) -> onnx.ModelProto:
    """Return a super-resolution model that repeats each pixel in both directions."""
    build = GraphBuilder(13, batch_norm=False)
    weight = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)[:, :, np.newaxis, np.newaxis]
    conv = build.node("Conv", ["images", build.constant(weight, "float32")])
    pixels = build.node("DepthToSpace", [conv], blocksize=2, mode="CRD")
    shape = (3, 2 * size[0], 2 * size[1])
    return _model(build, {"images": (3, *size)}, {"large": (pixels, shape)})


def patch_means(num_patches: int, patch: int) -> onnx.ModelProto:
    """Return what makes (N, patches, 4) of rows of patches: the mean of each color, and 0."""
    build = GraphBuilder(13, batch_norm=False)
    weight = np.zeros((3, patch * patch, 4), np.float32)
    weight[range(3), :, range(3)] = 1 / (patch * patch)
    means = build.node("MatMul", ["patches", build.constant(weight.reshape(-1, 4), "float32")])
    columns = 3 * patch * patch
    return _model(build, {"patches": (num_patches, columns)}, {"means": (means, (num_patches, 4))})


def mean_vector(num_patches: int) -> onnx.ModelProto:
    """Return what takes (N, patches, 4) to its mean over patches, (N, 4)."""
    build = GraphBuilder(13, batch_norm=False)
    mean = build.node("ReduceMean", ["means"], axes=[1], keepdims=0)
    return _model(build, {"means": (num_patches, 4)}, {"vector": (mean, (4,))})


def word_vector(length: int = 3) -> onnx.ModelProto:
    """Return what adds the vectors of token ids: 1, 2, 3 point along the axes of (N, 4)."""
    build = GraphBuilder(13, batch_norm=False)
    table = np.zeros((4, 4), np.float32)
    table[1:, :3] = np.eye(3)
    words = build.node("Gather", [build.constant(table, "float32"), "text"])
    total = build.node("ReduceSum", [words, build.constant([1])], keepdims=0)
    model = _model(build, {"text": (length,)}, {"vector": (total, (4,))})
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    return model


def _model(
    build: GraphBuilder,
    inputs: dict[str, tuple[int, ...]],
    outputs: dict[str, tuple[str, tuple[int, ...]]],
) -> onnx.ModelProto:
    made: dict[str, tuple[str, Sequence[Axis]]] = {
        name: (value, ["N", *shape]) for name, (value, shape) in outputs.items()
    }
    return build.model({name: ["N", *shape] for name, shape in inputs.items()}, made)
