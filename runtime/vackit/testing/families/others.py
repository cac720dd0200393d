# SPDX-License-Identifier: Apache-2.0
"""A vision transformer, a decoder with transposed convolutions, nets of rarer activations."""

import numpy as np
import onnx

from vackit.testing.families.blocks import BlockBuilder

CLASSES = 10
SIZE = 64
_WIDTH, _HEADS, _PATCH = 48, 3, 16


def vit(opset: int = 17, form: str = "free") -> onnx.ModelProto:
    """Patch embedding, class token, position embedding and two transformer blocks.

    ``form`` ``free`` computes the batch for Expand and Reshape, ``fixed`` has it written in
    as 1 and the class token as a constant of a Concat. Layer norms are written out before
    opset 17.
    Source: Dosovitskiy et al. 2020, arXiv:2010.11929, figure 1 and eq. 1 to 4.
    """
    b = _VitBuilder(opset, form)
    x = b.tokens("input")
    for _ in range(2):
        x = b.node("Add", [x, b.attention(b.layer_norm(x))])
        x = b.node("Add", [x, b.mlp(b.layer_norm(x))])
    x = b.layer_norm(x)
    first = b.node("Gather", [x, b.constant(0)], axis=1)
    y = b.linear(first, _WIDTH, CLASSES)
    return b.model({"input": [1, 3, SIZE, SIZE]}, {"output": (y, [1, CLASSES])})


