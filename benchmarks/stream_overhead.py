# SPDX-License-Identifier: Apache-2.0
"""Time the stream against a bare ONNX Runtime loop that does the same work.

usage: python benchmarks/stream_overhead.py [--rounds 51] [--sessions 7]

Writes benchmarks/results/stream_overhead.json. ShuffleNetV2 x1.0 int8 from the seeded builder
(speed depends on shapes, not on weights), images of 256x320, the same preprocessing, one
worker and one thread of ONNX Runtime on both sides. Rounds take turns; what counts is the
median of the rounds' ratios, where what the machine does to both cancels out. Where memory
comes to lie is chance and worth as much as the stream: so sessions are opened anew several
times, and what is recorded are the medians over them, and every session's ratio. Cores differ
too, by what others do on them: the process stays on one, where the stream's thread and the
caller's take turns, and nothing that they do is hidden behind the other.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from machine import describe_machine

from vackit.artifact.store import Artifact, open_artifact
from vackit.compiler.pipeline import build
from vackit.config.build import load_build_config
from vackit.config.vdsp_types import VdspParams
from vackit.data.npz import write_npz
from vackit.devices.base import Program
from vackit.devices.registry import get_device
from vackit.stream.graph import make_graph
from vackit.stream.stream import Stream
from vackit.testing.shufflenet import shufflenet_v2
from vackit.vdsp.fusion import FusionOperator

RESULT = Path(__file__).parent / "results" / "stream_overhead.json"
NUM_IMAGES = 16
CONFIG = """
name: shufflenet_v2
frontend: {{type: onnx, checkpoint: {folder}/model.onnx, dtype: fp32,
  shape: {{input: [1, 3, 224, 224]}}}}
backend:
  type: tvm_vacc
  dtype: int8
  quantize: {{calibrate_mode: max, quantize_per_channel: true}}
dataset: {{type: tvm, path: {folder}/samples, sampler: {{suffix: npz, get_data_num: 4}}}}
workspace: {{path: {folder}}}
"""
VDSP = VdspParams(
    "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR",
    output_size=(224, 224),
    resize_size=(256, 256),
    crop_xy=(16, 16),
    norma_type="DIV255_MINUSMEAN_DIVSTD",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
Images = list[np.ndarray[Any, Any]]


def artifact_prefix(folder: Path) -> Path:
    """Build the model; return its artifact's prefix."""
    random = np.random.default_rng(0)
    for i in range(4):
        sample = random.standard_normal((3, 224, 224)).astype(np.float32)
        write_npz(folder / "samples" / f"{i}.npz", {"input_0": sample})
    onnx.save(shufflenet_v2("torchvision", "1.0"), folder / "model.onnx")
    (folder / "build.yaml").write_text(CONFIG.format(folder=folder))
    return build(load_build_config(folder / "build.yaml")).prefix


def bare_loop(program: Program, images: Images, batch: int) -> Callable[[], None]:
    """Return the loop that a person would write on ONNX Runtime."""
    operator = FusionOperator(VDSP, (224, 224), "float32")
    session: Any = program._session  # type: ignore[attr-defined]
    (name,) = (spec.name for spec in program.inputs)

    def loop() -> None:
        for start in range(0, len(images), batch):
            batch_images = images[start : start + batch]
            feed = np.stack([operator(image) for image in batch_images])
            outputs = session.run(None, {name: feed})
            _ = [outputs[0][i] for i in range(batch)]

    return loop


def stream_loop(stream: Stream, images: Images) -> Callable[[], None]:
    """Return the same work through a stream."""

    def loop() -> None:
        for _ in stream.map(images):
            pass

    return loop


