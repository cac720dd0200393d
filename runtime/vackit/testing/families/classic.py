# SPDX-License-Identifier: Apache-2.0
"""Small but true ResNet, RegNet, SqueezeNet, DenseNet, Inception, VGG and their like."""

import onnx

from vackit.testing.families.blocks import BlockBuilder

CLASSES = 10
SIZE = 64


def _finish(builder: BlockBuilder, y: str, size: int = SIZE) -> onnx.ModelProto:
    return builder.model({"input": [1, 3, size, size]}, {"output": (y, [1, CLASSES])})


def resnet(opset: int = 13, form: str = "basic") -> onnx.ModelProto:
    """Residual sums; ``form`` is ``basic``, ``bottleneck``, ``resnext`` or ``preact``.

    Source: He et al. 2015, arXiv:1512.03385, figure 5; He et al. 2016, arXiv:1603.05027,
    figure 4 (``preact``); Xie et al. 2017, arXiv:1611.05431, figure 3 (``resnext``).
    """
    b = BlockBuilder(opset, form)
    x = b.pool("MaxPool", b.unit("input", 3, 16, 7, 2), 3, 2, 1)
    for cin, cout, stride in ((16, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1)):
        x = (
            _pre_activated(b, x, cin, cout, stride)
            if form == "preact"
            else (_residual(b, x, cin, cout, stride))
        )
    return _finish(b, b.head(x, 64, CLASSES))


def _residual(b: BlockBuilder, x: str, cin: int, cout: int, stride: int) -> str:
    if b.form == "basic":
        y = b.unit(b.unit(x, cin, cout, 3, stride), cout, cout, 3, act="none")
    else:
        mid = cout // 2
        groups = 4 if b.form == "resnext" else 1
        y = b.unit(b.unit(x, cin, mid), mid, mid, 3, stride, groups)
        y = b.unit(y, mid, cout, act="none")
    if stride != 1 or cin != cout:
        x = b.unit(x, cin, cout, 1, stride, act="none")
    return b.node("Relu", [b.node("Add", [y, x])])


def _pre_activated(b: BlockBuilder, x: str, cin: int, cout: int, stride: int) -> str:
    y = b.node("Relu", [b.norm(x, cin)])
    if stride != 1 or cin != cout:
        x = b.bare_conv(y, cin, cout, 1, stride)
    y = b.unit(y, cin, cout, 3, stride)
    return b.node("Add", [b.bare_conv(y, cout, cout, 3), x])


