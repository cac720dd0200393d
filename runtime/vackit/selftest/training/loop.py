# SPDX-License-Identifier: Apache-2.0
"""One training run, seeded and on one CPU thread, and the count of right answers."""

import logging
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vackit.selftest.digits import CLASS_NAMES, DigitSet
from vackit.selftest.training.dataset import to_input, upsample
from vackit.selftest.training.model import ShuffleNetV2
from vackit.selftest.training.settings import Settings

log = logging.getLogger(__name__)


def make_deterministic(seed: int) -> None:
    """Make PyTorch give the same weights for the same seed, on one thread."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def build_model(settings: Settings) -> ShuffleNetV2:
    """Return the settings' network with fresh weights."""
    return ShuffleNetV2(settings.stage_repeats, settings.channels, len(CLASS_NAMES))


def train(settings: Settings, digits: DigitSet) -> ShuffleNetV2:
    """Train from scratch on ``digits`` and return the network after the last epoch.

    There is no early stopping and no choice between checkpoints, so no image but those in
    ``digits`` has any say in the result.
    """
    make_deterministic(settings.seed)
    model = build_model(settings)
    images = torch.from_numpy(to_input(upsample(digits.images, settings.input_size)))
    labels = torch.from_numpy(digits.labels.astype(np.int64))
    steps = math.ceil(len(labels) / settings.batch_size)
    optimizer = _optimizer(model, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_factor(step / steps, settings)
    )
    loss_function = nn.CrossEntropyLoss(label_smoothing=settings.label_smoothing)
    model.train()
    for epoch in range(settings.epochs):
        total = 0.0
        for batch in _batches(len(labels), settings.batch_size):
            loss = loss_function(model(augment(images[batch], settings)), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        log.info("epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, total / len(labels))
    return model.eval()


def rate_factor(epoch: float, settings: Settings) -> float:
    """Return what the learning rate is multiplied by: a linear warm-up, then half a cosine."""
    if epoch < settings.warmup_epochs:
        return (epoch + 0.1) / (settings.warmup_epochs + 0.1)
    span = max(settings.epochs - settings.warmup_epochs, 1e-9)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (epoch - settings.warmup_epochs) / span)))


def augment(images: Tensor, settings: Settings) -> Tensor:
    """Rotate, scale and shift each image by its own small random amounts.

    Args:
        images: (N, 3, S, S), float32; outside them is paper (-1).
        settings: The largest rotation, scale and shift, either way.
    """
    count, size = len(images), images.shape[-1]
    spread = torch.rand(4, count) * 2 - 1
    angle = spread[0] * math.radians(settings.rotation_degrees)
    factor = 1 + spread[1] * settings.scale
    # affine_grid counts in half widths
    shift = spread[2:] * (2 * settings.shift_pixels / size)
    cos, sin = torch.cos(angle) * factor, torch.sin(angle) * factor
    rows = (torch.stack((cos, -sin, shift[0]), 1), torch.stack((sin, cos, shift[1]), 1))
    grid = nn.functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    # sampled outside is 0, so paper must be 0 while sampling
    return nn.functional.grid_sample(images + 1, grid, align_corners=False) - 1


def predict(model: nn.Module, digits: DigitSet, size: int) -> NDArray[np.float32]:
    """Return the logits (N, classes) of ``digits``, without augmentation."""
    model.eval()
    with torch.inference_mode():
        logits: NDArray[np.float32] = model(
            torch.from_numpy(to_input(upsample(digits.images, size)))
        ).numpy()
    return logits


def count_correct(logits: NDArray[np.float32], digits: DigitSet) -> int:
    """Return how many of ``digits`` have the highest score at their own label."""
    return int((logits.argmax(axis=1) == digits.labels).sum())


def _optimizer(model: nn.Module, settings: Settings) -> torch.optim.SGD:
    """Return momentum SGD; biases and batch norms do not decay."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)


def _batches(count: int, size: int) -> Iterator[Tensor]:
    """Yield shuffled indices; a last batch of one, which batch norm cannot use, is left out."""
    yield from (part for part in torch.randperm(count).split(size) if len(part) > 1)
