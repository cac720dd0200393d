# SPDX-License-Identifier: Apache-2.0
"""Explain an int8 artifact: measure, rank, find causes, try cures. Reads artifact and images."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vackit.artifact.manifest import Manifest
from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.explain.blocks import Block, find_blocks
from vackit.compiler.explain.causes import find_causes
from vackit.compiler.explain.cures import CureSearch, Found
from vackit.compiler.explain.evidence import Evidence
from vackit.compiler.explain.explanation import Explanation, Row
from vackit.compiler.explain.measure import Measurement, measure
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.patches import Patch
from vackit.compiler.explain.ranking import severity
from vackit.compiler.explain.samples import Samples
from vackit.compiler.explain.sensitivity import Sensitivity, together
from vackit.compiler.explain.sessions import interleaved_medians_ms
from vackit.compiler.explain.trials import Maker, Trial
from vackit.compiler.explain.twins import Twins
from vackit.config.build import Quantize
from vackit.console import progress

# on these few every block is measured by itself: as many runs as blocks times images
SENSITIVITY_IMAGES = 16
LATENCY_ROUNDS = 31


@dataclass(frozen=True)
class Wish:
    """How much to explain.

    Attributes:
        num_cures: For how many of the worst blocks patches are tried; 0: none.
        use_cache: Go on from, and leave, calibration statistics in the cache folder.
    """

    num_cures: int = 3
    use_cache: bool = True


def explain(
    manifest: Manifest,
    twins: Twins,
    images: CalibrationSet,
    labels: Mapping[str, int],
    wish: Wish = Wish(),
) -> Explanation:
    """Explain an int8 artifact on some images.

    Args:
        manifest: Of the artifact.
        twins: Its graphs.
        images: From `vackit.compiler.explain.images.open_images`.
        labels: True class by the path of an image; empty where they are not known.
        wish: How much to explain.

    Raises:
        ArtifactError: The graphs are not twins.
        DataError: An image cannot be read.
        ModelError: ONNX Runtime does not run a graph.
    """
    blocks = find_blocks(twins)
    samples = Samples(images)
    measured = measure(twins, blocks, progress(samples, "comparing", len(samples)), labels)
    few = [feeds for _, feeds in samples.few(SENSITIVITY_IMAGES)]
    noises = _at_outputs(twins, blocks, few)
    evened = (manifest.quantization or {}).get("evened_weights", {})
    rows = _rows(blocks, measured, noises, evened)
    before = Trial(Patch(), measured.scores, together(list(measured.outputs.values())))
    found = Found(rows, before, None)
    if wish.num_cures:
        maker = maker_of(manifest, twins, images, use_cache=wish.use_cache)
        found = CureSearch(maker, samples, labels, before).search(rows, wish.num_cures, few[0])
    graphs = [twins.integer, twins.floating]
    latencies = interleaved_medians_ms(graphs, few[0], twins.where, LATENCY_ROUNDS)
    return Explanation(
        prefix=twins.where,
        name=manifest.name,
        rows=found.rows,
        outputs=measured.outputs,
        scores=measured.scores,
        num_sensitivity_images=len(few),
        before=found.before,
        together=found.together,
        latency_ms=latencies[0],
        float_latency_ms=latencies[1],
        images=str(images.root),
        evened=evened,
    )


def _at_outputs(
    twins: Twins, blocks: Sequence[Block], few: Sequence[Mapping[str, Any]]
) -> list[Noise]:
    sensitivity = Sensitivity(twins, few)
    return [sensitivity.of(block) for block in progress(blocks, "one by one", len(blocks))]


def _rows(
    blocks: Sequence[Block],
    measured: Measurement,
    noises: Sequence[Noise],
    evened: Mapping[str, Mapping[str, Any]],
) -> tuple[Row, ...]:
    ranges, groups = _shared(blocks, measured)
    order = sorted(range(len(blocks)), key=lambda i: severity(i, measured.blocks[i], noises[i]))
    rows = []
    for rank, index in enumerate(order, 1):
        evidence = Evidence(blocks[index], measured.blocks[index], ranges, groups, evened)
        rows.append(
            Row(
                rank,
                index,
                blocks[index],
                measured.blocks[index],
                noises[index],
                evidence.weights_share,
                find_causes(evidence),
            )
        )
    return tuple(rows)


def _shared(
    blocks: Sequence[Block], measured: Measurement
) -> tuple[dict[str, tuple[float, float]], dict[str, list[str]]]:
    """Return each rounded value's range on the images, and the values of each scale."""
    ranges: dict[str, tuple[float, float]] = {}
    groups: dict[str, list[str]] = {}
    for block, statistics in zip(blocks, measured.blocks, strict=True):
        if block.step is not None:
            ranges[block.value] = (statistics.low, statistics.high)
            groups.setdefault(block.step.group, []).append(block.value)
    return ranges, groups


def maker_of(manifest: Manifest, twins: Twins, images: CalibrationSet, *, use_cache: bool) -> Maker:
    """Return what makes an artifact's graph anew, with changes."""
    excluded = frozenset((manifest.quantization or {}).get("float_nodes", ()))
    return Maker(twins, quantize_of(manifest), excluded, images, use_cache)


def quantize_of(manifest: Manifest) -> Quantize:
    """Return the ``backend.quantize`` that an artifact was built with, its nodes left out."""
    record = manifest.quantization or {}
    return dataclasses.replace(
        Quantize(),
        calibrate_mode=str(record.get("calibrate_mode", "max")),
        quantize_per_channel=bool(record.get("per_channel", True)),
        calibrate_range=record.get("calibrate_range"),
    )
