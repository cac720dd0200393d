# SPDX-License-Identifier: Apache-2.0
"""Make the int8 form of a float model: place, calibrate, insert, and record what was done."""

import logging
from typing import Any

import onnx

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.calibration.ranges import Ranges, measure_ranges
from vackit.compiler.graph import copy_model
from vackit.compiler.joining import join_concats
from vackit.compiler.placement import Placement, place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import ActivationScale, activation_scale
from vackit.config.build import Quantize
from vackit.console import progress

logger = logging.getLogger(__name__)


def quantize_model(
    model: onnx.ModelProto,
    quantize: Quantize,
    images: CalibrationSet,
    excluded: frozenset[str],
    where: object,
) -> tuple[dict[str, Any], onnx.ModelProto]:
    """Quantize ``model`` in place.

    Args:
        model: float32, opset 13 or newer.
        quantize: The build config's ``backend.quantize``.
        images: The calibration set.
        excluded: Names of nodes that stay float.
        where: What to name in errors: the model's file.

    Returns:
        The manifest's ``quantization``, and the float twin that the integer graph came from:
        the same node names, what every value is compared with.

    Raises:
        CalibrationError: The calibration set cannot be read, or holds or makes NaN.
    """
    placement = place(model, excluded)
    if not placement.groups:
        logger.warning("%s: no Conv, Gemm or MatMul to quantize: all stays float", where)
    samples = progress(images, "calibrating", len(images))
    measured = measure_ranges(model, list(placement.groups), samples, where)
    placement = join_concats(model.graph, placement, measured)
    ranges = merged(measured, placement)
    _warn_of_constants(ranges, where)
    by_group = {group: activation_scale(*bounds) for group, bounds in ranges.items()}
    scales: dict[str, ActivationScale] = {
        name: by_group[group] for name, group in placement.groups.items()
    }
    # what keeps the function (equalization) belongs above: the twin shows what is lost below
    twin = copy_model(model)
    insert_qdq(model, placement, scales, per_channel=quantize.quantize_per_channel)
    record = {
        "scheme": "static QDQ, activations uint8 asymmetric, weights int8 symmetric",
        "calibrate_mode": quantize.calibrate_mode,
        "per_channel": quantize.quantize_per_channel,
        "num_images": len(images),
        "images_sha256": images.sha256(),
        "float_nodes": sorted(excluded),
        "ranges": {name: list(bounds) for name, bounds in ranges.items()},
    }
    return record, twin


def merged(measured: Ranges, placement: Placement) -> Ranges:
    """Return one range per group of values that share a scale: what holds them all."""
    ranges: Ranges = {}
    for name, group in placement.groups.items():
        low, high = measured[name]
        before = ranges.get(group, (low, high))
        ranges[group] = (min(low, before[0]), max(high, before[1]))
    return ranges


def _warn_of_constants(ranges: Ranges, where: object) -> None:
    flat = [name for name, (low, high) in ranges.items() if low == high]
    if flat:
        logger.warning(
            "%s: %d values never change over the calibration set, e.g. '%s' (%g)",
            where,
            len(flat),
            flat[0],
            ranges[flat[0]][0],
        )
