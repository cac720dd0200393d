# SPDX-License-Identifier: Apache-2.0
"""Segment a folder of images with a compiled model.

Writes one PNG an image into --save_dir: 8-bit gray, each pixel the number of its class, in
the size of the original image. The model returns scores per class and pixel, or the classes.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp import load_vdsp_params
from vackit.console import progress
from vackit.devices.base import Program
from vackit.samples._common import (
    Size,
    fingerprint,
    image_graph,
    image_paths,
    load_program,
    misfit,
    sample_parser,
)
from vackit.samples._folder_result import FolderResult, result_names
from vackit.samples._placement import placement
from vackit.stream.provenance import provenance
from vackit.stream.stream import Stream

_MAX_CLASSES = 256


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sample; errors are raised as `vackit.errors` for runstream to print."""
    description = "Segment images with a compiled model: one class a pixel."
    args = sample_parser("sample_seg.py", description).parse_args(argv)
    vdsp = load_vdsp_params(args.vdsp_params_info)
    images = image_paths(args.file_path)
    sizes: dict[Path, Size] = {}
    with load_program(args) as program:
        _check(program)
        _, _, height, width = program.inputs[0].sample_shape
        graph = image_graph(program, vdsp, sizes.__setitem__)
        placement(vdsp, (1, 1), (height, width))  # says now what it would say of every image
        run = {**provenance(program, vdsp, args.batch), "images_sha256": fingerprint(images)}
        names = result_names(args.file_path, images, ".png")
        result = FolderResult(args.save_dir, run, names, force=args.force)
        pending = [images[index] for index in result.pending]
        with Stream(graph, workers=2, max_batch=args.batch, max_delay_us=None) as stream:
            outputs = zip(result.pending, stream.map(pending), strict=True)
            for index, (scores, *_) in progress(outputs, "sample_seg", len(pending)):
                place = placement(vdsp, sizes.pop(images[index]), (height, width))
                mask = place.mask_back(classes_of(scores[0]), (height, width))
                result.write(index, cv2.imencode(".png", mask)[1].tobytes())
        result.finish()
    print(f"{args.save_dir}: {len(images)} masks, {len(pending)} of them new")
    return 0


def classes_of(output: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the class of each pixel, (h, w).

    Args:
        output: Scores (classes, h, w), or the classes themselves, (h, w) or (1, h, w).
    """
    if output.ndim == 3 and output.shape[0] > 1:
        output = output.argmax(axis=0)
    return np.ascontiguousarray(output.reshape(output.shape[-2:]), dtype=np.uint8)


def _check(program: Program) -> None:
    shape = program.outputs[0].sample_shape[1:]
    if (
        len(shape) not in (2, 3)
        or min(shape[-2:]) < 2
        or (len(shape) == 3 and shape[0] > _MAX_CLASSES)
    ):
        raise misfit(program, f"a segmenter returns [N, classes up to {_MAX_CLASSES}, h, w]")


if __name__ == "__main__":
    sys.exit(main())
