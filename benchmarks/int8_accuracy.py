# SPDX-License-Identifier: Apache-2.0
"""What int8 costs on real models: every mode, per channel and per tensor, beside its peer.

usage: python benchmarks/int8_accuracy.py [--manifest models.yaml] [--only NAME] [--peer_percentile]

Writes benchmarks/results/int8_accuracy.json. Each model is built by this compiler in every
calibrate_mode and by ``onnxruntime.quantization.quantize_static`` (uint8 activations, int8
weights, MinMax; with --peer_percentile also Percentile 99.999, which takes gigabytes) from
the same images, evenly spread, and all of them see the same evaluation images in turn.
Recorded: SQNR of the outputs against float32's in dB, agreement of the top-1 with
float32's, top-1 with its 95 % Wilson interval, and the exact McNemar test against float32,
Holm-corrected over all modes of this compiler.

A manifest lists models, paths relative to it:

    - model: mobilenet.onnx
      process_ops: [{type: DecodeImage}, {type: Resize, size: [256, 256]}, ...]
      shape: [1, 3, 224, 224]
      calib: imagenet/calib
      val: imagenet/val
      labels: imagenet/val_label.txt
"""

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe_machine
from peer_quantizer import quantize_by_onnxruntime
from scoring import (
    GEOMETRY,
    NORMALIZED,
    SHARED,
    compared,
    holm,
    open_session,
    read_labels,
    run_all,
    wilson,
)

from vackit.artifact.store import open_artifact
from vackit.compiler.calibration.images import spread
from vackit.compiler.pipeline import build
from vackit.config.build import (
    CALIBRATE_MODES,
    Backend,
    BuildConfig,
    Dataset,
    Frontend,
    ProcessOp,
    Quantize,
    ToTensor,
)
from vackit.config.load import load_yaml
from vackit.config.process_ops import make_op
from vackit.data.listing import list_images
from vackit.vdsp.process import ProcessPipeline

RESULT = Path(__file__).parent / "results" / "int8_accuracy.json"
GRANULARITIES = {"per_channel": True, "per_tensor": False}


@dataclass(frozen=True)
class Case:
    """A model and how to feed and score it."""

    model: Path
    ops: tuple[ProcessOp, ...]
    shape: tuple[int, ...]
    calib: Path
    val: Path
    labels: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--manifest", type=Path, help="default: the four shared models")
    parser.add_argument("--only", action="append", help="a model's name; may be repeated")
    parser.add_argument("--modes", nargs="+", default=list(CALIBRATE_MODES))
    parser.add_argument("--granularities", nargs="+", default=list(GRANULARITIES))
    parser.add_argument("--num_calib", type=int, default=100)
    parser.add_argument("--num_val", type=int)
    parser.add_argument("--no_peer", action="store_true", help="leave ONNX Runtime's out")
    parser.add_argument("--peer_percentile", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()
    cases = from_manifest(args.manifest) if args.manifest else shared_cases()
    results: dict[str, Any] = {
        "machine": describe_machine("numpy", "onnx", "onnxruntime"),
        "num_calibration_images": args.num_calib,
        "models": {},
    }
    for case in cases:
        if not args.only or case.model.stem in args.only:
            results["models"][case.model.stem] = measure(case, args)
            args.output.write_text(json.dumps(results, indent=2) + "\n")


def shared_cases() -> list[Case]:
    images = SHARED / "imagenet"
    return [
        Case(
            model=SHARED / "models" / f"{name}.onnx",
            ops=(*GEOMETRY, *normalized, ToTensor()),
            shape=(1, 3, 224, 224),
            calib=images / "calib",
            val=images / "val",
            labels=images / labels,
        )
        for name, (normalized, labels) in NORMALIZED.items()
    ]


def from_manifest(path: Path) -> list[Case]:
    root = path.parent
    return [
        Case(
            model=root / entry["model"],
            ops=tuple(make_op(op, root) for op in entry["process_ops"]),
            shape=tuple(entry["shape"]),
            calib=root / entry["calib"],
            val=root / entry["val"],
            labels=root / entry["labels"],
        )
        for entry in load_yaml(path).data
    ]


def measure(case: Case, args: argparse.Namespace) -> dict[str, Any]:
    pipeline = ProcessPipeline(case.ops)
    truth = read_labels(case.labels)
    images = spread(list_images(case.val), args.num_val)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {"float32": case.model}
        for granularity in args.granularities:
            for mode in args.modes:
                start = time.perf_counter()
                paths[f"{granularity} {mode}"] = _ours(case, args, granularity, mode, Path(folder))
                seconds[f"{granularity} {mode}"] = round(time.perf_counter() - start, 1)
        ours = list(seconds)
        if not args.no_peer:
            paths |= _peers(case, args, pipeline, Path(folder))
        sessions = {who: open_session(path) for who, path in paths.items()}
        outputs = run_all(sessions, (pipeline(path) for path in images))
    flat = {who: got.reshape(len(got), -1) for who, got in outputs.items()}
    wanted = np.array([truth[path.stem] for path in images])
    rows = {who: compared(flat["float32"], got, wanted) for who, got in flat.items()}
    for who, row in rows.items():
        hits = round(row["top1_percent"] * len(images) / 100)
        row["top1_wilson95"] = wilson(hits, len(images))
        if who in seconds:
            row["build_seconds"] = seconds[who]
        print(case.model.stem, who, json.dumps(row), flush=True)
    for who, corrected in holm({who: rows[who]["mcnemar_p"] for who in ours}).items():
        rows[who]["mcnemar_p_holm"] = corrected
    return {"num_images": len(images), **rows}


def _ours(case: Case, args: argparse.Namespace, granularity: str, mode: str, folder: Path) -> Path:
    quantize = Quantize(calibrate_mode=mode, quantize_per_channel=GRANULARITIES[granularity])
    config = BuildConfig(
        name=case.model.stem,
        generation="current",
        frontend=Frontend("onnx", case.model, {"input": case.shape}),
        backend=Backend("tvm_vacc", "int8", quantize),
        extra_ops=None,
        dataset=Dataset(case.calib, None, args.num_calib, case.ops),
        workspace_path=folder / granularity / mode,
    )
    return open_artifact(build(config, reference=False).prefix).graph_path


def _peers(
    case: Case, args: argparse.Namespace, pipeline: ProcessPipeline, folder: Path
) -> dict[str, Path]:
    images = spread(list_images(case.calib), args.num_calib)
    peers = {}
    for granularity in args.granularities:
        methods = ["MinMax"]
        if args.peer_percentile and GRANULARITIES[granularity]:
            methods.append("Percentile")
        for method in methods:
            who = f"onnxruntime {granularity} {method}"
            path = folder / f"{granularity}_{method}.onnx"
            samples = (pipeline(image)[np.newaxis] for image in images)
            quantize_by_onnxruntime(
                case.model, path, samples, method, per_channel=GRANULARITIES[granularity]
            )
            peers[who] = path
    return peers


if __name__ == "__main__":
    os.nice(5)
    main()