def measure(program: Program, batch: int, rounds: int) -> dict[str, Any]:
    """Return per image the medians in milliseconds, and page faults; medians of the ratios."""
    random = np.random.default_rng(1)
    images = [random.integers(0, 256, (3, 256, 320), np.uint8) for _ in range(NUM_IMAGES)]
    graph = make_graph(program, VDSP)
    with Stream(graph, workers=1, max_batch=batch, max_delay_us=None) as stream:
        loops = {"bare": bare_loop(program, images, batch), "stream": stream_loop(stream, images)}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
        faults = dict.fromkeys(loops, 0)
        for turn in range(rounds + 1):
            for name in list(loops) if turn % 2 else list(loops)[::-1]:
                before, wall, cpu = _page_faults(), time.perf_counter(), time.process_time()
                loops[name]()
                spent = (time.perf_counter() - wall, time.process_time() - cpu)
                if turn:  # the first round warms up
                    times[name].append(spent)
                    faults[name] += _page_faults() - before
    measured: dict[str, Any] = {
        kind: {
            **{f"{name}_ms": _median_ms([one[i] for one in times[name]]) for name in loops},
            "overhead_percent": _overhead(
                [(a[i], b[i]) for a, b in zip(*times.values(), strict=True)]
            ),
        }
        for i, kind in enumerate(("wall", "cpu"))
    }
    # whether an allocator gives memory back is chance, and costs up to a third of the time
    measured["page_faults_per_image"] = {
        name: round(count / rounds / NUM_IMAGES, 1) for name, count in faults.items()
    }
    return measured


def _page_faults() -> int:
    """Return how many pages the process has had to get from the system so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _median_ms(seconds: list[float]) -> float:
    return round(statistics.median(seconds) / NUM_IMAGES * 1e3, 4)


def _overhead(pairs: list[tuple[float, float]]) -> float:
    return round((statistics.median(stream / bare for bare, stream in pairs) - 1) * 100, 2)


def session(artifact: Artifact, batch: int, rounds: int) -> dict[str, Any]:
    """Measure with a program opened anew."""
    with get_device("onnxrt").load(artifact) as program:
        return measure(program, batch, rounds)


def stay_on_one_core() -> None:
    """Keep the process on one of its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def medians(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians over sessions of every number in what `measure` returns."""
    return {
        kind: {
            name: round(statistics.median(one[kind][name] for one in sessions), 4)
            for name in sessions[0][kind]
        }
        for kind in sessions[0]
    }


def ratios(sessions: list[dict[str, Any]]) -> list[float]:
    """Return every session's overhead in percent of the wall time."""
    return [one["wall"]["overhead_percent"] for one in sessions]


def alone(program: Program, batch: int, rounds: int) -> float:
    """Return the CPU microseconds of a sample that passes a stream where nothing is computed."""
    sample = np.zeros((1, 3, 224, 224), np.float32)
    times = []
    with Stream(make_graph(program), max_batch=batch, max_delay_us=None) as stream:
        for _ in range(rounds):
            start = time.process_time()
            for _ in stream.map([sample] * 200):
                pass
            times.append((time.process_time() - start) / 200 * 1e6)
    return round(statistics.median(times), 1)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=51)
    parser.add_argument("--sessions", type=int, default=7)
    args = parser.parse_args()
    results = {}
    machine = describe_machine("onnxruntime", "onnx", "numpy")
    stay_on_one_core()
    with tempfile.TemporaryDirectory() as folder:
        artifact = open_artifact(artifact_prefix(Path(folder)))
        for batch in (1, 8):
            sessions = [session(artifact, batch, args.rounds) for _ in range(args.sessions)]
            results[f"batch_{batch}"] = {**medians(sessions), "sessions": ratios(sessions)}
        with get_device("null").load(artifact) as nothing:
            results["batch_1"]["alone_us"] = alone(nothing, 1, args.rounds)
    print(json.dumps(results, indent=2))
    record = {
        "what": "time per image, preprocessing included; one worker, one thread, one core; cpu: "
        "of all threads of the process, which other programs disturb less",
        "rounds": args.rounds,
        "sessions": args.sessions,
        "images_per_round": NUM_IMAGES,
        "machine": machine,
        "results": results,
    }
    RESULT.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
