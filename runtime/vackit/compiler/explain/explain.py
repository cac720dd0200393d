# SPDX-License-Identifier: Apache-2.0
"""Explain an int8 artifact: measure, rank, find causes, try cures. Reads artifact and images."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vackit.artifact.manifest import Manifest
from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.explain.blocks import Block, find_blocks
from vackit.compiler.explain.cures import CureSearch, Found, advised, timed
from vackit.compiler.explain.explanation import Explanation
from vackit.compiler.explain.measure import measure
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.patches import Patch
from vackit.compiler.explain.rows import changes, make_rows
from vackit.compiler.explain.samples import Samples
from vackit.compiler.explain.sensitivity import Sensitivity, together
from vackit.compiler.explain.trials import Maker, Trial
from vackit.compiler.explain.twins import Twins
from vackit.config.build import Quantize
from vackit.console import progress

# on these few every block is measured by itself: as many runs as blocks times images
SENSITIVITY_IMAGES = 16


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
    record = manifest.quantization or {}
    cut = record.get("cut_ranges", {})
    measured = measure(twins, blocks, progress(samples, "comparing", len(samples)), labels, cut)
    few = [feeds for _, feeds in samples.few(SENSITIVITY_IMAGES)]
    noises = _at_outputs(twins, blocks, few)
    changed = changes(twins.integer.graph, record)
    rows = make_rows(blocks, measured.blocks, noises, record, changed)
    before = Trial(Patch(), measured.scores, together(list(measured.outputs.values())))
    maker = maker_of(manifest, twins, images, use_cache=wish.use_cache)
    found = Found(rows)
    if wish.num_cures:
        found = CureSearch(maker, samples, labels, before).search(rows, wish.num_cures)
    before, found, float_latency = timed(maker, before, found, few[0])
    return Explanation(
        prefix=twins.where,
        name=manifest.name,
        rows=found.rows,
        outputs=measured.outputs,
        num_sensitivity_images=len(few),
        before=before,
        together=found.together,
        advised=advised(before, found),
        float_latency=float_latency,
        images=str(images.root),
        evened=record.get("evened_weights", {}),
    )


def _at_outputs(
    twins: Twins, blocks: Sequence[Block], few: Sequence[Mapping[str, Any]]
) -> list[Noise]:
    sensitivity = Sensitivity(twins, few)
    return [sensitivity.of(block) for block in progress(blocks, "one by one", len(blocks))]


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
        reduce_range=bool(record.get("reduce_range", False)),
    )
