# SPDX-License-Identifier: Apache-2.0
"""Tiny ONNX models made in code: every test's input, the same bytes every time.

Each takes ``input`` float32 (N, 3, size, size) and returns ``output``. ``batch`` is the
first dimension as the exporter left it: ``"N"`` (symbolic) or a number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Batch = str | int


class Builder:
    """Collect nodes and seeded weights, then make a checked model of them."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node named after its output; return the output's name."""
        self.nodes.append(
            helper.make_node(op, list(inputs), [output], name=f"{output}_{op}", **attributes)
        )
        return output

    def weight(self, name: str, values: NDArray[Any]) -> str:
        """Append an initializer; return its name."""
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def normal(self, name: str, *shape: int, scale: float = 0.3) -> str:
        """Append a float32 initializer drawn from a normal distribution."""
        return self.weight(name, (self.rng.standard_normal(shape) * scale).astype(np.float32))

    def conv(
        self, source: str, output: str, channels: tuple[int, int], kernel: int = 3, **attrs: Any
    ) -> str:
        """Append a Conv with a bias that keeps the size; ``channels`` = (in, out)."""
        inside = channels[0] // attrs.get("group", 1)
        weight = self.normal(f"{output}.weight", channels[1], inside, kernel, kernel)
        bias = self.normal(f"{output}.bias", channels[1])
        attrs.setdefault("pads", [kernel // 2] * 4)
        return self.add(
            "Conv", [source, weight, bias], output, kernel_shape=[kernel, kernel], **attrs
        )

    def model(
        self,
        inputs: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, Sequence[Any]],
        opset: int = 13,
        ir_version: int = 8,
    ) -> onnx.ModelProto:
        """Return the model of what was added, float32 inputs and outputs, checked."""
        graph = helper.make_graph(
            self.nodes,
            "tiny",
            [_value(name, shape) for name, shape in inputs.items()],
            [_value(name, shape) for name, shape in outputs.items()],
            self.initializers,
        )
        model = helper.make_model(
            graph,
            producer_name="vackit.testing",
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=ir_version,
        )
        onnx.checker.check_model(model)
        return model


def _value(name: str, shape: Sequence[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def identity(batch: Batch = "N", size: int = 8) -> onnx.ModelProto:
    """Return a model whose output is its input, (N, 3, size, size)."""
    build = Builder()
    build.add("Identity", ["input"], "output")
    shape = [batch, 3, size, size]
    return build.model({"input": shape}, {"output": shape})


def conv(batch: Batch = "N", size: int = 8, opset: int = 13) -> onnx.ModelProto:
    """Return one Conv: output (N, 4, size, size)."""
    build = Builder(seed=1)
    build.conv("input", "output", (3, 4))
    return build.model({"input": [batch, 3, size, size]}, {"output": [batch, 4, size, size]}, opset)


def conv_bn_relu(batch: Batch = "N", size: int = 8, opset: int = 13) -> onnx.ModelProto:
    """Return Conv, BatchNormalization, Relu: output (N, 4, size, size)."""
    build = Builder(seed=2)
    build.conv("input", "conv", (3, 4))
    names = [build.normal(f"bn.{part}", 4) for part in ("scale", "bias", "mean")]
    variance = build.weight("bn.var", build.rng.uniform(0.5, 2, 4).astype(np.float32))
    build.add("BatchNormalization", ["conv", *names, variance], "bn", epsilon=1e-5)
    build.add("Relu", ["bn"], "output")
    return build.model({"input": [batch, 3, size, size]}, {"output": [batch, 4, size, size]}, opset)


def residual(batch: Batch = "N", size: int = 8) -> onnx.ModelProto:
    """Return Conv, Relu, Conv and an Add around the second: output (N, 8, size, size)."""
    build = Builder(seed=3)
    build.conv("input", "conv1", (3, 8))
    build.add("Relu", ["conv1"], "relu1")
    build.conv("relu1", "conv2", (8, 8))
    build.add("Add", ["relu1", "conv2"], "sum")
    build.add("Relu", ["sum"], "output")
    return build.model({"input": [batch, 3, size, size]}, {"output": [batch, 8, size, size]})


def shuffle_block(batch: Batch = "N", size: int = 8) -> onnx.ModelProto:
    """Return a ShuffleNetV2 unit: split, 1x1, depthwise, 1x1, concat, shuffle; 8 channels.

    A symbolic batch is written as 0 in the Reshape constants, a number as itself.
    """
    build = Builder(seed=4)
    build.conv("input", "stem", (3, 8))
    build.add("Relu", ["stem"], "stem_relu")
    build.weight("split", np.array([4, 4], np.int64))
    build.nodes.append(
        helper.make_node("Split", ["stem_relu", "split"], ["left", "right"], name="split", axis=1)
    )
    build.conv("right", "pw1", (4, 4), kernel=1)
    build.add("Relu", ["pw1"], "pw1_relu")
    build.conv("pw1_relu", "dw", (4, 4), group=4)
    build.conv("dw", "pw2", (4, 4), kernel=1)
    build.add("Relu", ["pw2"], "pw2_relu")
    build.add("Concat", ["left", "pw2_relu"], "joined", axis=1)
    first = batch if isinstance(batch, int) else 0
    build.weight("split_shape", np.array([first, 2, 4, size, size], np.int64))
    build.weight("join_shape", np.array([first, 8, size, size], np.int64))
    build.add("Reshape", ["joined", "split_shape"], "pairs")
    build.add("Transpose", ["pairs"], "swapped", perm=[0, 2, 1, 3, 4])
    build.add("Reshape", ["swapped", "join_shape"], "output")
    return build.model({"input": [batch, 3, size, size]}, {"output": [batch, 8, size, size]})


def classifier(
    batch: Batch = "N", size: int = 8, classes: int = 10, softmax: bool = False
) -> onnx.ModelProto:
    """Return Conv, Relu, global average, Gemm: output (N, classes) logits (or softmax)."""
    build = Builder(seed=5)
    build.conv("input", "conv", (3, 8))
    build.add("Relu", ["conv"], "relu")
    build.add("GlobalAveragePool", ["relu"], "pool")
    build.add("Flatten", ["pool"], "flat", axis=1)
    weight, bias = (
        build.normal("fc.weight", classes, 8, scale=1.0),
        build.normal("fc.bias", classes),
    )
    build.add("Gemm", ["flat", weight, bias], "logits" if softmax else "output", transB=1)
    if softmax:
        build.add("Softmax", ["logits"], "output", axis=-1)
    return build.model({"input": [batch, 3, size, size]}, {"output": [batch, classes]})


def two_outputs(batch: Batch = "N", size: int = 8) -> onnx.ModelProto:
    """Return ``output`` (N, 4) and ``features`` (N, 4, size, size), which is also used inside."""
    build = Builder(seed=6)
    build.conv("input", "conv", (3, 4))
    build.add("Relu", ["conv"], "features")
    build.add("GlobalAveragePool", ["features"], "pool")
    build.add("Flatten", ["pool"], "output", axis=1)
    return build.model(
        {"input": [batch, 3, size, size]},
        {"output": [batch, 4], "features": [batch, 4, size, size]},
    )


MODELS: dict[str, Callable[..., onnx.ModelProto]] = {
    "classifier": classifier,
    "conv": conv,
    "conv_bn_relu": conv_bn_relu,
    "identity": identity,
    "residual": residual,
    "shuffle_block": shuffle_block,
    "two_outputs": two_outputs,
}
