# SPDX-License-Identifier: Apache-2.0
"""How far the ranges from sampled histograms lie from those of all elements.

usage: python benchmarks/calibration_sampling.py [--num_calib 100]

Writes benchmarks/results/calibration_sampling.json: per shared model and calibrate_mode the
relative difference of the ranges' widths, median and nine in ten.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from machine import describe_machine
from scoring import GEOMETRY, NORMALIZED, SHARED

from vackit.compiler.calibration.collect import Collector, State
from vackit.compiler.calibration.images import spread
from vackit.compiler.calibration.modes import choose_range
from vackit.compiler.calibration.statistics import Statistics, samples_per_image
from vackit.compiler.opset import raise_opset
from vackit.compiler.passes import run_float_passes
from vackit.compiler.placement import place
from vackit.config.build import CALIBRATE_MODES, ToTensor
from vackit.data.listing import list_images
from vackit.vdsp.process import ProcessPipeline

RESULT = Path(__file__).parent / "results" / "calibration_sampling.json"
EVERY_ELEMENT = 1 << 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--calib", type=Path, default=SHARED / "imagenet" / "calib")
    parser.add_argument("--num_calib", type=int, default=100)
    args = parser.parse_args()
    result = {
        "machine": describe_machine("numpy", "onnx", "onnxruntime"),
        "num_calibration_images": args.num_calib,
        "models": {name: sampling(name, args) for name in NORMALIZED},
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result["models"], indent=2))


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
        Collector(model, names, name, samples=samples).collect(feeds, len(paths), state)
        totals.append(state.total)
    result = {}
    for mode in CALIBRATE_MODES:
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
