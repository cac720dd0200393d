# SPDX-License-Identifier: Apache-2.0
"""ShuffleNetV2 in PyTorch: channel split, channel shuffle, depthwise convolutions.

Source:
    Ma et al. 2018, arXiv:1807.11164, figure 3 (c) and (d), table 5.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """Return a convolution with batch norm, padded so that stride 1 keeps the size."""
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def conv_bn_relu(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    """Return a convolution with batch norm and ReLU."""
    return nn.Sequential(conv_bn(inputs, outputs, kernel, stride), nn.ReLU(inplace=True))


def depthwise(channels: int, stride: int) -> nn.Module:
    """Return a 3x3 depthwise convolution with batch norm and, as always here, no ReLU."""
    return conv_bn(channels, channels, 3, stride, groups=channels)


def channel_shuffle(x: Tensor, groups: int = 2) -> Tensor:
    """Interleave the channels of ``groups`` blocks: (a0 a1 b0 b1) becomes (a0 b0 a1 b1)."""
    _, channels, height, width = x.shape
    # whole numbers, so that the exported Reshape holds constants and any batch size fits
    height, width = int(height), int(width)
    x = x.reshape(-1, groups, int(channels) // groups, height, width)
    return x.transpose(1, 2).reshape(-1, int(channels), height, width)


class BasicUnit(nn.Module):
    """Stride 1: one half of the channels passes by, the other is convolved."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.half = half = channels // 2
        self.branch = nn.Sequential(
            conv_bn_relu(half, half, 1), depthwise(half, 1), conv_bn_relu(half, half, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        # `chunk` would have the exporter compute the sizes in the graph
        kept, convolved = x.split(self.half, dim=1)
        return channel_shuffle(torch.cat((kept, self.branch(convolved)), dim=1))


class DownUnit(nn.Module):
    """Stride 2: both branches are convolved, no split; the channels change."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.shortcut = nn.Sequential(depthwise(inputs, 2), conv_bn_relu(inputs, half, 1))
        self.branch = nn.Sequential(
            conv_bn_relu(inputs, half, 1), depthwise(half, 2), conv_bn_relu(half, half, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, outputs, H / 2, W / 2)."""
        return channel_shuffle(torch.cat((self.shortcut(x), self.branch(x)), dim=1))


class ShuffleNetV2(nn.Module):
    """The network for small images: the stem's convolution keeps the size.

    Args:
        repeats: Units of each stage, the first of them with stride 2.
        channels: Of the stem, of each stage, of the last convolution.
        num_classes: Width of the output.
    """

    def __init__(self, repeats: Sequence[int], channels: Sequence[int], num_classes: int) -> None:
        super().__init__()
        stem, *stages, last = channels
        self.stem = nn.Sequential(conv_bn_relu(3, stem, 3), nn.MaxPool2d(3, stride=2, padding=1))
        units: list[nn.Module] = []
        width = stem
        for count, outputs in zip(repeats, stages, strict=True):
            units += [DownUnit(width, outputs), *(BasicUnit(outputs) for _ in range(count - 1))]
            width = outputs
        self.stages = nn.Sequential(*units)
        self.last = conv_bn_relu(width, last, 1)
        self.classifier = nn.Linear(last, num_classes)
        self.apply(_initialize)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (N, 3, H, W), float32, to logits (N, num_classes)."""
        features = self.last(self.stages(self.stem(x)))
        return self.classifier(features.mean((2, 3)))


def _initialize(module: nn.Module) -> None:
    """Draw weights: He et al. 2015 (arXiv:1502.01852) by fan-out, a small last layer."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