def regnet(opset: int = 12, form: str = "y") -> onnx.ModelProto:
    """Grouped 3x3 bottlenecks, with squeeze-excite in form ``y``.

    Source: Radosavovic et al. 2020, arXiv:2003.13678, figure 4 and section 5.
    """
    b = BlockBuilder(opset, form)
    x = b.unit("input", 3, 16, 3, 2)
    for cin, cout, stride in ((16, 24, 2), (24, 24, 1), (24, 48, 2), (48, 48, 1)):
        y = b.unit(b.unit(x, cin, cout), cout, cout, 3, stride, groups=cout // 8)
        y = b.squeeze_excite(y, cout, cin // 4, "soft") if form == "y" else y
        y = b.unit(y, cout, cout, act="none")
        x = b.unit(x, cin, cout, 1, stride, act="none") if stride == 2 else x
        x = b.node("Relu", [b.node("Add", [x, y])])
    return _finish(b, b.head(x, 48, CLASSES))


def squeezenet(opset: int = 9, form: str = "softmax") -> onnx.ModelProto:
    """Fire modules; the classifier is a convolution, then pooling, then ``form``'s end.

    ``form`` ``softmax`` ends in a Softmax of the 4-axis scores and a Reshape, ``logits`` in
    a Flatten.
    Source: Iandola et al. 2016, arXiv:1602.07360, figure 1 and table 1.
    """
    b = BlockBuilder(opset, form, batch_norm=False)
    x = b.pool("MaxPool", b.unit("input", 3, 32, 3, 2), 3, 2)
    cin = 32
    for squeeze, expand in ((8, 32), (8, 32), (16, 64)):
        s = b.unit(x, cin, squeeze)
        x = b.node("Concat", [b.unit(s, squeeze, expand), b.unit(s, squeeze, expand, 3)], axis=1)
        cin = 2 * expand
    x = b.node("Relu", [b.plain_conv(b.dropout(x), cin, CLASSES)])
    x = b.node("GlobalAveragePool", [x])
    if form == "softmax":
        # over axes 1 to 3 before opset 13, of which only the channels are longer than 1
        x = b.node("Softmax", [x], axis=1)
        return _finish(b, b.node("Reshape", [x, b.constant([1, CLASSES])]))
    return _finish(b, b.node("Flatten", [x]))


def densenet(opset: int = 9, form: str = "norm") -> onnx.ModelProto:
    """Dense blocks: BatchNormalization and ReLU before each convolution, Concat after.

    ``form`` ``zoo`` follows each BatchNormalization by Mul and Add, as Caffe's Scale
    becomes, and classifies by a 1x1 convolution.
    Source: Huang et al. 2017, arXiv:1608.06993, figures 1 and 2.
    """
    b = BlockBuilder(opset, form)

    def norm_relu(x: str, channels: int) -> str:
        x = b.norm(x, channels)
        if form == "zoo":
            gain = b.constant(b._random.uniform(0.5, 1.5, (channels, 1, 1)), "float32")
            shift = b.constant(b._random.normal(0, 0.1, (channels, 1, 1)), "float32")
            x = b.node("Add", [b.node("Mul", [x, gain]), shift])
        return b.node("Relu", [x])

    channels, growth = 16, 12
    x = b.pool("MaxPool", b.unit("input", 3, channels, 7, 2), 3, 2, 1)
    for block in range(2):
        for _ in range(3):
            y = b.bare_conv(norm_relu(x, channels), channels, 4 * growth)
            y = b.bare_conv(norm_relu(y, 4 * growth), 4 * growth, growth, 3)
            x = b.node("Concat", [x, y], axis=1)
            channels += growth
        if block == 0:
            x = b.bare_conv(norm_relu(x, channels), channels, channels // 2)
            x, channels = b.pool("AveragePool", x, 2, 2), channels // 2
    x = norm_relu(x, channels)
    if form == "zoo":
        x = b.plain_conv(b.node("GlobalAveragePool", [x]), channels, CLASSES)
        return _finish(b, b.node("Flatten", [x]))
    return _finish(b, b.head(x, channels, CLASSES))


def inception(opset: int = 11, form: str = "v1") -> onnx.ModelProto:
    """Four branches and a Concat; ``form`` ``v1`` has LRN, ``v3`` factorized kernels.

    Source: Szegedy et al. 2014, arXiv:1409.4842, figure 2; 2015, arXiv:1512.00567, figure 6.
    """
    b = BlockBuilder(opset, form, batch_norm=form == "v3")
    x = b.pool("MaxPool", b.unit("input", 3, 16, 7, 2), 3, 2, 1)
    if form == "v1":
        x = b.node("LRN", [x], size=5, alpha=1e-4, beta=0.75, bias=1.0)
    cin = 16
    for _ in range(2):
        one = b.unit(x, cin, 12)
        three = b.unit(b.unit(x, cin, 8), 8, 16, 3)
        if form == "v3":
            five = b.unit(b.unit(b.unit(x, cin, 8), 8, 8, 3), 8, 12, 3)
            pooled = b.unit(b.pool("AveragePool", x, 3, 1, 1), cin, 8)
        else:
            five = b.unit(b.unit(x, cin, 4), 4, 12, 5)
            pooled = b.unit(b.pool("MaxPool", x, 3, 1, 1), cin, 8)
        x, cin = b.node("Concat", [one, three, five, pooled], axis=1), 48
    return _finish(b, b.head(x, cin, CLASSES))


def vgg(opset: int = 7, form: str = "dropout") -> onnx.ModelProto:
    """Stacked 3x3 convolutions, pooling, and three Gemms on the flattened picture.

    ``form`` ``reshape`` flattens by a Reshape to a fixed shape.
    Source: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1.
    """
    b = BlockBuilder(opset, form, batch_norm=False)
    x, cin = "input", 3
    for cout in (8, 16, 32):
        x = b.unit(x, cin, cout, 3)
        x = b.pool("MaxPool", b.unit(x, cout, cout, 3), 2, 2)
        cin = cout
    flat = 32 * (SIZE // 8) ** 2
    x = (
        b.node("Reshape", [x, b.constant([1, flat])])
        if form == "reshape"
        else (b.node("Flatten", [x]))
    )
    for size in (64, 64):
        x, flat = b.dropout(b.node("Relu", [b.linear(x, flat, size)])), size
    return _finish(b, b.softmax(b.linear(x, flat, CLASSES)))
