# SPDX-License-Identifier: Apache-2.0
"""Write everything that the embedded default consists of, from a checkpoint.

Reads a checkpoint and scikit-learn's digits; writes into a folder
``shufflenetv2_digits.onnx``, ``digits_heldout.npz``, ``digits_calibration.npz`` and
``digits.json`` (the float32 accuracy as ONNX Runtime reproduces it, and what made it).
"""

import argparse
import io
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vackit import console
from vackit.errors import ModelError
from vackit.files import json_bytes, sha256_bytes, write_atomic
from vackit.selftest.training import require_extra
from vackit.selftest.training.settings import (
    Settings,
    load_settings,
    settings_sha256,
)
from vackit.selftest.training.train import CHECKPOINT, add_checkpoint, add_config

MODEL = "shufflenetv2_digits.onnx"
OPSET = 13


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    name = "python -m vackit.selftest.training.export"
    parser = console.Parser(
        name,
        "Write the embedded default's model, images and record from a checkpoint.",
        example=f"{name} --checkpoint {CHECKPOINT} --output digits_data",
    )
    add_config(parser)
    add_checkpoint(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="folder for the four files"
    )
    parser.add_argument("--force", action="store_true", help="replace what is there")
    console.add_common(parser)
    return console.run_command(parser, _export, argv)


def _export(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    require_extra()
    from vackit.selftest.training import checkpoint, dataset, loop

    checkpoint.refuse_existing(args.output / MODEL, force=args.force)
    loop.make_deterministic(settings.seed)
    model = loop.build_model(settings)
    checkpoint.load(args.checkpoint, model)
    split = dataset.split_digits(settings)
    onnx_bytes = to_onnx(model, settings)
    record = _record(onnx_bytes, model, split.heldout, settings)
    record["settings_sha256"] = settings_sha256(args.config)
    write_atomic(args.output / "digits_heldout.npz", _npz(split.heldout))
    write_atomic(args.output / "digits_calibration.npz", _npz(split.calibration))
    write_atomic(args.output / MODEL, onnx_bytes)
    write_atomic(args.output / "digits.json", json_bytes(record))
    if args.json:
        console.print_json(record)
    else:
        counts = f"{record['top1_count']}/{record['n']}"
        print(f"{args.output / MODEL}: top-1 {record['top1']:.3f} % ({counts})")
    return 0


def to_onnx(model: Any, settings: Settings) -> bytes:
    """Return ``model`` as ONNX, any batch size, batch norms folded.

    The TorchScript exporter writes the channel split and shuffle the way published
    ShuffleNets have them: Split, and Reshape-Transpose-Reshape.
    """
    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # that the exporter is the older one, and that sizes become constants: both meant
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.eval(),
            (torch.zeros(1, 3, settings.input_size, settings.input_size),),
            buffer,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "N"}, "output": {0: "N"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def _record(onnx_bytes: bytes, model: Any, heldout: Any, settings: Settings) -> dict[str, Any]:
    """Measure the exported model on the held-out images; compare it with PyTorch's."""
    import numpy as np
    import onnxruntime
    import torch

    from vackit.selftest.training import dataset, loop

    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    inputs = dataset.to_input(dataset.upsample(heldout.images, settings.input_size))
    logits = session.run(None, {"input": inputs})[0]
    expected = loop.predict(model, heldout, settings.input_size)
    # float32 sums in another order; the logits span about 20
    if not np.allclose(logits, expected, atol=1e-3):
        worst = float(np.abs(logits - expected).max())
        raise ModelError(f"the exported model differs from PyTorch's by {worst:.3g}", where=MODEL)
    correct, n = loop.count_correct(logits, heldout), len(heldout)
    return {
        "model": MODEL,
        "model_sha256": sha256_bytes(onnx_bytes),
        "dtype": "float32",
        "n": n,
        "top1": 100 * correct / n,
        "top1_count": correct,
        "seed": settings.seed,
        "opset": OPSET,
        "torch": str(torch.__version__),
        "onnxruntime": onnxruntime.__version__,
    }


def _npz(digits: Any) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=digits.images, labels=digits.labels, index=digits.index)
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
