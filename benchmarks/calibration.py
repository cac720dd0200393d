# SPDX-License-Identifier: Apache-2.0
"""Time and memory of calibration, against the forward passes alone and ONNX Runtime's.

usage: python benchmarks/calibration.py [--images 1000] [--rounds 3]

Writes benchmarks/results/calibration.json. ShuffleNetV2 x1.0 and MobileNetV2 with seeded
weights, in the form that the passes leave; images are decoded arrays (smooth noise, made
anew for each image, so that no memory grows with their number but a calibrator's). Every
way runs in a process of its own, in turns; medians of wall and processor seconds, the
largest peak of resident memory. ONNX Runtime's calibrators get 50 images: they keep every
value of every image. "forward" is the float32 model in ONNX Runtime with its defaults;
"forward, workers" runs it as the calibrator does, one image to a thread, several at a time.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "calibration.json"
MODELS = ("shufflenet_v2_x1.0", "mobilenet_v2")
MODES = ("max", "percentile", "kl_divergence", "mse")
PEERS = ("MinMax", "Percentile", "Entropy")
FORWARD, FORWARD_WORKERS = "forward", "forward, workers"
PEER_IMAGES = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        model, way, images, path = args.one
        print(json.dumps(run_one(way, Path(path) / f"{model}.onnx", int(images))))
        return
    from machine import describe_machine

    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            write_model(name, Path(folder) / f"{name}.onnx")
        models = {name: measure(name, Path(folder), args) for name in MODELS}
    result = {
        "machine": describe_machine("numpy", "onnx", "onnxruntime"),
        "rounds": args.rounds,
        "models": models,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(models, indent=2))


def measure(name: str, folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    ways = [(way, args.images) for way in (FORWARD, FORWARD_WORKERS, *MODES)]
    ways += [(way, PEER_IMAGES) for way in (FORWARD, "max", *PEERS)]
    seconds: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    cpu: dict[tuple[str, int], list[float]] = {way: [] for way in ways}
    peaks = dict.fromkeys(ways, 0.0)
    for _ in range(args.rounds):
        for way, images in ways:
            command = [sys.executable, __file__, "--one", name, way, str(images), str(folder)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            # the last line: ONNX Runtime prints its own before it
            got = json.loads(done.stdout.splitlines()[-1])
            seconds[way, images].append(got["seconds"])
            cpu[way, images].append(got["cpu_seconds"])
            peaks[way, images] = max(peaks[way, images], got["peak_mb"])
            print(name, way, images, got, file=sys.stderr, flush=True)
    rows = []
    for way, images in ways:
        forwards = seconds[FORWARD, images]
        ratios = [a / b for a, b in zip(seconds[way, images], forwards, strict=True)]
        rows.append(
            {
                "way": f"onnxruntime {way}" if way in PEERS else way,
                "images": images,
                "seconds": round(statistics.median(seconds[way, images]), 2),
                "cpu_seconds": round(statistics.median(cpu[way, images]), 2),
                "peak_mb": round(peaks[way, images]),
                "times_forward": round(statistics.median(ratios), 2),
            }
        )
    return {"ways": rows}


def write_model(name: str, path: Path) -> None:
    import onnx

    from vackit.compiler.opset import raise_opset
    from vackit.compiler.passes import run_float_passes
    from vackit.testing.mobilenet import mobilenet_v2
    from vackit.testing.shufflenet import shufflenet_v2

    model = mobilenet_v2() if name == "mobilenet_v2" else shufflenet_v2()
    raise_opset(model, name)
    run_float_passes(model, name)
    onnx.save(model, path)


def samples(count: int) -> Iterator[Any]:
    """Yield normalized images, (1, 3, 224, 224), float32: coarse noise, scaled up."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for _ in range(count):
        image = cv2.resize(rng.standard_normal((28, 28, 3), np.float32), (224, 224))
        yield np.ascontiguousarray(image.transpose(2, 0, 1))[np.newaxis]


def run_one(way: str, path: Path, images: int) -> dict[str, float]:
    work = _work(way, path, images)
    start, start_cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": round(time.perf_counter() - start, 3),
        "cpu_seconds": round(time.process_time() - start_cpu, 3),
        "peak_mb": round(_peak_mb(), 1),
    }


def _work(way: str, path: Path, images: int) -> Callable[[], None]:
    if way in PEERS:
        return _peer(way, path, images)
    if way in MODES:
        return _ours(way, path, images)
    return _forward(path, images, together=way == FORWARD_WORKERS)


def _forward(path: Path, images: int, *, together: bool) -> Callable[[], None]:
    import onnxruntime as ort

    from vackit.compiler.calibration.collect import default_workers

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1 if together else 0
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def work() -> None:
        if not together:
            for sample in samples(images):
                session.run(None, {"input": sample})
            return
        with ThreadPoolExecutor(default_workers()) as pool:
            waiting = []
            for sample in samples(images):
                waiting.append(pool.submit(session.run, None, {"input": sample}))
                if len(waiting) > default_workers():
                    waiting.pop(0).result()

    return work


def _ours(mode: str, path: Path, images: int) -> Callable[[], None]:
    import onnx

    from vackit.compiler.calibration.collect import Collector, State
    from vackit.compiler.calibration.modes import choose_range
    from vackit.compiler.calibration.statistics import Statistics, samples_per_image
    from vackit.compiler.placement import place

    model = onnx.load(path)
    groups = place(model).groups
    names = [name for name, group in groups.items() if name == group]
    samples_each = samples_per_image(images)
    collector = Collector(model, names, path, samples=samples_each)

    def work() -> None:
        state = State(Statistics(len(names), samples_each))
        feeds = ((str(i), {"input": sample}) for i, sample in enumerate(samples(images)))
        collector.collect(feeds, images, state)
        total = state.total
        for i in range(len(names)):
            choose_range(mode, total.low[i], total.high[i], total.histogram(i), None)

    return work


def _peer(method: str, path: Path, images: int) -> Callable[[], None]:
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._samples = samples(images)

        def get_next(self) -> dict[str, Any] | None:
            sample = next(self._samples, None)
            return None if sample is None else {"input": sample}

    calibrator = create_calibrator(
        path,
        None,
        augmented_model_path=str(path.with_suffix(f".{method}.onnx")),
        calibrate_method=getattr(CalibrationMethod, method),
    )

    def work() -> None:
        calibrator.collect_data(Reader())
        calibrator.compute_data()

    return work


def _peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
