# SPDX-License-Identifier: Apache-2.0
"""``vamc inspect``: what is in a model or an artifact."""

import argparse
from pathlib import Path
from typing import Any

from vackit import console

HELP = "show what is in an ONNX file or an artifact"
EXAMPLE = "vamc inspect mobilenetv2_100.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``vamc inspect``."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL.onnx|PREFIX",
        help="an ONNX file, or an artifact's prefix",
    )


def run(args: argparse.Namespace) -> int:
    """Print inputs, outputs, operators, parameters and multiply-adds."""
    from vackit.artifact.store import open_artifact
    from vackit.compiler.macs import inspect_model

    data: dict[str, Any] = {}
    path = args.model
    if path.suffix != ".onnx":
        artifact = open_artifact(path)
        manifest = artifact.manifest
        path = artifact.graph_path
        data = {
            "prefix": str(artifact.prefix),
            "name": manifest.name,
            "dtype": manifest.dtype,
            "max_batch": manifest.max_batch,
        }
    data |= {"file": str(path), **inspect_model(path).to_json()}
    if args.json:
        console.print_json(data)
    else:
        print("\n".join(_lines(data)))
    return 0


def _lines(data: dict[str, Any]) -> list[str]:
    names = ["prefix", "name", "dtype", "file"]
    rows = [(key, str(data[key])) for key in names if key in data]
    for kind in ("input", "output"):
        rows += [(kind, _described(value)) for value in data[f"{kind}s"]]
    rows.append(("opset", str(data["opset"])))
    rows.append(("parameters", f"{data['parameters_millions']:.2f} M"))
    rows.append(("multiply-adds", f"{data['multiply_adds_millions']:.2f} M (one sample)"))
    if data["nodes_without_known_shape"]:
        rows.append(("uncounted", f"{data['nodes_without_known_shape']} nodes of unknown shape"))
    most_first = sorted(data["operators"].items(), key=lambda item: (-item[1], item[0]))
    rows += [("operator", f"{count:5d}  {name}") for name, count in most_first]
    return [f"{name.ljust(15)}{text}" for name, text in rows]


def _described(value: dict[str, Any]) -> str:
    sizes = ", ".join("N" if size is None else str(size) for size in value["shape"])
    return f"{value['name']} [{sizes}] {value['dtype']}"
