# SPDX-License-Identifier: Apache-2.0
"""Find objects in a folder of images with a compiled detector.

Writes one text file an image into --save_dir, a line ``label score x1 y1 x2 y2`` an object,
best first, in pixels of the original image. The detector ends in post-processing that
`vamc build` appends (graph.extra_ops: yolov5_nms, ..., retinaface_nms).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp import load_vdsp_params
from vackit.console import progress
from vackit.data.datalist import read_lines
from vackit.devices.base import Program
from vackit.errors import DataError
from vackit.samples._common import (
    Size,
    fingerprint,
    image_graph,
    image_paths,
    load_program,
    misfit,
    sample_parser,
)
from vackit.samples._folder_result import FolderResult, result_names, text_hash
from vackit.samples._placement import placement
from vackit.stream.provenance import provenance
from vackit.stream.stream import Stream

Arrays = dict[str, NDArray[Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sample; errors are raised as `vackit.errors` for runstream to print."""
    args = _parser().parse_args(argv)
    vdsp = load_vdsp_params(args.vdsp_params_info)
    labels = read_lines(args.label_txt, "label file") if args.label_txt else []
    images = image_paths(args.file_path)
    sizes: dict[Path, Size] = {}
    with load_program(args) as program:
        _check(program)
        box = program.inputs[0].sample_shape[2:]
        graph = image_graph(program, vdsp, sizes.__setitem__)
        placement(vdsp, (1, 1), (box[0], box[1]))  # says now what it would say of every image
        run = {
            **provenance(program, vdsp, args.batch),
            "threshold": args.threshold,
            "labels_sha256": text_hash(labels),
            "images_sha256": fingerprint(images),
        }
        names = result_names(args.file_path, images, ".txt")
        result = FolderResult(args.save_dir, run, names, force=args.force)
        pending = [images[index] for index in result.pending]
        with Stream(graph, workers=2, max_batch=args.batch, max_delay_us=None) as stream:
            outputs = zip(result.pending, stream.map(pending), strict=True)
            for index, arrays in progress(outputs, "sample_det", len(pending)):
                found = dict(zip((spec.name for spec in program.outputs), arrays, strict=True))
                place = placement(vdsp, sizes.pop(images[index]), (box[0], box[1]))
                kept = _rows(found, args.threshold)
                found["boxes"] = place.boxes_back(found["boxes"][0, kept])
                result.write(index, _lines(found, kept, labels, args.label_txt).encode())
        result.finish()
    print(f"{args.save_dir}: {len(images)} images, {len(pending)} of them new")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = sample_parser("sample_det.py", "Detect objects in images with a compiled model.")
    add = parser.add_argument
    add("--label_txt", type=Path, help="class names, one a line (default: the class index)")
    add("--threshold", type=float, default=0.01, help="leave out lower scores (0.01)")
    return parser


def _check(program: Program) -> None:
    if not {"scores", "boxes"} <= {spec.name for spec in program.outputs}:
        raise misfit(
            program,
            "a detector returns scores and boxes",
            "build it with graph.extra_ops, for instance type: yolov5_nms",
        )


def _rows(found: Arrays, threshold: float) -> NDArray[np.intp]:
    """Return the rows that hold an object: the others are padded with -1."""
    scores = found["scores"].reshape(-1)
    return np.flatnonzero((scores >= 0) & (scores >= threshold))


def _lines(
    found: Arrays, rows: NDArray[np.intp], labels: Sequence[str], label_txt: Path | None
) -> str:
    text = ""
    for row, corners in zip(rows, found["boxes"], strict=True):
        # face detectors have one class and say only where
        label = int(found["ids"][0, row]) if "ids" in found else 0
        if labels and label >= len(labels):
            raise DataError(f"names {len(labels)} classes, found class {label}", where=label_txt)
        score = found["scores"].reshape(-1)[row]
        place = " ".join(f"{value:.2f}" for value in corners)
        text += f"{labels[label].strip() if labels else label} {score:.6f} {place}\n"
    return text


if __name__ == "__main__":
    sys.exit(main())
