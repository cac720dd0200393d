# SPDX-License-Identifier: Apache-2.0
"""Small but true classifiers of every common family, as their exporters write them.

Seeded weights, 64x64 inputs, ten classes: the block shapes are what the families have in
common with their full-size namesakes. `FAMILIES` names each with its form; ``build(name,
opset)`` makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import onnx

from vackit.testing.families import classic, mobile, others

# onnx's default-domain versions that change an operator of these families
OPSETS = (7, 9, 10, 11, 12, 13, 15, 17, 18, 21)


@dataclass(frozen=True)
class Family:
    """A builder, the form it is built in, and from which opset on there is one."""

    make: Callable[[int, str], onnx.ModelProto]
    form: str
    opset: int
    oldest: int = 7


FAMILIES = {
    "mobilenet_v1": Family(mobile.mobilenet_v1, "relu6", 9),
    "mobilenet_v3": Family(mobile.mobilenet_v3, "hswish", 17),
    "mobilenet_v3_mul": Family(mobile.mobilenet_v3, "hswish_mul", 11),
    "mobilenet_v3_clip": Family(mobile.mobilenet_v3, "hswish_clip", 11),
    "shufflenet_v1": Family(mobile.shufflenet_v1, "fixed", 9),
    "shufflenet_v1_free": Family(mobile.shufflenet_v1, "free", 13),
    "pp_lcnet": Family(mobile.pp_lcnet, "hswish_clip", 11),
    "pp_lcnet_v2": Family(mobile.pp_lcnet, "relu", 11),
    "ghostnet": Family(mobile.ghostnet, "slice", 11),
    "ghostnet_even": Family(mobile.ghostnet, "even", 13),
    "efficientnet": Family(mobile.efficientnet, "swish", 13),
    "efficientnet_lite": Family(mobile.efficientnet, "lite", 11),
    "resnet": Family(classic.resnet, "basic", 11),
    "resnet_bottleneck": Family(classic.resnet, "bottleneck", 13),
    "resnet_v2": Family(classic.resnet, "preact", 12),
    "resnext": Family(classic.resnet, "resnext", 13),
    "regnet_x": Family(classic.regnet, "x", 12),
    "regnet_y": Family(classic.regnet, "y", 13),
    "squeezenet": Family(classic.squeezenet, "softmax", 9),
    "squeezenet_logits": Family(classic.squeezenet, "logits", 12),
    "densenet": Family(classic.densenet, "norm", 11),
    "densenet_zoo": Family(classic.densenet, "zoo", 9),
    "inception_v1": Family(classic.inception, "v1", 9),
    "inception_v3": Family(classic.inception, "v3", 11),
    "vgg": Family(classic.vgg, "dropout", 7),
    "vgg_reshape": Family(classic.vgg, "reshape", 9),
    "vit": Family(others.vit, "free", 17),
    "vit_fixed": Family(others.vit, "fixed", 12),
    "decoder": Family(others.decoder, "deconv", 11),
    "decoder_resize": Family(others.decoder, "resize", 11),
    "prelu": Family(others.activations, "prelu", 11),
    "leaky_relu": Family(others.activations, "LeakyRelu", 11),
    "elu": Family(others.activations, "Elu", 11),
    "swish": Family(others.activations, "swish", 13),
    "mish": Family(others.activations, "mish", 13),
}


def build(name: str, opset: int | None = None) -> onnx.ModelProto:
    """Return the model of a family, at its usual opset unless one is given.

    Args:
        name: A key of `FAMILIES`.
        opset: Of the default domain, at least the family's oldest.

    Returns:
        Input ``input`` [1, 3, 64, 64], output ``output`` [1, 10].
    """
    family = FAMILIES[name]
    return family.make(opset or family.opset, family.form)
