# SPDX-License-Identifier: Apache-2.0
import hashlib
from pathlib import Path

import numpy as np
import pytest

from vackit.config.build_types import CustomFunc
from vackit.errors import DataError
from vackit.vdsp.custom_func import CustomFunction

IMAGE = Path("picture.jpg")


def function(
    tmp_path: Path, body: str, shape: tuple[int, ...] | None = (1, 3, 2, 2)
) -> CustomFunction:
    path = tmp_path / "process.py"
    path.write_text(f"import numpy as np\ndef f(image_file, input_shape=None):\n    {body}\n")
    return CustomFunction(CustomFunc(path, "f", shape))


def test_custom_function_gets_the_file_and_the_shape(tmp_path: Path) -> None:
    custom = function(tmp_path, "return np.full(input_shape, len(image_file), np.float64)")
    result = custom(IMAGE)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, np.full((3, 2, 2), len("picture.jpg")))


def test_custom_function_uses_its_own_default_without_a_shape(tmp_path: Path) -> None:
    custom = function(tmp_path, "assert input_shape is None; return np.zeros((1, 5, 6))", None)
    assert custom(IMAGE).shape == (1, 5, 6)


def test_custom_function_takes_pixels_and_chw(tmp_path: Path) -> None:
    custom = function(tmp_path, "return np.arange(12, dtype=np.uint8).reshape(3, 2, 2)")
    assert custom(IMAGE)[2, 1, 1] == 11


def test_custom_function_knows_the_sha256_of_what_runs(tmp_path: Path) -> None:
    custom = function(tmp_path, "return np.zeros((3, 2, 2))")
    source = (tmp_path / "process.py").read_bytes()
    assert custom.sha256 == hashlib.sha256(source).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["process.py"]  # no __pycache__


def test_custom_function_may_define_dataclasses(tmp_path: Path) -> None:
    path = tmp_path / "process.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from typing import ClassVar\nimport numpy as np\n"
        "@dataclass\nclass Size:\n    side: int = 4\n    unit: ClassVar[str] = 'px'\n"
        "def f(image_file):\n    return np.zeros((3, Size().side, Size().side))\n"
    )
    assert CustomFunction(CustomFunc(path, "f"))(IMAGE).shape == (3, 4, 4)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('x')", r"picture\.jpg: f raised KeyError: 'x'"),
        ("return None", "f returned NoneType, expected a numpy array"),
        ("return np.array([['a']])", "f returned dtype <U1, expected numbers"),
        ("return np.zeros((2, 3, 2, 2))", r"f returned shape \(2, 3, 2, 2\), expected \(channels"),
        (
            "return np.zeros((3, 2))",
            r"returned shape \(3, 2\), expected \(channels, height, width\)",
        ),
        ("return np.zeros((3, 0, 2))", r"f returned shape \(3, 0, 2\), expected"),
        ("return np.zeros((2, 2, 3))", r"returned shape \(2, 2, 3\), expected \(1, 3, 2, 2\)"),
        ("return np.full((3, 2, 2), np.nan)", "f returned NaN or infinity"),
        ("return np.full((3, 2, 2), 1e300)", "f returned NaN or infinity"),
    ],
    ids=["raises", "none", "text", "batch", "2d", "empty", "hwc", "nan", "too-large"],
)
def test_custom_function_result_is_checked(tmp_path: Path, body: str, message: str) -> None:
    custom = function(tmp_path, body)
    with pytest.raises(DataError, match=message):
        custom(IMAGE)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:", r"process\.py: CustomFunc module raised SyntaxError"),
        ("import no_such_module", "CustomFunc module raised ModuleNotFoundError: No module named"),
        ("g = 1", r"process\.py: has no function 'f'"),
        ("f = 1", r"process\.py: has no function 'f'"),
    ],
    ids=["syntax", "import", "missing", "not-callable"],
)
def test_custom_function_names_a_module_that_does_not_load(
    tmp_path: Path, source: str, message: str
) -> None:
    path = tmp_path / "process.py"
    path.write_text(source)
    with pytest.raises(DataError, match=message):
        CustomFunction(CustomFunc(path, "f"))


def test_custom_function_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"gone\.py: CustomFunc module cannot be read: no such file"
    ):
        CustomFunction(CustomFunc(tmp_path / "gone.py", "f"))
