# SPDX-License-Identifier: Apache-2.0
"""Time image2npz against the usual loop, whole processes in turns, on generated JPEGs.

usage: python benchmarks/image2npz.py [--images 1000] [--rounds 9] [--jobs 2]

Writes benchmarks/results/image2npz.json. Both sides start a fresh Python, write the same
arrays into an empty folder, and are checked to have done so.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

RESULT = Path(__file__).parent / "results" / "image2npz.json"
HEIGHT, WIDTH = 375, 500

# What conversion scripts do: one image after another
USUAL_LOOP = """
import os, sys
import cv2, numpy as np
source, target = sys.argv[1:]
lines = []
for folder, _, names in os.walk(source):
    for name in names:
        image = cv2.imread(os.path.join(folder, name))
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).transpose(2, 0, 1)
        out = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(out, exist_ok=True)
        path = os.path.abspath(os.path.join(out, os.path.splitext(name)[0] + ".npz"))
        np.savez(path, input_0=image)
        lines.append(path)
open(os.path.join(target, "list.txt"), "w").write("\\n".join(lines))
"""


def make_images(folder: Path, count: int) -> int:
    """Write JPEGs of gradients and noise, 500x375, about 80 KB; return their mean size."""
    rng = np.random.default_rng(0)
    rows = np.linspace(0, 1, HEIGHT)[:, None, None]
    columns = np.linspace(0, 1, WIDTH)[None, :, None]
    sizes = []
    for i in range(count):
        slopes = rng.uniform(40, 200, (2, 3))
        noise = rng.normal(0, 14, (HEIGHT, WIDTH, 3))
        image = np.clip(slopes[0] * rows + slopes[1] * columns + noise, 0, 255)
        path = folder / f"class{i % 10}" / f"image_{i}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 91])
        sizes.append(path.stat().st_size)
    return round(statistics.mean(sizes))


def run(command: list[str]) -> tuple[float, float]:
    """Run a command and return its wall time and its processor time, in seconds."""
    os.sync()  # what the other side wrote must not slow this one down
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def same_arrays(one: Path, other: Path) -> bool:
    """Compare ``input_0`` of every npz below two folders."""
    names = sorted(path.relative_to(one) for path in one.rglob("*.npz"))
    return bool(names) and all(
        np.array_equal(np.load(one / name)["input_0"], np.load(other / name)["input_0"])
        for name in names
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    seconds: dict[str, list[tuple[float, float]]] = {"usual_loop": [], "image2npz": []}
    with tempfile.TemporaryDirectory() as scratch:
        images, usual, ours = (Path(scratch) / name for name in ("images", "usual", "ours"))
        size = make_images(images, args.images)
        launcher = Path(__file__).parent.parent / "tools" / "image2npz.py"
        for _ in range(args.rounds):
            for folder in (usual, ours):
                shutil.rmtree(folder, ignore_errors=True)
            seconds["usual_loop"].append(
                run([sys.executable, "-c", USUAL_LOOP, str(images), str(usual)])
            )
            command = [sys.executable, str(launcher), "--dataset_path", str(images)]
            command += ["--target_path", str(ours), "--text_path", str(ours / "list.txt")]
            seconds["image2npz"].append(run([*command, "-j", str(args.jobs)]))
            if not same_arrays(usual, ours):
                raise SystemExit("the two sides wrote different arrays")
    wall = {name: min(times)[0] for name, times in seconds.items()}
    processor = {name: min(cpu for _, cpu in times) for name, times in seconds.items()}
    result = {
        "what": "whole processes in turns; the best round, as other work only adds time",
        "num_images": args.images,
        "rounds": args.rounds,
        "image": f"JPEG {WIDTH}x{HEIGHT}, {size} bytes on average",
        "jobs": args.jobs,
        "images_per_second": {name: round(args.images / t, 1) for name, t in wall.items()},
        "ratio": round(wall["usual_loop"] / wall["image2npz"], 2),
        "processor_seconds": {name: round(t, 2) for name, t in processor.items()},
        "wall_seconds": {name: [round(t, 2) for t, _ in ts] for name, ts in seconds.items()},
        "machine": {
            "processor": platform.machine(),
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "opencv": cv2.__version__,
            "numpy": np.__version__,
        },
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
