# SPDX-License-Identifier: Apache-2.0
"""Calibrate: a model and its calibration set become a range per value, and a table.

Reads and writes the calibration cache; logs what the set lacks.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from vackit.compiler.calibration.advice import (
    constant_values,
    growth,
    missing_classes,
    too_few_images,
)
from vackit.compiler.calibration.cache import StatisticsCache, content_key
from vackit.compiler.calibration.collect import Collector, State
from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.calibration.modes import DEFAULT_CALIBRATE_RANGE, choose_range
from vackit.compiler.calibration.ranges import Ranges, ranges_of
from vackit.compiler.calibration.statistics import Statistics, samples_per_image
from vackit.compiler.calibration.table import TABLE_VERSION, method, value_rows
from vackit.compiler.emit import signature
from vackit.compiler.memory import give_back
from vackit.config.build import Quantize
from vackit.console import progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Calibration:
    """The outcome.

    Attributes:
        ranges: Per value, as the mode chose them.
        extremes: Per value its smallest and largest element.
        table: What ``PREFIX.calibration.json`` holds.
        summary: What the manifest's ``quantization`` holds of it.
    """

    ranges: Ranges
    extremes: Ranges
    table: dict[str, Any]
    summary: dict[str, Any]


def calibrate(
    model: onnx.ModelProto,
    names: Sequence[str],
    quantize: Quantize,
    images: CalibrationSet,
    where: object,
    *,
    use_cache: bool = True,
) -> Calibration:
    """Return the range of each named value over the images, by the config's mode.

    Statistics are the same for all modes: with the cache, another mode costs no run.

    Args:
        model: float32; left as it is.
        names: Values of its main graph, inputs included.
        quantize: Its ``calibrate_mode`` and ``calibrate_range`` choose.
        images: The calibration set.
        where: What to name in messages: the model's file.
        use_cache: Go on from, and leave, statistics in the cache folder.

    Raises:
        CalibrationError: The set cannot be read, or holds or makes NaN or infinity.
    """
    state = _statistics(model, names, images, where, use_cache)
    give_back()
    notes = _notes(model, names, images, state)
    for note in notes:
        logger.warning("%s: %s", where, note)
    extremes = ranges_of(names, state.total)
    ranges = _chosen(names, model, quantize, state.total)
    summary = {
        "calibrate_mode": quantize.calibrate_mode,
        **_share(quantize),
        "num_images": len(images),
        "images_sha256": images.sha256(),
    }
    table = {
        "format_version": TABLE_VERSION,
        **summary,
        "method": {**method(), "samples_per_image": state.total.samples},
        "growth_over_last_quarter": round(growth(state), 6),
        "notes": notes,
        "values": value_rows(names, state.total, ranges),
    }
    return Calibration(ranges, extremes, table, summary)


def _statistics(
    model: onnx.ModelProto,
    names: Sequence[str],
    images: CalibrationSet,
    where: object,
    use_cache: bool,
) -> State:
    samples = samples_per_image(len(images))
    fresh = State(Statistics(len(names), samples))
    if not names:
        return fresh
    if not use_cache:
        _collect(model, names, images, where, fresh, None)
        return fresh
    key = content_key(model, names, images.sha256(), images.describe())
    cache = StatisticsCache(key)
    state = cache.load(len(names), len(images), samples) or fresh
    done = state.total.num_images
    if done == len(images):
        logger.info("calibration statistics come from %s", cache.path)
        cache.touch()
        return state
    if done:
        logger.info("calibration goes on after %d of %d images", done, len(images))
    _collect(model, names, images, where, state, cache)
    return state


def _collect(
    model: onnx.ModelProto,
    names: Sequence[str],
    images: CalibrationSet,
    where: object,
    state: State,
    cache: StatisticsCache | None,
) -> None:
    collector = Collector(model, names, where, samples=state.total.samples)
    done = state.total.num_images
    samples = progress(images.starting_at(done), "calibrating", len(images) - done)
    if cache is None:
        collector.collect(iter(samples), len(images), state)
    else:
        collector.collect(iter(samples), len(images), state, cache.save)


def _chosen(
    names: Sequence[str], model: onnx.ModelProto, quantize: Quantize, stats: Statistics
) -> Ranges:
    """Return each value's range.

    The model's inputs keep their extremes: the preprocessing bounds them, and what is
    saturated there is lost to every node behind. So does in ``kl_divergence`` what a Clip
    has bounded (ReLU6): its upper end carries much of the signal, which the divergence does
    not see (docs/calibration.md).
    """
    mode = quantize.calibrate_mode
    bounded = {value.name for value in model.graph.input}
    if mode == "kl_divergence":
        clips = (node for node in model.graph.node if node.op_type == "Clip")
        bounded.update(node.output[0] for node in clips)
    return {
        name: choose_range(
            "max" if name in bounded else mode,
            float(stats.low[index]),
            float(stats.high[index]),
            stats.histogram(index),
            quantize.calibrate_range,
        )
        for index, name in enumerate(names)
    }


def _notes(
    model: onnx.ModelProto, names: Sequence[str], images: CalibrationSet, state: State
) -> list[str]:
    notes = [too_few_images(state)] if names else []
    notes.append(missing_classes(images.root, images.paths, signature(model)[1]))
    if flat := constant_values(names, state):
        noun = "value never changes" if len(flat) == 1 else "values never change"
        notes.append(f"{len(flat)} {noun} over the calibration set, e.g. '{flat[0]}'")
    return [note for note in notes if note]


def _share(quantize: Quantize) -> dict[str, float]:
    if quantize.calibrate_mode != "percentile":
        return {}
    share = quantize.calibrate_range
    return {"calibrate_range": DEFAULT_CALIBRATE_RANGE if share is None else share}
