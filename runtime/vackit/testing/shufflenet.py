# SPDX-License-Identifier: Apache-2.0
"""ShuffleNetV2 with seeded weights, in the form in which each source exports it.

Source of the shape: Ma et al. 2018, arXiv:1807.11164, table 5 and figure 3. The forms are
how the channel shuffle and the channel split look in the ONNX that users have:

==============  ======  ============================================================
form            opset   channel split and shuffle
==============  ======  ============================================================
``torchvision``  13     Split; Reshape-Transpose-Reshape on five axes, batch fixed to 1
``slice``        11     two Slices (torch's ``chunk``); otherwise as torchvision
``gather``       13     two Gathers over index lists; batch -1
``mmcls``        11     Split; the shape of the Reshapes computed from Shape nodes
``ppcls``        10     Split; batch -1; no Flatten but a Reshape; MatMul and Add
``megvii``       11     shuffle before the block, on three axes, the halves by Gather
``zoo``          10     two Slices; the batch from Shape, all else constant; ReduceMean
==============  ======  ============================================================
"""

from dataclasses import dataclass

import onnx

from vackit.testing.graph_builder import GraphBuilder

WIDTHS = {
    "0.5": (24, 48, 96, 192, 1024),
    "1.0": (24, 116, 232, 464, 1024),
    "1.5": (24, 176, 352, 704, 1024),
    "2.0": (24, 244, 488, 976, 2048),
}
REPEATS = (4, 8, 4)


@dataclass(frozen=True)
class _Form:
    opset: int
    split: str = "split"  # split, slice, gather
    shuffle: str = "fixed"  # fixed, free, computed, batch, megvii
    classifier: str = "gemm"  # gemm, matmul


FORMS = {
    "torchvision": _Form(13),
    "slice": _Form(11, split="slice"),
    "gather": _Form(13, split="gather", shuffle="free"),
    "mmcls": _Form(11, shuffle="computed"),
    "ppcls": _Form(10, shuffle="free", classifier="matmul"),
    "megvii": _Form(11, shuffle="megvii"),
    "zoo": _Form(10, split="slice", shuffle="batch"),
}


def shufflenet_v2(
    form: str = "torchvision",
    width: str = "1.0",
    *,
    num_classes: int = 1000,
    size: int = 224,
    seed: int = 0,
    batch_norm: bool = True,
) -> onnx.ModelProto:
    """Build ShuffleNetV2.

    Args:
        form: A key of `FORMS`.
        width: A key of `WIDTHS`.
        num_classes: Length of the logits.
        size: Input height and width, a multiple of 32.
        seed: Of the weights.
        batch_norm: Keep BatchNormalization nodes, as exports of training graphs do.

    Returns:
        Input ``input`` [1, 3, size, size], output ``output`` [1, num_classes] (logits).
    """
    builder = _Builder(FORMS[form], seed, batch_norm=batch_norm)
    channels = WIDTHS[width]
    x = builder.relu_conv("input", 3, channels[0], kernel=3, stride=2)
    x = builder.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    height = size // 4
    for stage, repeats in enumerate(REPEATS):
        height //= 2
        x = builder.down(x, channels[stage], channels[stage + 1])
        if builder.form.shuffle != "megvii":
            x = builder.shuffle(x, channels[stage + 1], height)
        for _ in range(repeats - 1):
            x = builder.unit(x, channels[stage + 1], height)
    x = builder.relu_conv(x, channels[3], channels[4])
    y = builder.classify(x, channels[4], num_classes)
    return builder.model({"input": [1, 3, size, size]}, {"output": (y, [1, num_classes])})


