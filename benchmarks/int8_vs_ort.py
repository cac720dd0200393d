# SPDX-License-Identifier: Apache-2.0
"""int8 of this compiler against ONNX Runtime's own quantizer, on the same images.

Each model is built by ``vackit.compiler.pipeline.build`` and quantized by
``onnxruntime.quantization.quantize_static`` (QDQ, uint8 activations, int8 weights, per
channel, MinMax, after ``quant_pre_process``) from the same calibration images. Both and the
float32 model then see the same evaluation images, image by image in turn. Recorded are the
SQNR of the outputs against float32's, how often the top-1 agrees with float32's, and top-1
with the exact McNemar test against float32.

    python benchmarks/int8_vs_ort.py --output benchmarks/results/int8_vs_ort.json
"""

import argparse
import json
import logging
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vackit._version import tool_versions
from vackit.artifact.store import open_artifact
from vackit.compiler.calibration.images import spread
from vackit.compiler.pipeline import build
from vackit.config.build import (
    Backend,
    BuildConfig,
    CenterCrop,
    CvtColor,
    Dataset,
    DecodeImage,
    Frontend,
    Normalize,
    ProcessOp,
    Quantize,
    Resize,
    ToTensor,
)
from vackit.data.listing import list_images
from vackit.devices.cpu import cpu_isa
from vackit.vdsp.process import ProcessPipeline

SHARED = Path(os.environ.get("VACKIT_SHARED", "../shared"))
GEOMETRY = (DecodeImage(), Resize((256, 256)), CenterCrop((224, 224)))
# the preprocessing that each model was trained with, and the labels of its classes
NORMALIZED: dict[str, tuple[tuple[ProcessOp, ...], str]] = {
    "mobilenetv1_025_keras": ((Normalize(False, (127.5,) * 3, (127.5,) * 3),), "val_label.txt"),
    "shufflenetv2_x05_coarse9": (
        (CvtColor("COLOR_RGB2BGR"), Normalize(True)),
        "val_coarse9_label.txt",
    ),
    "mobilenetv2_coral_tf2ptq": ((Normalize(False, (127.5,) * 3, (127.5,) * 3),), "val_label.txt"),
    "efficientnet_lite0": ((Normalize(False, (127.0,) * 3, (128.0,) * 3),), "val_label.txt"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--calib", type=Path, default=SHARED / "imagenet" / "calib")
    parser.add_argument("--val", type=Path, default=SHARED / "imagenet" / "val")
    parser.add_argument("--num_calib", type=int, default=100)
    parser.add_argument("--num_val", type=int, help="evaluate fewer images, evenly spread")
    parser.add_argument("--only", action="append", help="one of the models; may be repeated")
    parser.add_argument("--output", type=Path, help="write the results here as JSON")
    args = parser.parse_args()
    results = {
        "tools": tool_versions("onnx", "onnxruntime", "numpy"),
        "cpu_isa": list(cpu_isa()),
        "num_calibration_images": args.num_calib,
        "models": {name: measure(name, args) for name in args.only or NORMALIZED},
    }
    text = json.dumps(results, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n")


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return SQNR, agreement and top-1 of both quantizers on one model."""
    normalized, labels = NORMALIZED[name]
    ops = (*GEOMETRY, *normalized, ToTensor())
    pipeline = ProcessPipeline(ops)
    model = args.models / f"{name}.onnx"
    truth = _labels(args.val.parent / labels)
    images = spread(list_images(args.val), args.num_val)
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(model, args, ops, Path(folder))
        theirs = _onnxruntime(model, args, pipeline, Path(folder))
        sessions = {
            "float32": _session(model),
            "vackit": _session(ours),
            "onnxruntime": _session(theirs),
        }
        outputs = _run(sessions, (pipeline(path) for path in images))
    wanted = np.array([truth[path.stem] for path in images])
    results: dict[str, Any] = {"num_images": len(images)}
    for who, got in outputs.items():
        results[who] = _compared(outputs["float32"], got, wanted)
    return results


def _run(
    sessions: dict[str, ort.InferenceSession], samples: Iterator[NDArray[np.float32]]
) -> dict[str, NDArray[Any]]:
    outputs: dict[str, list[NDArray[Any]]] = {who: [] for who in sessions}
    for sample in samples:
        for who, session in sessions.items():
            (got,) = session.run(None, {session.get_inputs()[0].name: sample[np.newaxis]})
            outputs[who].append(got)
    return {who: np.concatenate(parts).astype(np.float64) for who, parts in outputs.items()}


def _compared(
    reference: NDArray[Any], got: NDArray[Any], wanted: NDArray[np.int64]
) -> dict[str, Any]:
    right, right_float = got.argmax(1) == wanted, reference.argmax(1) == wanted
    noise = float(((got - reference) ** 2).sum())
    return {
        "sqnr_db": round(10 * math.log10(float((reference**2).sum()) / noise), 2)
        if noise
        else None,
        "agreement_percent": round(100 * float((got.argmax(1) == reference.argmax(1)).mean()), 2),
        "top1_percent": round(100 * float(right.mean()), 2),
        "mcnemar_p": _mcnemar(int((right & ~right_float).sum()), int((~right & right_float).sum())),
    }


def _mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p of ``gained`` against ``lost`` images."""
    total = gained + lost
    tail = sum(math.comb(total, k) for k in range(min(gained, lost) + 1)) / 2**total
    return round(min(1.0, 2 * tail), 4)


def _ours(model: Path, args: argparse.Namespace, ops: tuple[ProcessOp, ...], folder: Path) -> Path:
    config = BuildConfig(
        name=model.stem,
        generation="current",
        frontend=Frontend("onnx", model, {"input": (1, 3, 224, 224)}),
        backend=Backend("tvm_vacc", "int8", Quantize()),
        extra_ops=None,
        dataset=Dataset(args.calib, None, args.num_calib, ops),
        workspace_path=folder,
    )
    return open_artifact(build(config).prefix).graph_path


def _onnxruntime(
    model: Path, args: argparse.Namespace, pipeline: ProcessPipeline, folder: Path
) -> Path:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.getLogger().setLevel(logging.ERROR)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.paths = iter(spread(list_images(args.calib), args.num_calib))

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            path = next(self.paths, None)
            return None if path is None else {"input": pipeline(path)[np.newaxis]}

    prepared, quantized = folder / "prepared.onnx", folder / "quantized.onnx"
    # its symbolic shape inference needs sympy, and these shapes are all known
    quant_pre_process(model, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        quantized,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    return quantized


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _labels(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines() if line.strip())
    return {Path(name).stem: int(index) for name, index in pairs}


if __name__ == "__main__":
    main()
