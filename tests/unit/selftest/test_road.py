# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest

from vackit.errors import EvaluationError
from vackit.selftest import digits
from vackit.selftest.road import BUILD, Road, check_numbers, find_configs
from vackit.selftest.runner import CommandRunner

SCORES = {"n": 360, "top1_count": 357, "top5_count": 360}
RECORD = {"n": 360, "top1_count": 357}


class FakeRunner(CommandRunner):
    """Answers what the commands would print, and keeps what was asked of them."""

    def __init__(self) -> None:
        super().__init__(lambda line: None)
        self.lines: list[str] = []

    def run(self, command: str, *arguments: object) -> str:
        self.lines.append(" ".join([command, *map(str, arguments)]))
        return ""

    def run_json(self, command: str, *arguments: object) -> Any:
        self.run(command, *arguments)
        if command == "vamc":
            name = next(str(a) for a in arguments if str(a).startswith("name="))
            return {"prefix": f"out/deploy_weights/{name.removeprefix('name=')}/mod"}
        return SCORES if command in ("vamp_eval", "eval_topk") else {"throughput": 1}


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_walk_runs_the_commands_of_the_road_in_order(in_tmp: Path) -> None:
    runner = FakeRunner()
    report = Road(Path("out"), runner).walk()
    names = [line.split()[0] for line in runner.lines]
    assert names == [
        *("image2npz", "vamc", "vamc", "vamp", "vamp"),
        *("vamp", "vamp_eval", "vamp", "vamp_eval", "runstream", "eval_topk"),
    ]
    assert report["n"] == 360
    assert report["accuracy"] == {"int8": SCORES, "fp32": SCORES}


def test_walk_writes_the_digits_as_files_first(in_tmp: Path) -> None:
    Road(Path("out"), FakeRunner()).walk()
    assert len(list(Path("out/val").rglob("*.png"))) == 360
    assert sorted(path.name for path in Path("out/calib").iterdir()) == list("0123456789")


def test_walk_builds_both_dtypes_on_the_calibration_images(in_tmp: Path) -> None:
    runner = FakeRunner()
    Road(Path("out"), runner).walk()
    int8, fp32 = (line for line in runner.lines if line.startswith("vamc build"))
    assert "--set name=vackit_digits_int8 --set backend.dtype=int8" in int8
    assert "--set name=vackit_digits_fp32 --set backend.dtype=fp32" in fp32
    for line in (int8, fp32):
        assert "--set dataset.path=out/calib" in line
        assert "--set workspace.path=out/deploy_weights" in line


def test_walk_passes_force_to_the_commands_that_write(in_tmp: Path) -> None:
    runner = FakeRunner()
    Road(Path("out"), runner, force=True).walk()
    forced = [line for line in runner.lines if "--force" in line.split()]
    assert [line.split()[0] for line in forced] == [
        *("image2npz", "vamc", "vamc", "vamp", "vamp", "runstream"),
    ]


def test_find_configs_takes_what_the_user_edits_in_the_current_folder(in_tmp: Path) -> None:
    (in_tmp / "vacc_code" / BUILD).parent.mkdir(parents=True)
    (in_tmp / "vacc_code" / BUILD).touch()
    configs = find_configs(in_tmp)
    assert configs.build == Path("vacc_code") / BUILD
    assert configs.overrides == ()


def test_find_configs_falls_back_on_the_packaged_files(in_tmp: Path) -> None:
    configs = find_configs(in_tmp)
    assert configs.build == digits.data_path("configs") / BUILD
    assert configs.overrides == ("--set", f"frontend.checkpoint={digits.model_path()}")


def test_packaged_configs_are_those_of_vacc_code(repo_root: Path) -> None:
    folder = digits.data_path("configs")
    packaged = sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(packaged) == 3
    for path in packaged:
        original = repo_root / "vacc_code" / path.relative_to(folder)
        assert path.read_bytes() == original.read_bytes(), f"copy {original} to {path}"


def test_check_numbers_accepts_what_agrees() -> None:
    check_numbers({"fp32": SCORES, "int8": SCORES}, SCORES, RECORD)


def test_check_numbers_refuses_another_number_of_images() -> None:
    fewer = {**SCORES, "n": 359}
    with pytest.raises(EvaluationError, match=r"int8: 359 images were scored, .* has 360"):
        check_numbers({"fp32": SCORES, "int8": fewer}, SCORES, RECORD)


def test_check_numbers_refuses_two_roads_that_disagree() -> None:
    other = {**SCORES, "top1_count": 356}
    with pytest.raises(EvaluationError, match=r"356 through runstream .* 357 through vamp"):
        check_numbers({"fp32": SCORES, "int8": SCORES}, other, RECORD)


def test_check_numbers_refuses_another_accuracy_than_recorded() -> None:
    worse = {**SCORES, "top1_count": 354}
    with pytest.raises(EvaluationError, match="float32 top-1 is 354 of 360, recorded are 357"):
        check_numbers({"fp32": worse, "int8": SCORES}, SCORES, RECORD)
