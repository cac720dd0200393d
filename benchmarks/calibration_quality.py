# SPDX-License-Identifier: Apache-2.0
"""What each calibrate_mode costs on real models, per channel, against their float32.

usage: python benchmarks/calibration_quality.py [--num_val 487]

Writes benchmarks/results/calibration_quality.json: SQNR of the outputs, agreement of the
top-1 with float32's, top-1, and the exact McNemar test against float32 with Holm's
correction over the modes of a model. Then how far the ranges from sampled histograms lie
from those of all elements. Models and images: see int8_vs_ort.py, whose parts this uses.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from int8_vs_ort import GEOMETRY, NORMALIZED, SHARED, _compared, _labels, _run, _session
from machine import describe_machine

from vackit.artifact.store import open_artifact
from vackit.compiler.calibration.collect import Collector, State
from vackit.compiler.calibration.images import spread
from vackit.compiler.calibration.modes import choose_range
from vackit.compiler.calibration.statistics import Statistics, samples_per_image
from vackit.compiler.opset import raise_opset
from vackit.compiler.passes import run_float_passes
from vackit.compiler.pipeline import build
from vackit.compiler.placement import place
from vackit.config.build import Backend, BuildConfig, Dataset, Frontend, Quantize, ToTensor
from vackit.data.listing import list_images
from vackit.vdsp.process import ProcessPipeline

RESULT = Path(__file__).parent / "results" / "calibration_quality.json"
MODES = ("max", "percentile", "kl_divergence", "mse")
EVERY_ELEMENT = 1 << 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--calib", type=Path, default=SHARED / "imagenet" / "calib")
    parser.add_argument("--val", type=Path, default=SHARED / "imagenet" / "val")
    parser.add_argument("--num_calib", type=int, default=100)
    parser.add_argument("--num_val", type=int)
    args = parser.parse_args()
    result = {
        "machine": describe_machine("numpy", "onnx", "onnxruntime"),
        "num_calibration_images": args.num_calib,
        "models": {name: measure(name, args) for name in NORMALIZED},
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["models"], indent=2))


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    normalized, labels = NORMALIZED[name]
    ops = (*GEOMETRY, *normalized, ToTensor())
    pipeline = ProcessPipeline(ops)
    model = args.models / f"{name}.onnx"
    truth = _labels(args.val.parent / labels)
    images = spread(list_images(args.val), args.num_val)
    with tempfile.TemporaryDirectory() as folder:
        config = BuildConfig(
            name=name,
            generation="current",
            frontend=Frontend("onnx", model, {"input": (1, 3, 224, 224)}),
            backend=Backend("tvm_vacc", "int8", Quantize()),
            extra_ops=None,
            dataset=Dataset(args.calib, None, args.num_calib, ops),
            workspace_path=Path(folder),
        )
        sessions = {"float32": _session(model)}
        for mode in MODES:
            backend = Backend("tvm_vacc", "int8", Quantize(calibrate_mode=mode))
            one = dataclasses.replace(config, backend=backend, workspace_path=Path(folder) / mode)
            sessions[mode] = _session(open_artifact(build(one).prefix).graph_path)
        outputs = _run(sessions, (pipeline(path) for path in images))
    wanted = np.array([truth[path.stem] for path in images])
    rows = {who: _compared(outputs["float32"], got, wanted) for who, got in outputs.items()}
    for mode, corrected in holm({mode: rows[mode]["mcnemar_p"] for mode in MODES}).items():
        rows[mode]["mcnemar_p_holm"] = corrected
    return {"num_images": len(images), **rows, "sampling": sampling(name, args)}


def holm(ps: dict[str, float]) -> dict[str, float]:
    """Return Holm's step-down corrected p-values (Holm 1979)."""
    corrected, largest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(ps) - rank) * p))
        corrected[name] = round(largest, 4)
    return corrected


def sampling(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return the relative difference of range widths, sampled against all elements."""
    model = onnx.load(args.models / f"{name}.onnx")
    raise_opset(model, name)
    run_float_passes(model, name)
    groups = place(model).groups
    names = [value for value, group in groups.items() if value == group]
    pipeline = ProcessPipeline((*GEOMETRY, *NORMALIZED[name][0], ToTensor()))
    totals = []
    for samples in (samples_per_image(args.num_calib), EVERY_ELEMENT):
        state = State(Statistics(len(names), samples))
        paths = spread(list_images(args.calib), args.num_calib)
        feeds = ((str(path), {"input": pipeline(path)[np.newaxis]}) for path in paths)
        Collector(model, names, name).collect(feeds, len(paths), state)
        totals.append(state.total)
    result = {}
    for mode in MODES:
        sampled, full = (_widths(mode, total) for total in totals)
        apart = np.abs(sampled / full - 1)
        result[mode] = {
            "median_percent": round(100 * float(np.median(apart)), 2),
            "p90_percent": round(100 * float(np.quantile(apart, 0.9)), 2),
        }
    return result


def _widths(mode: str, total: Statistics) -> Any:
    bounds = [
        choose_range(mode, total.low[i], total.high[i], total.histogram(i), None)
        for i in range(len(total.low))
    ]
    return np.array([max(high, 0.0) - min(low, 0.0) for low, high in bounds])


if __name__ == "__main__":
    main()
