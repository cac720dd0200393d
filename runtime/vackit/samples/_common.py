# SPDX-License-Identifier: Apache-2.0
"""What the samples share: their flags, opening a model, reading images."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vackit.config.model_info import load_model_info
from vackit.config.vdsp import VdspParams
from vackit.console import Parser, whole_number
from vackit.data.images import decode_rgb_planes, read_file
from vackit.data.listing import list_images
from vackit.devices.base import Program
from vackit.devices.registry import get_device
from vackit.errors import StreamError
from vackit.files import sha256_bytes
from vackit.stream.graph import Graph, make_graph
from vackit.stream.images import arrange

Size = tuple[int, int]


def sample_parser(
    name: str, description: str, *, takes: str = "a folder of images, or one image"
) -> argparse.ArgumentParser:
    """Return a parser with the flags of every sample, the published programs' names.

    Args:
        name: Of the sample's file.
        description: What it does.
        takes: What ``--file_path`` is.
    """
    example = f"runstream {name} --file_path images \\\n    --model_prefix_path deploy/model/mod "
    example += "--vdsp_params_info vdsp_params.json --save_dir results"
    parser = Parser(name, description, example)
    add = parser.add_argument
    add("--file_path", type=Path, required=True, help=takes)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model_info", type=Path, help="model_info JSON of the artifact")
    model.add_argument("--model_prefix_path", type=Path, help="prefix of the artifact")
    is_image = "image" in takes
    add("--vdsp_params_info", type=Path, required=is_image, help="vdsp_params JSON")
    add("--device_id", type=whole_number(0), help="index of the device (default 0)")
    add("--batch", type=whole_number(1), default=1, help="samples executed together (1)")
    add("--save_dir", type=Path, default=Path("output"), help="folder of the results (output)")
    add("--force", action="store_true", help="replace the results of another run")
    return parser


def load_program(args: argparse.Namespace) -> Program:
    """Load the artifact that the flags name on the chosen device; close it after use."""
    prefix = args.model_prefix_path or load_model_info(args.model_info).prefix
    device = get_device(None, args.device_id)
    return device.load(device.open(prefix))


def image_paths(path: Path) -> list[Path]:
    """Return the images below ``path``, or ``path`` itself where it is a file."""
    return [path] if path.is_file() else list_images(path)


def image_graph(
    program: Program, vdsp: VdspParams, note_size: Callable[[Path, Size], None] = lambda *_: None
) -> Graph:
    """Return a graph whose samples are paths of images, read in the stream's workers.

    Args:
        program: The model.
        vdsp: Its preprocessing.
        note_size: Gets each image's (height, width) as it is in its file.
    """

    def read(path: Path) -> Any:
        planes = decode_rgb_planes(read_file(path), path)
        note_size(path, (planes.shape[1], planes.shape[2]))
        return arrange(planes, vdsp.image_format)

    return make_graph(program, vdsp).after(read, str)


def fingerprint(paths: Sequence[Path]) -> str:
    """Return a hash of the files' names and sizes: what tells two runs' inputs apart."""
    stamps = [f"{path} {path.stat().st_size}" for path in paths]
    return sha256_bytes("\n".join(stamps).encode())


def misfit(program: Program, fact: str, hint: str = "") -> StreamError:
    """Return the error that the model is not of the kind a sample needs."""
    made = "; ".join(map(str, program.outputs))
    return StreamError(
        f"{fact}, the model returns {made}", where=program.artifact.prefix, hint=hint
    )
