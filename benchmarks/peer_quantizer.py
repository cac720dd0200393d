# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's own static quantizer, as its documentation says to call it."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

PERCENTILE = 99.999


def quantize_by_onnxruntime(
    model: Path,
    output: Path,
    samples: Iterator[NDArray[Any]],
    method: str,
    *,
    per_channel: bool,
) -> None:
    """Write the QDQ model: uint8 activations, int8 weights, after quant_pre_process."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    logging.getLogger().setLevel(logging.ERROR)
    name = onnx.load(model, load_external_data=False).graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, NDArray[Any]] | None:
            sample = next(samples, None)
            return None if sample is None else {name: sample}

    prepared = output.with_suffix(".prepared.onnx")
    # its symbolic shape inference needs sympy, and these shapes are all known
    quant_pre_process(model, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        output,
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod[method],
        extra_options={"CalibPercentile": PERCENTILE} if method == "Percentile" else {},
    )
