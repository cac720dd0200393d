# SPDX-License-Identifier: Apache-2.0
"""Small but true MobileNetV1 and V3, PP-LCNet, GhostNet, EfficientNet and ShuffleNetV1."""

import onnx

from vackit.testing.families.blocks import BlockBuilder

CLASSES = 10
SIZE = 64


def _finish(builder: BlockBuilder, y: str, size: int = SIZE) -> onnx.ModelProto:
    return builder.model({"input": [1, 3, size, size]}, {"output": (y, [1, CLASSES])})


def mobilenet_v1(opset: int = 13, form: str = "relu6") -> onnx.ModelProto:
    """Depthwise separable convolutions; ``form`` is the activation.

    Source: Howard et al. 2017, arXiv:1704.04861, table 1.
    """
    b = BlockBuilder(opset, form)
    x = b.unit("input", 3, 8, 3, 2, act=form)
    for cin, cout, stride in ((8, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)):
        x = b.unit(x, cin, cin, 3, stride, groups=cin, act=form)
        x = b.unit(x, cin, cout, act=form)
    return _finish(b, b.head(x, 64, CLASSES))


def mobilenet_v3(opset: int = 14, form: str = "hswish") -> onnx.ModelProto:
    """Inverted residuals with squeeze-excite; ``form`` is how hard-swish is written.

    Source: Howard et al. 2019, arXiv:1905.02244, table 2.
    """
    b = BlockBuilder(opset, form)
    gate = "clip" if form == "hswish_clip" else "hard"
    x = b.unit("input", 3, 16, 3, 2, act=form)
    rows = (
        (16, 16, 16, 3, 2, True, "relu"),
        (16, 48, 24, 3, 2, False, "relu"),
        (24, 64, 24, 3, 1, False, "relu"),
        (24, 72, 40, 5, 2, True, form),
        (40, 96, 40, 5, 1, True, form),
    )
    for cin, mid, cout, kernel, stride, excite, act in rows:
        y = b.unit(x, cin, mid, act=act)
        y = b.unit(y, mid, mid, kernel, stride, groups=mid, act=act)
        y = b.squeeze_excite(y, mid, 8, gate) if excite else y
        y = b.unit(y, mid, cout, act="none")
        x = b.node("Add", [x, y]) if stride == 1 and cin == cout else y
    x = b.node("GlobalAveragePool", [b.unit(x, 40, 96, act=form)])
    x = b.act(b.plain_conv(x, 96, 64), form)
    return _finish(b, b.linear(b.dropout(b.node("Flatten", [x])), 64, CLASSES))


