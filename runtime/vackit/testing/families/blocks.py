# SPDX-License-Identifier: Apache-2.0
"""Parts that the model families share, each in the form that its opset has."""

import numpy as np

from vackit.testing.graph_builder import GraphBuilder


class BlockBuilder(GraphBuilder):
    """A GraphBuilder that knows activations, squeeze-excite, norms and classifier heads.

    Args:
        opset: Of the default domain, 7 or newer.
        form: A family's own word for how its exporter writes things.
        seed: Of the weights.
        batch_norm: Keep BatchNormalization nodes, as exports of training graphs do.
    """

    def __init__(
        self, opset: int, form: str = "", seed: int = 0, *, batch_norm: bool = True
    ) -> None:
        super().__init__(opset, seed, batch_norm=batch_norm)
        self.form = form

    def scalar(self, value: float) -> str:
        """Add a float32 initializer without axes."""
        return self.constant(np.array(value), "float32")

    def clip(self, x: str, low: float, high: float) -> str:
        """Append a Clip, its bounds where the opset wants them."""
        if self.opset < 11:
            return self.node("Clip", [x], min=low, max=high)
        return self.node("Clip", [x, self.scalar(low), self.scalar(high)])

    def act(self, x: str, kind: str) -> str:
        """Append an activation.

        Args:
            x: Of any shape.
            kind: ``none``, ``relu``, ``relu6``, ``hswish`` (as an operator where the opset
                has it), ``hswish_mul`` (HardSigmoid times x), ``hswish_clip`` (written out),
                ``swish``, ``gelu``, ``mish``, or the name of an ONNX operator.
        """
        if kind == "none":
            return x
        if kind in ("relu", "relu6"):
            return self.node("Relu", [x]) if kind == "relu" else self.clip(x, 0.0, 6.0)
        if kind == "swish":
            return self.node("Mul", [x, self.node("Sigmoid", [x])])
        if kind == "gelu":
            return self.gelu(x)
        if kind == "mish":
            softplus = self.node("Softplus", [x])
            return self.node("Mul", [x, self.node("Tanh", [softplus])])
        return self.hard_swish(x, kind) if kind.startswith("hswish") else self.node(kind, [x])

    def hard_swish(self, x: str, kind: str) -> str:
        """Append x * clip(x + 3, 0, 6) / 6 (Howard et al. 2019, arXiv:1905.02244, 5.2)."""
        if kind == "hswish" and self.opset >= 14:
            return self.node("HardSwish", [x])
        if kind == "hswish_clip":
            gate = self.clip(self.node("Add", [x, self.scalar(3.0)]), 0.0, 6.0)
            return self.node("Div", [self.node("Mul", [x, gate]), self.scalar(6.0)])
        return self.node("Mul", [x, self.hard_sigmoid(x)])

    def hard_sigmoid(self, x: str) -> str:
        """Append clip(x / 6 + 1/2, 0, 1)."""
        return self.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)

    def gelu(self, x: str) -> str:
        """Append x * (1 + erf(x / sqrt 2)) / 2, with tanh where the opset has no Erf.

        Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2.
        """
        if self.opset >= 20:
            return self.node("Gelu", [x])
        if self.opset < 9:
            return self.node("Mul", [x, self.node("Sigmoid", [self.scaled(x, 1.702)])])
        erf = self.node("Erf", [self.node("Div", [x, self.scalar(2**0.5)])])
        gate = self.node("Add", [erf, self.scalar(1.0)])
        return self.scaled(self.node("Mul", [x, gate]), 0.5)

    def scaled(self, x: str, factor: float) -> str:
        """Append a product with a number."""
        return self.node("Mul", [x, self.scalar(factor)])

    def prelu(self, x: str, channels: int) -> str:
        """Append PRelu with a slope per channel."""
        slopes = self._random.uniform(0.05, 0.4, (channels, 1, 1))
        return self.node("PRelu", [x, self.constant(slopes, "float32")])

    def norm(self, x: str, channels: int) -> str:
        """Append BatchNormalization, whatever stands before it."""
        return self._norm(x, channels)

    def unit(
        self,
        x: str,
        cin: int,
        cout: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        act: str = "relu",
    ) -> str:
        """Append a convolution, its norm and its activation."""
        gain = 1.0 if act == "none" else 2.0
        return self.act(self.conv(x, cin, cout, kernel, stride, groups, gain=gain), act)

    def plain_conv(self, x: str, cin: int, cout: int, kernel: int = 1) -> str:
        """Append a convolution with a bias and no norm."""
        inputs = [
            x,
            self.weight((cout, cin, kernel, kernel), cin * kernel * kernel),
            self.constant(self._random.normal(0, 0.1, cout), "float32"),
        ]
        return self.node("Conv", inputs, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)

    def bare_conv(
        self, x: str, cin: int, cout: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> str:
        """Append a convolution without bias or norm."""
        weight = self.weight((cout, cin // groups, kernel, kernel), cin // groups * kernel**2)
        return self.node(
            "Conv",
            [x, weight],
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            group=groups,
        )

    def squeeze_excite(self, x: str, channels: int, reduced: int, gate: str = "hard") -> str:
        """Append a gate per channel (Hu et al. 2018, arXiv:1709.01507, section 3).

        Args:
            x: Image of ``channels``.
            channels: Its channels.
            reduced: Channels between the two 1x1 convolutions.
            gate: ``hard`` (HardSigmoid), ``clip`` (written out) or ``soft`` (Sigmoid).
        """
        pooled = (
            self.mean_hw(x, keepdims=1)
            if self.form == "mean"
            else self.node("GlobalAveragePool", [x])
        )
        hidden = self.plain_conv(pooled, channels, reduced)
        hidden = self.act(hidden, "swish" if gate == "soft" else "relu")
        made = self.plain_conv(hidden, reduced, channels)
        if gate == "clip":
            made = self.clip(self.node("Add", [made, self.scalar(3.0)]), 0.0, 6.0)
            made = self.node("Div", [made, self.scalar(6.0)])
        else:
            made = self.hard_sigmoid(made) if gate == "hard" else self.node("Sigmoid", [made])
        return self.node("Mul", [x, made])

    def pool(self, op: str, x: str, kernel: int, stride: int, pad: int = 0) -> str:
        """Append MaxPool or AveragePool."""
        return self.node(op, [x], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def dropout(self, x: str) -> str:
        """Append Dropout as inference exports carry it."""
        if self.opset < 12:
            return self.node("Dropout", [x], ratio=0.2)
        return self.node("Dropout", [x, self.scalar(0.2)])

    def linear(self, x: str, cin: int, cout: int) -> str:
        """Append Gemm with a bias."""
        weight = self.weight((cout, cin), cin, 1.0)
        bias = self.constant(self._random.normal(0, 0.1, cout), "float32")
        return self.node("Gemm", [x, weight, bias], transB=1)

    def head(self, x: str, cin: int, num_classes: int) -> str:
        """Append global pooling, Flatten, Dropout and a Gemm."""
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])])
        return self.linear(self.dropout(x), cin, num_classes)

    def softmax(self, x: str, axis: int = -1, rank: int = 2) -> str:
        """Append Softmax over the last axis; before opset 11 axes count from the front."""
        return self.node("Softmax", [x], axis=axis + rank if self.opset < 11 else axis)