class _Builder(GraphBuilder):
    def __init__(self, form: _Form, seed: int, *, batch_norm: bool) -> None:
        super().__init__(form.opset, seed, batch_norm=batch_norm)
        self.form = form

    def relu_conv(self, x: str, cin: int, cout: int, kernel: int = 1, stride: int = 1) -> str:
        return self.node("Relu", [self.conv(x, cin, cout, kernel, stride)])

    def branch(self, x: str, cin: int, mid: int, cout: int, stride: int) -> str:
        x = self.relu_conv(x, cin, mid)
        x = self.conv(x, mid, mid, 3, stride, groups=mid, gain=1.0)
        return self.relu_conv(x, mid, cout)

    def down(self, x: str, cin: int, cout: int) -> str:
        half = cout // 2
        # megvii keeps the input's width on the shortcut, which leaves cout - cin to the branch
        kept = cin if self.form.shuffle == "megvii" else half
        shortcut = self.conv(x, cin, cin, 3, 2, groups=cin, gain=1.0)
        shortcut = self.relu_conv(shortcut, cin, kept)
        main = self.branch(x, cin, half, cout - kept, 2)
        return self.node("Concat", [shortcut, main], axis=1)

    def unit(self, x: str, channels: int, height: int) -> str:
        half = channels // 2
        if self.form.shuffle == "megvii":
            kept, worked = self.shuffled_halves(x, channels, height)
        else:
            kept, worked = self.halves(x, half)
        joined = self.node("Concat", [kept, self.branch(worked, half, half, half, 1)], axis=1)
        if self.form.shuffle == "megvii":
            return joined
        return self.shuffle(joined, channels, height)

    def halves(self, x: str, half: int) -> list[str]:
        if self.form.split == "slice":
            return [self.slice(x, 0, half), self.slice(x, half, 2 * half)]
        if self.form.split == "gather":
            ranges = (range(half), range(half, 2 * half))
            return [self.node("Gather", [x, self.constant(list(r))], axis=1) for r in ranges]
        return self.split(x, [half, half])

    def shuffle(self, x: str, channels: int, height: int) -> str:
        half = channels // 2
        apart = self.shape(x, [2, half, height, height])
        x = self.node("Reshape", [x, apart])
        x = self.node("Transpose", [x], perm=[0, 2, 1, 3, 4])
        return self.node("Reshape", [x, self.shape(x, [channels, height, height])])

    def shape(self, x: str, rest: list[int]) -> str:
        """The shape argument of a Reshape: the batch in the form's way, then ``rest``."""
        if self.form.shuffle in ("fixed", "free"):
            return self.constant([1 if self.form.shuffle == "fixed" else -1, *rest])
        whole = self.node("Shape", [x])
        parts = [self.axis_of(whole, 0)]
        if self.form.shuffle == "computed" and len(rest) > 2:
            parts += [self.constant([dim]) for dim in rest[:-2]]
            parts += [self.axis_of(whole, axis) for axis in (-2, -1)]
        else:
            parts.append(self.constant(rest))
        return self.node("Concat", parts, axis=0)

    def axis_of(self, shape: str, axis: int) -> str:
        # opset 10 has no negative indices: count from the front of what is known to be there
        index = self.constant(axis if axis >= 0 else 4 + axis if self.opset < 11 else axis)
        return self.unsqueeze(self.node("Gather", [shape, index], axis=0))

    def shuffled_halves(self, x: str, channels: int, height: int) -> list[str]:
        half, area = channels // 2, height * height
        x = self.node("Reshape", [x, self.constant([half, 2, area])])
        x = self.node("Transpose", [x], perm=[1, 0, 2])
        x = self.node("Reshape", [x, self.constant([2, -1, half, height, height])])
        return [self.node("Gather", [x, self.constant(i)], axis=0) for i in (0, 1)]

    def classify(self, x: str, cin: int, num_classes: int) -> str:
        if self.opset < 11 and self.form.classifier == "gemm":
            x = self.mean_hw(x)
        else:
            x = self.node("GlobalAveragePool", [x])
            flat = self.form.classifier == "gemm"
            x = self.node("Flatten", [x]) if flat else self.reshape_flat(x, cin)
        bias = self.constant([0.0] * num_classes, "float32")
        if self.form.classifier == "gemm":
            weight = self.weight((num_classes, cin), cin)
            return self.node("Gemm", [x, weight, bias], transB=1)
        return self.node(
            "Add", [self.node("MatMul", [x, self.weight((cin, num_classes), cin)]), bias]
        )

    def reshape_flat(self, x: str, cin: int) -> str:
        return self.node("Reshape", [x, self.constant([-1, cin])])