def pp_lcnet(opset: int = 11, form: str = "hswish_clip") -> onnx.ModelProto:
    """Depthwise separable blocks, squeeze-excite in the last ones, wide 1x1 before the head.

    Source: Cui et al. 2021, arXiv:2109.15099, table 1.
    """
    b = BlockBuilder(opset, form)
    x = b.unit("input", 3, 8, 3, 2, act=form)
    rows = ((8, 16, 3, 1, False), (16, 32, 3, 2, False), (32, 64, 5, 2, True), (64, 64, 5, 1, True))
    for cin, cout, kernel, stride, excite in rows:
        x = b.unit(x, cin, cin, kernel, stride, groups=cin, act=form)
        x = b.squeeze_excite(x, cin, cin // 4) if excite else x
        x = b.unit(x, cin, cout, act=form)
    x = b.act(b.plain_conv(b.node("GlobalAveragePool", [x]), 64, 80), form)
    return _finish(b, b.linear(b.node("Flatten", [b.dropout(x)]), 80, CLASSES))


def ghostnet(opset: int = 11, form: str = "slice") -> onnx.ModelProto:
    """Half of each block's channels come from a cheap depthwise convolution, by Concat.

    ``form`` ``slice`` cuts the Concat to an odd width, as GhostNet's own code does.
    Source: Han et al. 2020, arXiv:1911.11907, figures 2 and 3.
    """
    b = BlockBuilder(opset, form)

    def ghost(x: str, cin: int, cout: int, act: str) -> str:
        half = (cout + 1) // 2
        primary = b.unit(x, cin, half, act=act)
        cheap = b.unit(primary, half, half, 3, groups=half, act=act)
        joined = b.node("Concat", [primary, cheap], axis=1)
        return b.slice(joined, 0, cout) if form == "slice" else joined

    x = b.unit("input", 3, 16, 3, 2)
    rows = ((16, 16, 16, 1, False), (16, 47, 24, 2, False), (24, 71, 24, 1, True))
    if form != "slice":
        rows = tuple((cin, mid + mid % 2, *rest) for cin, mid, *rest in rows)  # type: ignore[assignment]
    for cin, mid, cout, stride, excite in rows:
        y = ghost(x, cin, mid, "relu")
        y = b.unit(y, mid, mid, 3, 2, groups=mid, act="none") if stride == 2 else y
        y = b.squeeze_excite(y, mid, 8) if excite else y
        y = ghost(y, mid, cout, "none")
        if stride == 2 or cin != cout:
            x = b.unit(x, cin, cin, 3, stride, groups=cin, act="none")
            x = b.unit(x, cin, cout, act="none")
        x = b.node("Add", [y, x])
    return _finish(b, b.head(b.unit(x, 24, 64), 64, CLASSES))


def efficientnet(opset: int = 13, form: str = "swish") -> onnx.ModelProto:
    """Inverted residuals; ``form`` is ``swish`` (with squeeze-excite) or ``lite`` (ReLU6).

    Source: Tan and Le 2019, arXiv:1905.11946, table 1; the Lite variant drops
    squeeze-excite and replaces swish by ReLU6.
    """
    b = BlockBuilder(opset, "mean" if form == "swish" else form)
    act = "relu6" if form == "lite" else form
    x = b.unit("input", 3, 16, 3, 2, act=act)
    rows = ((16, 16, 16, 3, 1), (16, 96, 24, 3, 2), (24, 144, 24, 3, 1), (24, 144, 40, 5, 2))
    for cin, mid, cout, kernel, stride in rows:
        y = b.unit(x, cin, mid, act=act) if mid != cin else x
        y = b.unit(y, mid, mid, kernel, stride, groups=mid, act=act)
        y = b.squeeze_excite(y, mid, max(cin // 4, 4), "soft") if form != "lite" else y
        y = b.unit(y, mid, cout, act="none")
        x = b.node("Add", [b.dropout(y), x]) if stride == 1 and cin == cout else y
    return _finish(b, b.head(b.unit(x, 40, 96, act=act), 96, CLASSES))


def shufflenet_v1(opset: int = 9, form: str = "fixed") -> onnx.ModelProto:
    """Grouped 1x1 convolutions, channel shuffles, average pooling beside strided branches.

    ``form`` is how the shuffle's batch is written: ``fixed`` to 1 or ``free`` (-1).
    Source: Zhang et al. 2017, arXiv:1707.01083, figure 2 and table 1.
    """
    b = BlockBuilder(opset, form)
    groups, batch = 3, 1 if form == "fixed" else -1

    def shuffle(x: str, channels: int, size: int) -> str:
        apart = [batch, groups, channels // groups, size, size]
        x = b.node("Reshape", [x, b.constant(apart)])
        x = b.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
        return b.node("Reshape", [x, b.constant([batch, channels, size, size])])

    def block(x: str, cin: int, cout: int, size: int, stride: int, first: bool = False) -> str:
        mid = cout // 4
        made = cout - cin if stride == 2 else cout
        y = b.unit(x, cin, mid, groups=1 if first else groups)
        y = b.unit(shuffle(y, mid, size), mid, mid, 3, stride, groups=mid, act="none")
        y = b.unit(y, mid, made, groups=groups, act="none")
        if stride == 1:
            return b.node("Relu", [b.node("Add", [x, y])])
        pooled = b.pool("AveragePool", x, 3, 2, 1)
        return b.node("Relu", [b.node("Concat", [pooled, y], axis=1)])

    x = b.pool("MaxPool", b.unit("input", 3, 24, 3, 2), 3, 2, 1)
    x = block(x, 24, 60, SIZE // 4, 2, first=True)
    x = block(x, 60, 60, SIZE // 8, 1)
    x = block(x, 60, 120, SIZE // 8, 2)
    x = block(x, 120, 120, SIZE // 16, 1)
    return _finish(b, b.head(x, 120, CLASSES))