class _VitBuilder(BlockBuilder):
    def tokens(self, image: str) -> str:
        weight = self.weight((_WIDTH, 3, _PATCH, _PATCH), 3 * _PATCH**2, 1.0)
        bias = self.constant(np.zeros(_WIDTH), "float32")
        x = self.node(
            "Conv", [image, weight, bias], kernel_shape=[_PATCH] * 2, strides=[_PATCH] * 2
        )
        count = (SIZE // _PATCH) ** 2
        x = self.node("Reshape", [x, self.shape(image, [_WIDTH, count])])
        x = self.node("Transpose", [x], perm=[0, 2, 1])
        token = self.weight((1, 1, _WIDTH), 1, 1.0)
        if self.form == "free" and self.opset >= 8:
            token = self.node("Expand", [token, self.shape(image, [1, _WIDTH])])
        x = self.node("Concat", [token, x], axis=1)
        return self.node("Add", [x, self.weight((1, count + 1, _WIDTH), 1, 0.1)])

    def shape(self, x: str, rest: list[int]) -> str:
        if self.form == "fixed":
            return self.constant([1, *rest])
        batch = self.node("Gather", [self.node("Shape", [x]), self.constant(0)], axis=0)
        return self.node("Concat", [self.unsqueeze(batch), self.constant(rest)], axis=0)

    def layer_norm(self, x: str) -> str:
        gain = self.constant(self._random.uniform(0.7, 1.3, _WIDTH), "float32")
        shift = self.constant(self._random.normal(0, 0.1, _WIDTH), "float32")
        if self.opset >= 17:
            return self.node("LayerNormalization", [x, gain, shift], axis=-1, epsilon=1e-6)
        last = (2,) if self.opset < 11 else (-1,)
        centered = self.node("Sub", [x, self.mean_hw(x, last, 1)])
        squared = self.node("Pow", [centered, self.scalar(2.0)])
        variance = self.node("Add", [self.mean_hw(squared, last, 1), self.scalar(1e-6)])
        normed = self.node("Div", [centered, self.node("Sqrt", [variance])])
        return self.node("Add", [self.node("Mul", [normed, gain]), shift])

    def dense(self, x: str, cin: int, cout: int) -> str:
        bias = self.constant(self._random.normal(0, 0.1, cout), "float32")
        return self.node(
            "Add", [self.node("MatMul", [x, self.weight((cin, cout), cin, 1.0)]), bias]
        )

    def attention(self, x: str) -> str:
        count, size = (SIZE // _PATCH) ** 2 + 1, _WIDTH // _HEADS
        x = self.dense(x, _WIDTH, 3 * _WIDTH)
        x = self.node("Reshape", [x, self.shape(x, [count, 3, _HEADS, size])])
        x = self.node("Transpose", [x], perm=[2, 0, 3, 1, 4])
        q, k, v = (self.node("Gather", [x, self.constant(i)], axis=0) for i in range(3))
        k = self.node("Transpose", [k], perm=[0, 1, 3, 2])
        scores = self.scaled(self.node("MatMul", [q, k]), size**-0.5)
        x = self.node("MatMul", [self.softmax(scores, rank=4), v])
        x = self.node("Transpose", [x], perm=[0, 2, 1, 3])
        x = self.node("Reshape", [x, self.shape(x, [count, _WIDTH])])
        return self.dense(x, _WIDTH, _WIDTH)

    def mlp(self, x: str) -> str:
        x = self.gelu(self.dense(x, _WIDTH, 2 * _WIDTH))
        return self.dense(x, 2 * _WIDTH, _WIDTH)


def decoder(opset: int = 11, form: str = "deconv") -> onnx.ModelProto:
    """Down, up again and joined: ``form`` ``deconv`` by ConvTranspose, ``resize`` by Resize.

    Source of the shape: Ronneberger et al. 2015, arXiv:1505.04597, figure 1.
    """
    b = BlockBuilder(opset, form)
    low = b.unit("input", 3, 12, 3, 2)
    x = b.unit(low, 12, 24, 3, 2)
    if form == "deconv":
        weight = b.weight((24, 12, 2, 2), 24)
        bias = b.constant(np.zeros(12), "float32")
        x = b.node("ConvTranspose", [x, weight, bias], kernel_shape=[2, 2], strides=[2, 2])
        x = b.node("Relu", [b.norm(x, 12)])
    else:
        x = _doubled(b, b.unit(x, 24, 12))
    x = b.unit(b.node("Concat", [low, x], axis=1), 24, 32, 3, 2)
    y = b.head(x, 32, CLASSES)
    return b.model({"input": [1, 3, SIZE, SIZE]}, {"output": (y, [1, CLASSES])})


def _doubled(b: BlockBuilder, x: str) -> str:
    scales = [1.0, 1.0, 2.0, 2.0]
    if b.opset < 9:
        return b.node("Upsample", [x], mode="nearest", scales=scales)
    factors = b.constant(scales, "float32")
    if b.opset < 11:
        return b.node("Upsample" if b.opset < 10 else "Resize", [x, factors], mode="nearest")
    inputs = [x, "" if b.opset >= 13 else b.constant([], "float32"), factors]
    extra = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return b.node("Resize", inputs, mode="nearest", **extra)


def activations(opset: int = 11, form: str = "prelu") -> onnx.ModelProto:
    """A plain residual net; ``form`` is its activation.

    ``prelu``, ``swish``, ``mish``, or the name of an ONNX operator such as ``LeakyRelu``.
    """
    b = BlockBuilder(opset, form)

    def act(x: str, channels: int) -> str:
        return b.prelu(x, channels) if form == "prelu" else b.act(x, form)

    x = act(b.unit("input", 3, 16, 3, 2, act="none"), 16)
    for cin, cout, stride in ((16, 24, 2), (24, 24, 1), (24, 40, 2)):
        y = act(b.unit(x, cin, cin, act="none"), cin)
        y = act(b.unit(y, cin, cin, 3, stride, groups=cin, act="none"), cin)
        y = b.unit(y, cin, cout, act="none")
        x = b.node("Add", [x, y]) if stride == 1 else y
    y = b.head(act(b.unit(x, 40, 64, act="none"), 64), 64, CLASSES)
    return b.model({"input": [1, 3, SIZE, SIZE]}, {"output": (y, [1, CLASSES])})
