# SPDX-License-Identifier: Apache-2.0
"""``runstream`` as its users run it: a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.testing.tiny_artifacts import write_tiny_artifact

RUNSTREAM = [
    sys.executable, "-c", "import sys; from vackit.cli.runstream import main; sys.exit(main())",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def runstream(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*RUNSTREAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_program_streams_on_the_chosen_device_in_silence() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    Path("program.py").write_text(
        "import numpy as np\n"
        "from vackit.artifact.store import open_artifact\n"
        "from vackit.devices.registry import get_device\n"
        "from vackit.stream.graph import make_graph\n"
        "from vackit.stream.stream import Stream\n"
        "with get_device(None).load(open_artifact('mod')) as program:\n"
        "    with Stream(make_graph(program), workers=2, max_batch=4) as stream:\n"
        "        samples = [np.full((3, 8, 8), i, np.float32) for i in range(20)]\n"
        "        print([int(out[0].max()) for out in stream.map(samples)])\n"
    )
    done = runstream("program.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{list(range(20))}\n"
    done = runstream("--device", "null", "program.py")
    assert done.stdout == f"{[0] * 20}\n"


def test_older_names_are_there_from_the_first_line() -> None:
    Path("helpers.py").write_text(
        "from collections import Iterable\n"
        "import numpy as np\n"
        "from PIL.Image import ANTIALIAS\n"
        "def made(dtype=np.float, kind=np.int0):\n"
        "    return dtype(2), isinstance([], Iterable)\n"
    )
    Path("program.py").write_text(
        "from helpers import made\nimport vaststreamx as vsx\nprint(made(), vsx.set_device(0))\n"
    )
    done = runstream("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "(2.0, True) 0\n", "")


def test_a_program_that_forgets_to_close_its_stream_ends() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    Path("program.py").write_text(
        "import numpy as np\n"
        "from vackit.artifact.store import open_artifact\n"
        "from vackit.devices.registry import get_device\n"
        "from vackit.stream.graph import make_graph\n"
        "from vackit.stream.stream import Stream\n"
        "stream = Stream(make_graph(get_device(None).load(open_artifact('mod'))), workers=2)\n"
        "print(stream.run_sync(np.zeros((3, 8, 8), np.float32))[0].shape)\n"
    )
    done = runstream("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1, 3, 8, 8)\n", "")


def test_a_program_may_start_processes_of_its_own() -> None:
    Path("program.py").write_text(
        "import multiprocessing\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1, 2]))\n"
    )
    done = runstream("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[2, 4]\n", "")


OPS = (
    "from vackit.compat.vaststreamx.custom_ops.registry import register\n"
    "@register('doubler')\n"
    "def doubler(call):\n"
    "    return [call.array(0) * 2]\n"
)
DOUBLE = (
    "import vaststreamx as vsx\n"
    "def double():\n"
    "    op = vsx.CustomOperator('doubler', 'elf')\n"
    "    return vsx.as_numpy(op.run_sync([vsx.from_numpy([1, 2])])[0]).tolist()\n"
)


def test_processes_of_a_program_find_the_modules_and_custom_operators() -> None:
    Path("ops.py").write_text(OPS)
    Path("other.py").write_text(f"{DOUBLE}print(double())\n")
    Path("program.py").write_text(
        f"{DOUBLE}"
        "import multiprocessing, subprocess, sys\n"
        "if __name__ == '__main__':\n"
        "    for method in ('spawn', 'fork'):\n"
        "        with multiprocessing.get_context(method).Pool(1) as pool:\n"
        "            print(method, pool.apply(double))\n"
        "    print(subprocess.check_output('python3 other.py', shell=True, text=True), end='')\n"
        "    print(double())\n"
    )
    done = runstream("--ops", "ops.py", "program.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "spawn [2, 4]\nfork [2, 4]\n[2, 4]\n[2, 4]\n"


def test_a_test_suite_runs_programs_by_their_interpreter() -> None:
    # published suites start programs with PATH's python, and fail on anything on stderr
    Path("program.py").write_text(
        "import numpy as np, vaststreamx as vsx\n"
        "print(np.zeros(2, np.int).dtype, vsx.set_device(0))\n"
        "import warnings, logging, cv2\n"
        "logging.getLogger('vackit.x').warning('kept back')\n"
        "cv2.imread('not there.png')\n"
        "warnings.warn('old', DeprecationWarning)\n"
    )
    Path("test_suite.py").write_text(
        "import subprocess\n"
        "def test_program():\n"
        "    done = subprocess.run(['python3', 'program.py'], capture_output=True, text=True)\n"
        "    assert (done.stdout, done.stderr) == ('int64 0\\n', '')\n"
    )
    done = runstream("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_suite.py")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    folder = runstream("--path").stdout.strip()
    plain = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": folder, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    assert (plain.stdout, plain.stderr) == ("int64 0\n", "")


def test_threads_that_outlive_the_main_code_still_find_the_modules() -> None:
    Path("program.py").write_text(
        "import sys, threading\n"
        "def late():\n"
        "    threading.main_thread().join()\n"
        "    import vaststreamx\n"
        "    print(vaststreamx.set_device(0), sys.argv)\n"
        "threading.Thread(target=late).start()\n"
    )
    done = runstream("./program.py", "a")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 ['./program.py', 'a']\n", "")


def test_a_profile_does_not_wait_for_a_pool_that_was_left_open() -> None:
    Path("program.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(1)\n"
        "pool.submit(print, 'pooled')\n"
    )
    done = runstream("--profile", "program.py")
    assert (done.returncode, done.stdout) == (0, "pooled\n")
    assert done.stderr.startswith("operator")


def test_an_error_of_the_sample_is_a_message() -> None:
    cv2.imwrite("a.png", np.zeros((8, 8, 3), np.uint8))
    config = {"IimageFormat": "RGB_PLANAR", "NormaType": "DIV255", "ColorCvtCode": "NO_CHANGE"}
    params = {"OpType": "FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", "OpConfig": config}
    Path("vdsp.json").write_text(json.dumps(params))
    Path("info.json").write_text(
        json.dumps(
            {
                "model_name": "x",
                "model_lib_path": "none/mod.onnx",
                "model_graph_path": "none/mod.vackit.json",
                "model_params_path": "none/mod.onnx.data",
                "hw_config_file": None,
            }
        )
    )
    done = runstream(
        "sample_cls.py", "--file_path", "a.png", "--model_info", "info.json",
        "--vdsp_params_info", "vdsp.json",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "none/mod: no compiled artifact here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_sample_classifies_real_images(shared: Path, tmp_path: Path) -> None:
    # what every commit must keep: the recorded top-1 of the smallest real model
    from vackit.compiler.pipeline import build
    from vackit.config.build import load_build_config

    Path("build.yaml").write_text(
        "name: mobilenet\n"
        "frontend:\n"
        "  type: onnx\n"
        f"  checkpoint: {shared}/models/mobilenetv1_025_keras.onnx\n"
        "  shape: {input: [1, 3, 224, 224]}\n"
        "backend: {type: tvm_vacc, dtype: fp32}\n"
        "workspace: {path: deploy}\n"
    )
    build(load_build_config(Path("build.yaml")))
    config = {
        "IimageFormat": "RGB_PLANAR", "IimageWidth": 256, "IimageHeight": 256,
        "ResizeWidth": 256, "ResizeHeight": 256, "ResizeType": "BILINEAR_CV",
        "CropX": 16, "CropY": 16, "OimageWidth": 224, "OimageHeight": 224,
        "ColorCvtCode": "NO_CHANGE", "NormaType": "DIV1275_MINUSONE",
    }  # fmt: skip
    params = {"OpType": "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR", "OpConfig": config}
    Path("vdsp.json").write_text(json.dumps(params))
    done = runstream(
        "sample_cls.py", "--file_path", str(shared / "imagenet/val"),
        "--model_info", "deploy/mobilenet/mod.model_info.json", "--batch", "8",
        "--vdsp_params_info", "vdsp.json", "--topk", "1", "--save_dir", "out.txt",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    synsets = (shared / "imagenet/synsets.txt").read_text().split()
    right = 0
    for line in Path("out.txt").read_text().splitlines():
        path, _, rest = line.partition(": Relay top-0 id: ")
        right += int(rest.partition(",")[0]) == synsets.index(Path(path).parent.name)
    baseline = json.loads((shared / "imagenet/baselines.json").read_text())["val"]["models"]
    # two images: another ONNX Runtime may add floats in another order
    assert abs(right - baseline["mobilenetv1_025_keras"]["top1_count"]) <= 2
