# SPDX-License-Identifier: Apache-2.0
"""Classify a folder of images through the asynchronous stream.

Reads images, writes ``PATH: Relay top-0 id: 281, prob: 0.12345678, class name: tabby``
lines, and beside them a JSON file that says where they come from.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from vackit.config.vdsp import VdspParams, load_vdsp_params
from vackit.console import Parser, progress, whole_number
from vackit.data.datalist import read_lines
from vackit.data.topk import topk
from vackit.devices.base import Program
from vackit.errors import DataError, StreamError
from vackit.files import sha256_bytes
from vackit.results.text import Prediction, predictions_text
from vackit.results.text_result import TextResult
from vackit.samples._common import fingerprint, image_graph, image_paths, load_program
from vackit.stream.outputs import as_float16
from vackit.stream.provenance import provenance
from vackit.stream.stream import Stream

RESULT_NAME = "vacl_cls_result.txt"
_EXAMPLE = """runstream sample_cls.py --file_path images/val \\
    --model_info model_info_resnet50.json --vdsp_params_info resnet50-vdsp_params.json \\
    --label_txt imagenet.txt --save_dir results"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sample; errors are raised as `vackit.errors` for runstream to print."""
    args = _parser().parse_args(argv)
    vdsp = load_vdsp_params(args.vdsp_params_info)
    images = image_paths(args.file_path)
    with load_program(args) as program:
        names = _class_names(args.label_txt, program)
        lines = _lines(args, program, vdsp, images, names)
        if args.task == "topk":
            for text in lines:
                print(text, end="")
            return 0
        run = {
            **provenance(program, vdsp, args.batch),
            "topk": args.topk,
            "class_names_sha256": sha256_bytes("\n".join(names).encode()),
            "num_images": len(images),
            "images_sha256": fingerprint(images),
        }
        result = TextResult(_result_path(args.save_dir), run)
        if result.is_complete:
            print(f"{result.path}: {len(images)} images are there already, nothing to do")
            return 0
        result.check_free(force=args.force)
        result.write("".join(progress(lines, "sample_cls", len(images))))
    print(f"{result.path}: {len(images)} images")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser("sample_cls.py", "Classify images with a compiled model.", _EXAMPLE)
    add = parser.add_argument
    add(
        "--task", choices=("run", "topk"), default="run",
        help="run: write the results of all images to a file (default); topk: print them",
    )  # fmt: skip
    add("--file_path", type=Path, required=True, help="a folder of images, or one image")
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model_info", type=Path, help="model_info JSON of the artifact")
    model.add_argument("--model_prefix_path", type=Path, help="prefix of the artifact")
    add("--vdsp_params_info", type=Path, required=True, help="vdsp_params JSON")
    add("--label_txt", type=Path, help="class names, one a line (default: the class index)")
    add(
        "--topk", type=whole_number(1), default=5, help="classes an image (5: what eval_topk reads)"
    )
    add("--device_id", type=whole_number(0), help="index of the device (default 0)")
    add("--batch", type=whole_number(1), default=1, help="images executed together (1)")
    add(
        "--save_dir", type=Path, default=Path(),
        help=f"a file ending in .txt, or a folder for {RESULT_NAME} (default: this folder)",
    )  # fmt: skip
    add("--force", action="store_true", help="replace the results of another run")
    return parser


def _result_path(save_dir: Path) -> Path:
    is_file = save_dir.suffix == ".txt" and not save_dir.is_dir()
    return save_dir if is_file else save_dir / RESULT_NAME


def _class_names(path: Path | None, program: Program) -> list[str]:
    if len(program.outputs) != 1:
        raise StreamError(
            f"the model has {len(program.outputs)} outputs, a classifier has one",
            where=program.artifact.prefix,
        )
    num_classes = math.prod(program.outputs[0].sample_shape)
    if program.outputs[0].sample_shape[-1] != num_classes:
        raise StreamError(
            f"output {program.outputs[0]} is no row of class scores",
            where=program.artifact.prefix,
        )
    if path is None:
        return [str(index) for index in range(num_classes)]
    names = [line.strip() for line in read_lines(path, "label file")]
    if len(names) != num_classes:
        raise DataError(
            f"names {len(names)} classes, the model {program.artifact.prefix} has {num_classes}",
            where=path,
        )
    return names


def _lines(
    args: argparse.Namespace,
    program: Program,
    vdsp: VdspParams,
    images: Sequence[Path],
    names: Sequence[str],
) -> Iterator[str]:
    """Yield the lines of each image, in the order of ``images``."""
    graph = image_graph(program, vdsp)
    workers = min(4, os.cpu_count() or 1)
    # full batches make the grouping, and with it the last digit, repeatable
    with Stream(graph, workers=workers, max_batch=args.batch, max_delay_us=None) as stream:
        for path, outputs in zip(images, stream.map(images), strict=True):
            scores = as_float16(outputs[0], str(path))
            try:
                best = topk(scores, args.topk)
            except DataError as error:
                raise DataError(error.message, where=path) from error
            yield predictions_text(
                [
                    Prediction(str(path), rank, index, float(scores.flat[index]), names[index])
                    for rank, index in enumerate(best)
                ]
            )


if __name__ == "__main__":
    sys.exit(main())
