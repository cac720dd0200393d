# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo: digits to image files to npz to artifacts to accuracy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vackit.errors import EvaluationError
from vackit.selftest import digits
from vackit.selftest.images import write_images
from vackit.selftest.runner import CommandRunner, display_path

BUILD = Path("build/vackit_digits.yaml")
VDSP_PARAMS = Path("vdsp_params/vackit-digits-vdsp_params.json")
DTYPES = ("int8", "fp32")
SPEED_SECONDS = 3
# float16 preprocessing may turn an image that lies between two classes
TOLERATED_IMAGES = 2


@dataclass(frozen=True)
class Configs:
    """The demo's configuration files.

    ``overrides`` are what ``vamc`` needs besides: the packaged build YAML stands elsewhere
    than the path of its checkpoint assumes.
    """

    build: Path
    vdsp_params: Path
    overrides: tuple[str, ...] = ()


def find_configs(here: Path) -> Configs:
    """Return the files of ``here/vacc_code`` where they stand there, else the packaged ones."""
    folder = here / "vacc_code"
    overrides: tuple[str, ...] = ()
    if not (folder / BUILD).is_file():
        folder = digits.data_path("configs")
        overrides = ("--set", f"frontend.checkpoint={digits.model_path()}")
    return Configs(display_path(folder / BUILD), display_path(folder / VDSP_PARAMS), overrides)


class Road:
    """One walk through all commands, writing below ``output``.

    Args:
        output: Made where it is missing; shown in the commands as given.
        runner: Runs the commands.
        force: Pass ``--force`` to the commands that write.
    """

    def __init__(self, output: Path, runner: CommandRunner, *, force: bool = False) -> None:
        self.output = output
        self._runner = runner
        self._force = ("--force",) if force else ()
        self._configs = find_configs(Path.cwd())
        self._datalist = output / "npz_datalist.txt"

    def walk(self) -> dict[str, Any]:
        """Run every step; return the numbers of the table, JSON-ready.

        Raises:
            CommandFailedError: A command stopped.
            EvaluationError: The numbers contradict each other or the recorded accuracy.
        """
        self._prepare()
        prefixes = {dtype: self._build(dtype) for dtype in DTYPES}
        speed = {dtype: self._speed(prefixes[dtype]) for dtype in DTYPES}
        accuracy = {dtype: self._accuracy(dtype, prefixes[dtype]) for dtype in DTYPES}
        streamed = self._stream(prefixes["int8"])
        record = digits.load_record()
        check_numbers(accuracy, streamed, record)
        return {
            "model": record["model"],
            "n": accuracy["fp32"]["n"],
            "accuracy": accuracy,
            "runstream_int8": streamed,
            "speed": speed,
            "recorded": record,
        }

    def _prepare(self) -> None:
        write_images(digits.load_heldout(), self.output / "val")
        write_images(digits.load_calibration(), self.output / "calib")
        paths = ("--dataset_path", self.output / "val", "--target_path", self.output / "npz")
        self._runner.run_json("image2npz", *paths, "--text_path", self._datalist, *self._force)

    def _build(self, dtype: str) -> str:
        settings = {
            "name": f"vackit_digits_{dtype}",
            "backend.dtype": dtype,
            "dataset.path": self.output / "calib",
            "workspace.path": self.output / "deploy_weights",
        }
        overrides = [
            part for key, value in settings.items() for part in ("--set", f"{key}={value}")
        ]
        report = self._runner.run_json(
            "vamc", "build", self._configs.build, *self._configs.overrides, *overrides, *self._force
        )
        return str(report["prefix"])

    def _speed(self, prefix: str) -> Any:
        return self._runner.run_json(
            "vamp", *self._model(prefix), "-s", "3,8,8", "-t", SPEED_SECONDS
        )

    def _accuracy(self, dtype: str, prefix: str) -> Any:
        results = self.output / f"results_{dtype}"
        paths = ("--datalist", self._datalist, "--path_output", results)
        self._runner.run_json("vamp", *self._model(prefix), *paths, *self._force)
        return self._runner.run_json(
            "vamp_eval", "--result_path", results, "--datalist", self._datalist
        )

    def _stream(self, prefix: str) -> Any:
        text = self.output / "int8_topk.txt"
        info = ("--model_info", f"{prefix}.model_info.json")
        vdsp = ("--vdsp_params_info", self._configs.vdsp_params)
        names = ("--label_txt", display_path(digits.data_path("digits_classes.txt")))
        images = ("--file_path", self.output / "val")
        save = ("--save_dir", text, *self._force)
        self._runner.run("runstream", "sample_cls.py", *images, *info, *vdsp, *names, *save)
        return self._runner.run_json("eval_topk", text)

    def _model(self, prefix: str) -> tuple[object, ...]:
        return ("-m", prefix, "--vdsp_params", self._configs.vdsp_params)


def check_numbers(
    accuracy: dict[str, Any], streamed: dict[str, Any], record: dict[str, Any]
) -> None:
    """Raise `EvaluationError` where a number is not what the others say it must be."""
    for what, scores in {**accuracy, "runstream": streamed}.items():
        if scores["n"] != record["n"]:
            raise EvaluationError(
                f"{scores['n']} images were scored, the embedded set has {record['n']}",
                where=what,
                hint="remove the demo's output folder and run it again",
            )
    if streamed["top1_count"] != accuracy["int8"]["top1_count"]:
        raise EvaluationError(
            f"top-1 is {streamed['top1_count']} through runstream and eval_topk, "
            f"{accuracy['int8']['top1_count']} through vamp and vamp_eval"
        )
    measured = accuracy["fp32"]["top1_count"]
    if abs(measured - record["top1_count"]) > TOLERATED_IMAGES:
        raise EvaluationError(
            f"float32 top-1 is {measured} of {record['n']}, recorded are {record['top1_count']}"
        )
