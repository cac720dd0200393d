# SPDX-License-Identifier: Apache-2.0
"""Make the int8 form of a float model: place, calibrate, insert, and record what was done."""

import logging
from dataclasses import dataclass
from typing import Any

import onnx

from vackit.compiler.calibration.calibrate import calibrate
from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.calibration.ranges import Ranges
from vackit.compiler.fingerprints import fingerprints
from vackit.compiler.graph import copy_model
from vackit.compiler.joining import join_concats, join_sums
from vackit.compiler.placement import Placement, place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import (
    REDUCED_WEIGHT_MAX,
    WEIGHT_MAX,
    ActivationScale,
    activation_scale,
)
from vackit.compiler.refinement.refine import Refinement
from vackit.compiler.saturation import useful_ranges
from vackit.compiler.spreads import evened, spreads
from vackit.compiler.stem import float_stem
from vackit.config.build import Quantize

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Quantized:
    """What came of quantizing.

    Attributes:
        record: The manifest's ``quantization``.
        twin: The float graph that the integer graph came from: the same node names, what
            every value is compared with.
        table: What ``PREFIX.calibration.json`` holds.
    """

    record: dict[str, Any]
    twin: onnx.ModelProto
    table: dict[str, Any]


def quantize_model(
    model: onnx.ModelProto,
    quantize: Quantize,
    images: CalibrationSet,
    excluded: frozenset[str],
    where: object,
    *,
    use_cache: bool = True,
) -> Quantized:
    """Quantize ``model`` in place.

    Args:
        model: float32, opset 13 or newer.
        quantize: The build config's ``backend.quantize``.
        images: The calibration set.
        excluded: Names of nodes that stay float.
        where: What to name in errors: the model's file.
        use_cache: Go on from, and leave, calibration statistics in the cache folder.

    Raises:
        CalibrationError: The calibration set cannot be read, or holds or makes NaN.
    """
    placement = place(model, excluded)
    if not placement.groups:
        logger.warning("%s: no Conv, Gemm or MatMul to quantize: all stays float", where)
    limit = REDUCED_WEIGHT_MAX if quantize.reduce_range else WEIGHT_MAX
    refinement = Refinement(images, where, limit)
    spread = spreads(model, placement)
    refinement.before(model, placement, per_channel=quantize.quantize_per_channel)
    # what moves values about makes no new ones: the value it starts from tells their range
    names = [name for name, group in placement.groups.items() if name == group]
    calibration = calibrate(model, names, quantize, images, where, use_cache=use_cache)
    measured = {name: calibration.ranges[group] for name, group in placement.groups.items()}
    whole, measured = measured, useful_ranges(model, placement, measured, where)
    placement = join_concats(model.graph, placement, measured)
    placement = join_sums(model.graph, placement, measured)
    ranges = merged(measured, placement)
    by_group = {group: activation_scale(*bounds) for group, bounds in ranges.items()}
    scales: dict[str, ActivationScale] = {
        name: by_group[group] for name, group in placement.groups.items()
    }
    # what keeps the function stands above: the twin shows what is lost below
    twin = copy_model(model)
    insert_qdq(model, placement, scales, per_channel=quantize.quantize_per_channel, limit=limit)
    refinement.after(twin, model, placement, scales)
    record = {
        "scheme": "static QDQ, activations uint8 asymmetric, weights int8 symmetric",
        **calibration.summary,
        "per_channel": quantize.quantize_per_channel,
        "reduce_range": quantize.reduce_range,
        "refinement": refinement.record,
        "evened_weights": evened(spread, spreads(twin, placement)),
        "float_nodes": sorted(excluded),
        "float_stem": sorted(float_stem(twin.graph)),
        "cut_ranges": {n: list(whole[n]) for n in measured if measured[n] != whole[n]},
        "ranges": {name: list(bounds) for name, bounds in ranges.items()},
        "fingerprints": fingerprints(model.graph),
    }
    return Quantized(record, twin, calibration.table)


def merged(measured: Ranges, placement: Placement) -> Ranges:
    """Return one range per group of values that share a scale: what holds them all."""
    ranges: Ranges = {}
    for name, group in placement.groups.items():
        low, high = measured[name]
        before = ranges.get(group, (low, high))
        ranges[group] = (min(low, before[0]), max(high, before[1]))
    return ranges
