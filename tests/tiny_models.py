# SPDX-License-Identifier: Apache-2.0
"""The tiny models of `vackit.testing`, under the name that tests import."""

from vackit.testing.tiny_models import (
    MODELS,
    Builder,
    classifier,
    conv,
    conv_bn_relu,
    identity,
    residual,
    shuffle_block,
    two_outputs,
)

__all__ = [
    "MODELS",
    "Builder",
    "classifier",
    "conv",
    "conv_bn_relu",
    "identity",
    "residual",
    "shuffle_block",
    "two_outputs",
]
