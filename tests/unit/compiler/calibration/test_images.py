# SPDX-License-Identifier: Apache-2.0
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vackit.compiler.calibration.images import CalibrationSet, spread, takes_npz
from vackit.config.build import BuildConfig, CenterCrop, DecodeImage, Normalize, Resize, ToTensor
from vackit.data.npz import write_npz
from vackit.errors import CalibrationError, DataError
from vackit.tensors import TensorSpec
from vackit.vdsp.process import ProcessPipeline

MakeConfig = Callable[..., BuildConfig]
INPUT = TensorSpec("input", (None, 3, 8, 8), "float32", "NCHW")


def _set(config: BuildConfig, inputs: tuple[TensorSpec, ...] = (INPUT,)) -> CalibrationSet:
    assert config.dataset is not None
    npz = takes_npz(config.dataset)
    return CalibrationSet(
        config, inputs, None if npz else ProcessPipeline(config.dataset.process_ops)
    )


@pytest.mark.parametrize(
    ("total", "count", "want"),
    [
        (10, 3, [0, 3, 6]),
        (10, 10, list(range(10))),
        (10, None, list(range(10))),
        (10, 12, list(range(10))),
        (7, 1, [0]),
        (198, 100, [i * 198 // 100 for i in range(100)]),
    ],
    ids=str,
)
def test_spread_takes_every_nth(total: int, count: int | None, want: list[int]) -> None:
    paths = [Path(str(i)) for i in range(total)]
    assert spread(paths, count) == [paths[i] for i in want]


def test_calibration_set_takes_images_in_natural_order(make_config: MakeConfig) -> None:
    images = _set(make_config(None, dataset={"get_data_num": 4}))
    assert [path.name for path in images.paths] == ["img0.png", "img6.png", "img1.png", "img7.png"]
    assert len(images) == 4


def test_calibration_set_preprocesses_to_a_batch_of_one(make_config: MakeConfig) -> None:
    images = _set(make_config(None))
    source, feeds = next(iter(images))
    image = cv2.imread(source)
    assert image is not None
    want = image[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 255
    assert feeds["input"].shape == (1, 3, 8, 8)
    assert feeds["input"].dtype == np.float32
    # one float32 rounding
    np.testing.assert_allclose(feeds["input"][0], want, atol=1e-6)


def test_calibration_set_takes_all_when_there_are_fewer(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(_set(make_config(None, dataset={"get_data_num": 50}))) == 12
    assert "get_data_num asks for 50 files, there are 12: all are taken" in caplog.text


def test_calibration_set_needs_a_folder_with_images(make_config: MakeConfig) -> None:
    config = make_config(None)
    with pytest.raises(CalibrationError, match=r"dataset\.path names none"):
        _set(make_config(None, dataset={"path": None}))
    with pytest.raises(CalibrationError, match=r"dataset\.path names none"):
        CalibrationSet(dataclasses.replace(config, dataset=None), (INPUT,), None)
    with pytest.raises(CalibrationError, match="nowhere: the calibration set: no such folder"):
        _set(make_config(None, dataset={"path": Path("nowhere")}))


def test_calibration_set_says_what_it_saw_when_the_suffix_fits_nothing(
    make_config: MakeConfig,
) -> None:
    with pytest.raises(CalibrationError, match=r"no files ending in \.JPEG \(12 files seen"):
        _set(make_config(None, dataset={"suffix": "JPEG"}))


@pytest.mark.parametrize(
    ("ops", "hint"),
    [
        ((Resize((16, 16)),), "set size of Resize in dataset.process_ops to [8, 8]"),
        (
            (Resize((16, 16)), CenterCrop((12, 12))),
            "set crop_size of CenterCrop in dataset.process_ops to [8, 8]",
        ),
    ],
    ids=["resize", "crop"],
)
def test_calibration_set_says_which_op_to_change_when_sizes_differ(
    make_config: MakeConfig, ops: tuple[Any, ...], hint: str
) -> None:
    chain = (DecodeImage(), *ops, Normalize(), ToTensor())
    images = _set(make_config(None, dataset={"process_ops": chain}))
    with pytest.raises(
        CalibrationError, match=r"is \(3, 1[26], 1[26]\); .* takes \(3, 8, 8\)"
    ) as caught:
        list(images)
    assert caught.value.hint == hint
    assert caught.value.where.endswith("img0.png")


def test_calibration_set_names_an_unreadable_image(make_config: MakeConfig, images: Path) -> None:
    (images / "class0" / "img4.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"img4\.png"):
        list(_set(make_config(None)))


def test_calibration_set_refuses_images_for_several_inputs(make_config: MakeConfig) -> None:
    two = (INPUT, TensorSpec("mask", (None, 8), "float32"))
    with pytest.raises(CalibrationError, match="make one input, the model has 2: input, mask"):
        _set(make_config(None), two)


def test_calibration_set_sha256_tells_names_and_contents(
    make_config: MakeConfig, images: Path, tmp_path: Path
) -> None:
    config = make_config(None)
    before = _set(config).sha256()
    moved = shutil.copytree(images, tmp_path / "elsewhere")
    assert _set(make_config(None, dataset={"path": moved})).sha256() == before
    (moved / "class0" / "img0.png").rename(moved / "class0" / "img00.png")
    assert _set(make_config(None, dataset={"path": moved})).sha256() != before
    cv2.imwrite(str(images / "class0" / "img0.png"), np.zeros((8, 8, 3), np.uint8))
    assert _set(config).sha256() != before


def _npz_config(make_config: MakeConfig, folder: Path, *arrays: Any) -> BuildConfig:
    folder.mkdir()
    for index, named in enumerate(arrays):
        write_npz(folder / f"{index}.npz", named)
    return make_config(None, dataset={"path": folder, "suffix": "npz", "process_ops": ()})


def test_calibration_set_takes_arrays_from_npz(make_config: MakeConfig, tmp_path: Path) -> None:
    inputs = (INPUT, TensorSpec("mask", (None, 2), "float32"))
    image, mask = np.ones((3, 8, 8), np.float32), np.zeros((1, 2), np.float32)
    config = _npz_config(make_config, tmp_path / "npz", {"input_0": image, "input_1": mask})
    ((_, feeds),) = _set(config, inputs)
    assert {name: array.shape for name, array in feeds.items()} == {
        "input": (1, 3, 8, 8),
        "mask": (1, 2),
    }


def test_calibration_set_of_images_asks_for_process_ops(make_config: MakeConfig) -> None:
    config = make_config(None, dataset={"suffix": "npz", "process_ops": ()})
    with pytest.raises(CalibrationError, match=r"no files ending in \.npz") as caught:
        _set(config)
    assert caught.value.hint.startswith("images need dataset.process_ops")


@pytest.mark.parametrize("count", [0, 6], ids=["named", "six"])
def test_calibration_set_takes_token_tensors(
    make_config: MakeConfig, tmp_path: Path, count: int
) -> None:
    inputs = tuple(TensorSpec(name, (None, 2), "int64") for name in ("input_ids", "input_mask"))
    ids, mask, types = (np.array([row], np.int32) for row in ([7, 8], [1, 0], [0, 1]))
    arrays = {"input_ids": ids, "input_mask": mask}
    if count:
        six = (ids, types, mask, mask, mask, mask)
        arrays = {f"input_{index}": array for index, array in enumerate(six)}
    ((_, feeds),) = _set(_npz_config(make_config, tmp_path / "npz", arrays), inputs)
    assert {name: array.tolist() for name, array in feeds.items()} == {
        "input_ids": [[7, 8]],
        "input_mask": [[1, 0]],
    }


@pytest.mark.parametrize(
    ("arrays", "fact"),
    [
        ({"input_0": np.ones((3, 4, 4), np.float32)}, r"holds \(3, 4, 4\).*takes \(3, 8, 8\)"),
        (
            {f"input_{i}": np.ones((3, 8, 8), np.float32) for i in range(2)},
            "holds 2 inputs, the model takes 1",
        ),
        ({"input_0": np.full((3, 8, 8), np.nan, np.float32)}, ".*holds NaN or infinity"),
    ],
    ids=["shape", "number", "nan"],
)
def test_calibration_set_names_an_npz_that_does_not_fit(
    make_config: MakeConfig, tmp_path: Path, arrays: dict[str, Any], fact: str
) -> None:
    config = _npz_config(make_config, tmp_path / "npz", arrays)
    with pytest.raises((CalibrationError, DataError), match=rf"0\.npz: .*{fact}"):
        list(_set(config))


def test_calibration_set_names_an_image_that_becomes_nan(make_config: MakeConfig) -> None:
    broken: Any = lambda path: np.full((3, 8, 8), np.nan, np.float32)  # noqa: E731
    with pytest.raises(CalibrationError, match=r"img0\.png: preprocessed, it holds NaN"):
        list(CalibrationSet(make_config(None), (INPUT,), broken))


PIXELS = TensorSpec("input", (None, 3, 8, 8), "uint8", "NCHW")


def test_calibration_set_keeps_pixels_for_a_model_that_takes_bytes(make_config: MakeConfig) -> None:
    whole: Any = lambda path: np.full((3, 8, 8), 200.0, np.float32)  # noqa: E731
    _, feeds = next(iter(CalibrationSet(make_config(None), (PIXELS,), whole)))
    assert feeds["input"].dtype == np.uint8
    assert (feeds["input"] == 200).all()


@pytest.mark.parametrize("value", [0.5, -1.0, 300.0])
def test_calibration_set_refuses_to_cut_numbers_off_for_a_model_that_takes_bytes(
    make_config: MakeConfig, value: float
) -> None:
    made: Any = lambda path: np.full((3, 8, 8), value, np.float32)  # noqa: E731
    with pytest.raises(CalibrationError, match="takes whole numbers") as caught:
        list(CalibrationSet(make_config(None), (PIXELS,), made))
    assert "div255: false" in caught.value.hint
