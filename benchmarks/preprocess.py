# SPDX-License-Identifier: Apache-2.0
"""Time the fused preprocessing against the naive way, in turns, on one decoded image.

usage: python benchmarks/preprocess.py [--rounds 500]

Writes benchmarks/results/preprocess.json. A planar uint8 image of 500x375 becomes a
float16 tensor of 3x224x224: resize to 256x256, crop, normalize. Every way is checked to
give the naive way's values, to the bit (as float32: widened). One OpenCV thread.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vackit.config.vdsp_types import VdspParams
from vackit.vdsp.fusion import FusionOperator

RESULT = Path(__file__).parent / "results" / "preprocess.json"
HEIGHT, WIDTH = 375, 500
# as float16 holds ImageNet's
MEAN = (0.485107421875, 0.4560546875, 0.406005859375)
STD = (0.22900390625, 0.2239990234375, 0.2249755859375)
FLAGS = ("sse4_2", "avx2", "f16c", "fma", "avx512f", "avx512bw", "avx512_vnni", "neon", "asimd")

PARAMS = VdspParams(
    "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR",
    output_size=(224, 224),
    resize_size=(256, 256),
    crop_xy=(16, 16),
    norma_type="DIV255_MINUSMEAN_DIVSTD",
    mean=MEAN,
    std=STD,
)


def make_image() -> Any:
    """Return smooth noise, uint8, (3, H, W), contiguous."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.ascontiguousarray(cv2.GaussianBlur(noise, (5, 5), 0).transpose(2, 0, 1))


def naive(image: Any) -> Any:
    """Do one step after the other, as an emulator does that was not made to be fast."""
    packed = np.ascontiguousarray(image.transpose(1, 2, 0))
    x: Any = cv2.resize(packed, (256, 256))[16:240, 16:240].astype(np.float32) / np.float32(255)
    x = (x - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return np.ascontiguousarray(x.transpose(2, 0, 1)).astype(np.float16)


def resize_only(image: Any) -> None:
    """Resize the three planes and do nothing else: the floor."""
    for plane in image:
        cv2.resize(plane, (256, 256))


def ways(image: Any) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    half, single = FusionOperator(PARAMS), FusionOperator(PARAMS, dtype="float32")
    packed = np.ascontiguousarray(image.transpose(1, 2, 0))
    fields = {**PARAMS.__dict__, "image_format": "RGB888"}
    interleaved = FusionOperator(VdspParams(**fields))
    return {
        "naive_float16": lambda: naive(image),
        "vdsp_float16": lambda: half(image),
        "vdsp_float32": lambda: single(image),
        "vdsp_float16_interleaved_input": lambda: interleaved(packed),
        "resize_only": lambda: resize_only(image),
    }


def check(candidates: dict[str, Callable[[], Any]]) -> None:
    """Stop unless every way gives the naive way's values, to the bit."""
    expected = candidates["naive_float16"]()
    for name, way in candidates.items():
        result = way()
        if result is not None and not np.array_equal(result, expected.astype(result.dtype)):
            raise SystemExit(f"{name} gives other values than the naive way")


def time_in_turns(candidates: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return microseconds of each way, all ways once in every round."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for round_index in range(-rounds // 10, rounds):
        for name, way in candidates.items():
            start = time.perf_counter()
            way()
            if round_index >= 0:  # the rounds before are warm-up
                times[name].append((time.perf_counter() - start) * 1e6)
    return times


def machine() -> dict[str, Any]:
    """Describe what the numbers were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    fields = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
    present = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "processor": fields.get("model name", platform.machine()),
        "cores": os.cpu_count(),
        "instruction_sets": [flag for flag in FLAGS if flag in present],
        "python": platform.python_version(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    candidates = ways(make_image())
    check(candidates)
    times = time_in_turns(candidates, args.rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    result = {
        "what": "microseconds an image, median of rounds in which every way runs once",
        "image": f"decoded planar uint8, {WIDTH}x{HEIGHT} to 256x256, crop 224x224",
        "rounds": args.rounds,
        "opencv_threads": 1,
        "median_us": {name: round(value, 1) for name, value in medians.items()},
        "lower_quartile_us": {
            name: round(statistics.quantiles(values, n=4)[0], 1) for name, values in times.items()
        },
        "times_faster_than_naive": {
            name: round(medians["naive_float16"] / value, 2) for name, value in medians.items()
        },
        "machine": machine(),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
