# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from vackit.errors import DataError
from vackit.vdsp.picture import Planes, read_planes

PLANAR = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("image", "image_format"),
    [
        (PLANAR, "RGB_PLANAR"),
        (PLANAR, "BGR_PLANAR"),
        (np.ascontiguousarray(PLANAR.transpose(1, 2, 0)), "RGB888"),
        (PLANAR.transpose(1, 2, 0), "BGR888"),
        (PLANAR.transpose(1, 2, 0), "BGR_INTERLEAVE"),
    ],
    ids=["planar", "bgr-planar", "packed", "packed-view", "interleaved-name"],
)
def test_read_planes_takes_every_layout(image: np.ndarray, image_format: str) -> None:
    planes = read_planes(image, image_format)
    assert planes.size == (4, 5)
    np.testing.assert_array_equal(np.stack(planes.channels), PLANAR)


def test_read_planes_does_not_copy_planar_images() -> None:
    assert all(
        np.shares_memory(plane, PLANAR) for plane in read_planes(PLANAR, "RGB_PLANAR").channels
    )


def test_read_planes_takes_gray_images() -> None:
    assert len(read_planes(PLANAR[0], "GRAY").channels) == 1


@pytest.mark.parametrize(
    ("image", "image_format", "message"),
    [
        (PLANAR, "RGB888", r"shape \(3, 4, 5\), RGB888 expected \(height, width, 3\), not empty"),
        (PLANAR[0], "RGB_PLANAR", r"shape \(4, 5\), RGB_PLANAR expected \(3, height, width\)"),
        (PLANAR[:, :0], "RGB_PLANAR", r"shape \(3, 0, 5\), .* not empty"),
        (PLANAR[None], "RGB_PLANAR", r"shape \(1, 3, 4, 5\)"),
        (PLANAR, "GRAY", r"GRAY expected \(height, width\)"),
        (PLANAR.astype(np.float32), "RGB_PLANAR", "image holds float32, expected uint8"),
        (PLANAR.tolist(), "RGB_PLANAR", "image holds list, expected uint8"),
        (PLANAR, "CMYK", "image format is 'CMYK', expected one of: RGB_PLANAR, BGR_PLANAR"),
    ],
    ids=["layout", "gray", "empty", "batch", "color", "float", "list", "format"],
)
def test_read_planes_names_what_does_not_fit(
    image: np.ndarray,
    image_format: str,
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        read_planes(image, image_format)


def test_planes_crop_is_a_view_of_the_part() -> None:
    part = read_planes(PLANAR, "RGB_PLANAR").cropped(1, 2, (2, 3))
    np.testing.assert_array_equal(part.channels[2], PLANAR[2, 2:4, 1:4])


def test_planes_border_has_one_value_a_channel() -> None:
    picture = read_planes(PLANAR, "RGB_PLANAR").bordered((1, 2, 3, 4), (10, 20, 30))
    assert picture.size == (7, 12)
    assert [int(plane[0, 0]) for plane in picture.channels] == [10, 20, 30]
    np.testing.assert_array_equal(picture.channels[1][1:5, 3:8], PLANAR[1])


def test_planes_border_takes_the_first_value_for_gray() -> None:
    picture = Planes((PLANAR[0],)).bordered((1, 0, 0, 0), (114, 115, 116))
    assert picture.channels[0][0].tolist() == [114] * 5


def test_planes_swap_reverses_the_channels() -> None:
    assert read_planes(PLANAR, "RGB_PLANAR").swapped().channels[0][0, 0] == 40
