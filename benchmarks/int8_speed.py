# SPDX-License-Identifier: Apache-2.0
"""Time int8 as vackit builds it against float32 and ONNX Runtime's own quantizer.

usage: python benchmarks/int8_speed.py [--only NAME ...]

Writes benchmarks/results/int8_speed.json. ShuffleNetV2 and MobileNetV2 come from the seeded
builders, in each exporter's form: the speed depends on the shapes, not on the weights. One
thread, batch 1; all variants of a model take turns, CPU time of the calling thread, medians
over several sessions of each: where a session's memory comes to lie is worth 5 %.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from machine import describe_machine
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from vackit.compiler.pipeline import build
from vackit.config.build import load_build_config
from vackit.data.npz import write_npz
from vackit.testing.mobilenet import mobilenet_v2
from vackit.testing.shufflenet import shufflenet_v2

RESULT = Path(__file__).parent / "results" / "int8_speed.json"
NUM_SAMPLES = 8
CONFIG = """
name: {name}
frontend: {{type: onnx, checkpoint: {model}, dtype: fp32, shape: {{input: {shape}}}}}
backend:
  type: tvm_vacc
  dtype: int8
  quantize: {{calibrate_mode: max, quantize_per_channel: true}}
dataset: {{type: tvm, path: {samples}, sampler: {{suffix: npz, get_data_num: {count}}}}}
workspace: {{path: {work}}}
"""
MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    **{
        f"shufflenet_v2_x{width}/{form}": lambda form=form, width=width: shufflenet_v2(form, width)
        for width, forms in (
            ("1.0", ("torchvision", "slice", "gather", "mmcls", "ppcls", "megvii", "zoo")),
            ("0.5", ("torchvision", "megvii")),
        )
        for form in forms
    },
    "mobilenet_v2/torchvision": lambda: mobilenet_v2("torchvision"),
    "mobilenet_v2/ppcls": lambda: mobilenet_v2("ppcls"),
}


class Samples(CalibrationDataReader):
    """The same random samples for every quantizer."""

    def __init__(self, arrays: list[Any]) -> None:
        self._left = iter(arrays)

    def get_next(self) -> dict[str, Any] | None:
        array = next(self._left, None)
        return None if array is None else {"input": array[None]}


def variants(model: onnx.ModelProto, name: str, work: Path) -> dict[str, str]:
    """Build every variant of a model; return the paths of their files."""
    random = np.random.default_rng(0)
    arrays = [random.standard_normal((3, 224, 224)).astype(np.float32) for _ in range(NUM_SAMPLES)]
    (work / "samples").mkdir()
    for i, array in enumerate(arrays):
        write_npz(work / "samples" / f"{i}.npz", {"input_0": array})
    source = work / "float32.onnx"
    onnx.save(model, source)
    if model.opset_import[0].version < 13:
        onnx.save(onnx.version_converter.convert_version(model, 13), source)
    quant_pre_process(str(source), str(work / "prepared.onnx"), skip_symbolic_shape=True)
    for variant, options in {
        "ort_default": {},
        "ort_u8s8_per_channel": {
            "activation_type": QuantType.QUInt8,
            "weight_type": QuantType.QInt8,
            "quant_format": QuantFormat.QDQ,
            "per_channel": True,
        },
    }.items():
        target = str(work / f"{variant}.onnx")
        quantize_static(str(work / "prepared.onnx"), target, Samples(arrays), **options)
    config = work / "build.yaml"
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    fields = {"model": source, "samples": work / "samples", "work": work, "shape": shape}
    config.write_text(CONFIG.format(name="vackit_int8", count=NUM_SAMPLES, **fields))
    artifact = build(load_build_config(config)).prefix
    return {
        "float32": str(source),
        "ort_default": str(work / "ort_default.onnx"),
        "ort_u8s8_per_channel": str(work / "ort_u8s8_per_channel.onnx"),
        "vackit": f"{artifact}.onnx",
    }


def timed(paths: dict[str, str], args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return median and least CPU milliseconds per image of each variant."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    x = {"input": np.random.default_rng(1).standard_normal((1, 3, 224, 224)).astype(np.float32)}
    times: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(args.sessions):
        sessions = {name: ort.InferenceSession(path, options) for name, path in paths.items()}
        for turn in range(args.rounds + 1):
            for name, session in sessions.items():
                start = time.thread_time()
                for _ in range(args.runs):
                    session.run(None, x)
                if turn:  # the first round warms up
                    times[name].append((time.thread_time() - start) / args.runs * 1e3)
    return {
        name: {
            "median_ms": round(statistics.median(values), 4),
            "min_ms": round(min(values), 4),
            # turn by turn: what the machine does to both cancels out
            "speedup": round(
                statistics.median(
                    base / value for base, value in zip(times["float32"], values, strict=True)
                ),
                3,
            ),
        }
        for name, values in times.items()
    }


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=list(MODELS))
    args = parser.parse_args()
    results = {}
    for name in args.only:
        with tempfile.TemporaryDirectory() as folder:
            paths = variants(MODELS[name](), name, Path(folder))
            results[name] = timed(paths, args)
        print(name, {k: (v["median_ms"], v["speedup"]) for k, v in results[name].items()})
    if args.only == list(MODELS):
        record = {
            "what": "CPU time of one thread, batch 1, per image; speedup against float32",
            "sessions": args.sessions,
            "rounds_per_session": args.rounds,
            "runs_per_round": args.runs,
            "machine": describe_machine("onnxruntime", "onnx", "numpy"),
            "models": results,
        }
        RESULT.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
