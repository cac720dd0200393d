# SPDX-License-Identifier: Apache-2.0
"""MobileNetV2 with seeded weights, in the form in which each source exports it.

Source of the shape: Sandler et al. 2018, arXiv:1801.04381, table 2.

===============  ======  ===========================================================
form             opset   what is particular
===============  ======  ===========================================================
``torchvision``   13     ReduceMean over height and width, Gemm
``timm``          17     GlobalAveragePool, Flatten, Gemm
``mmcls``         11     batch fixed to 1 in the Reshape before the Gemm
``ppcls``         10     Clip with attributes, MatMul and Add
``keras``         13     NHWC input and a leading Transpose, one-sided padding on stride
                         2, ReLU6 as Relu and Min, ends in a Softmax
===============  ======  ===========================================================
"""

from dataclasses import dataclass

import numpy as np
import onnx

from vackit.testing.graph_builder import GraphBuilder

# expansion, output channels, repeats, stride
BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@dataclass(frozen=True)
class _Form:
    opset: int
    pool: str = "mean"  # mean, flatten, reshape
    classifier: str = "gemm"  # gemm, matmul
    keras: bool = False


FORMS = {
    "torchvision": _Form(13),
    "timm": _Form(17, pool="flatten"),
    "mmcls": _Form(11, pool="reshape"),
    "ppcls": _Form(10, pool="flatten", classifier="matmul"),
    "keras": _Form(13, classifier="matmul", keras=True),
}


def mobilenet_v2(
    form: str = "torchvision",
    *,
    num_classes: int = 1000,
    size: int = 224,
    seed: int = 0,
    batch_norm: bool = True,
) -> onnx.ModelProto:
    """Build MobileNetV2 1.0.

    Args:
        form: A key of `FORMS`.
        num_classes: Length of the output.
        size: Input height and width, a multiple of 32.
        seed: Of the weights.
        batch_norm: Keep BatchNormalization nodes, as exports of training graphs do.

    Returns:
        Input ``input`` [1, 3, size, size] ([1, size, size, 3] in the Keras form), output
        ``output`` [1, num_classes]: logits, in the Keras form probabilities.
    """
    builder = _Builder(FORMS[form], seed, batch_norm=batch_norm)
    x = "input"
    if builder.form.keras:
        x = builder.node("Transpose", [x], perm=[0, 3, 1, 2])
    x = builder.relu6(builder.strided(x, 3, 32, 3, 2))
    cin = 32
    for expansion, cout, repeats, stride in BLOCKS:
        for i in range(repeats):
            x = builder.block(x, cin, cout, expansion, stride if i == 0 else 1)
            cin = cout
    x = builder.relu6(builder.conv(x, cin, 1280))
    y = builder.classify(x, 1280, num_classes)
    shape = [1, size, size, 3] if builder.form.keras else [1, 3, size, size]
    return builder.model({"input": shape}, {"output": (y, [1, num_classes])})


class _Builder(GraphBuilder):
    def __init__(self, form: _Form, seed: int, *, batch_norm: bool) -> None:
        super().__init__(form.opset, seed, batch_norm=batch_norm)
        self.form = form

    def strided(
        self, x: str, cin: int, cout: int, kernel: int, stride: int, groups: int = 1
    ) -> str:
        # Keras pads stride-2 convolutions at the bottom and on the right only
        pads = (0, 0, 1, 1) if self.form.keras and stride == 2 else None
        return self.conv(x, cin, cout, kernel, stride, groups, pads)

    def relu6(self, x: str) -> str:
        if not self.form.keras:
            return self.clip6(x)
        six = self.constant(np.array(6.0), "float32")
        return self.node("Min", [self.node("Relu", [x]), six])

    def block(self, x: str, cin: int, cout: int, expansion: int, stride: int) -> str:
        mid = cin * expansion
        y = self.relu6(self.conv(x, cin, mid)) if expansion != 1 else x
        y = self.relu6(self.strided(y, mid, mid, 3, stride, groups=mid))
        y = self.conv(y, mid, cout, gain=1.0)
        return self.node("Add", [x, y]) if stride == 1 and cin == cout else y

    def classify(self, x: str, cin: int, num_classes: int) -> str:
        if self.form.pool == "mean":
            x = self.mean_hw(x)
        else:
            x = self.node("GlobalAveragePool", [x])
            flat = self.form.pool == "flatten"
            x = (
                self.node("Flatten", [x])
                if flat
                else self.node("Reshape", [x, self.constant([1, -1])])
            )
        bias = self.constant([0.0] * num_classes, "float32")
        if self.form.classifier == "gemm":
            return self.node("Gemm", [x, self.weight((num_classes, cin), cin, 1.0), bias], transB=1)
        y = self.node("MatMul", [x, self.weight((cin, num_classes), cin, 1.0)])
        y = self.node("Add", [y, bias])
        return self.node("Softmax", [y], axis=-1) if self.form.keras else y
