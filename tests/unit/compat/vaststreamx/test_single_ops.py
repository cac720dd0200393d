# SPDX-License-Identifier: Apache-2.0
"""Single operators, set up as published programs do, against OpenCV."""

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.errors import DataError, StreamError
from vackit.vdsp.layout884 import untile_activation

A, F, T = vsx.AttrKey, vsx.ImageFormat, vsx.ImageType
BGR = cv2.resize(np.random.default_rng(2).integers(0, 256, (6, 8, 3), np.uint8), (16, 12))
IMAGE = vsx.create_image(BGR, F.BGR_INTERLEAVE, 16, 12, 0)
NV12 = vsx.cvtcolor(IMAGE, F.YUV_NV12)


def sized(width: int, height: int) -> dict[Any, Any]:
    return {
        A.IIMAGE_WIDTH: 16, A.IIMAGE_HEIGHT: 12, A.IIMAGE_WIDTH_PITCH: 16,
        A.IIMAGE_HEIGHT_PITCH: 12, A.OIMAGE_WIDTH: width, A.OIMAGE_HEIGHT: height,
        A.OIMAGE_WIDTH_PITCH: width, A.OIMAGE_HEIGHT_PITCH: height,
    }  # fmt: skip


def operator(op_type: vsx.OpType, **attributes: Any) -> vsx.BuildInOperator:
    op = vsx.BuildInOperator(op_type)
    op.set_attribute({A[name]: value for name, value in attributes.items()})
    return op


def test_resize_may_change_packed_to_planar() -> None:
    op = operator(vsx.OpType.SINGLE_OP_RESIZE, IIMAGE_FORMAT=T.BGR888, OIMAGE_FORMAT=T.BGR_PLANAR,
                  RESIZE_TYPE=vsx.ImageResizeType.BILINEAR_CV)  # fmt: skip
    op.set_attribute(sized(8, 10))
    (image,) = op.execute([IMAGE], [(F.BGR_PLANAR, 8, 10)])
    assert np.array_equal(vsx.as_numpy(image), cv2.resize(BGR, (8, 10)).transpose(2, 0, 1))
    (again,) = op.execute(images=[IMAGE])
    assert np.array_equal(vsx.as_numpy(again), vsx.as_numpy(image))


def test_crop_takes_its_corner_and_the_size_of_the_output() -> None:
    op = operator(vsx.OpType.SINGLE_OP_CROP, CROP_X=2, CROP_Y=4)
    (image,) = op.execute(images=[IMAGE], output_info=[(F.BGR_INTERLEAVE, 5, 6)])
    assert np.array_equal(vsx.as_numpy(image), BGR[4:10, 2:7])


@pytest.mark.parametrize(
    ("code", "source", "target", "twin"),
    [
        ("YUV2RGB_NV12", F.YUV_NV12, F.RGB_PLANAR, cv2.COLOR_YUV2RGB_NV12),
        ("YUV2BGR_NV12", F.YUV_NV12, F.BGR_INTERLEAVE, cv2.COLOR_YUV2BGR_NV12),
        ("BGR2RGB", F.BGR_INTERLEAVE, F.RGB_INTERLEAVE, cv2.COLOR_BGR2RGB),
        ("RGB2BGR", F.RGB_PLANAR, F.BGR_PLANAR, None),
        ("BGR2RGB_INTERLEAVE2PLANAR", F.BGR_INTERLEAVE, F.RGB_PLANAR, cv2.COLOR_BGR2RGB),
        ("RGB2BGR_INTERLEAVE2PLANAR", F.RGB_INTERLEAVE, F.BGR_PLANAR, None),
        ("BGR2BGR_INTERLEAVE2PLANAR", F.BGR_INTERLEAVE, F.BGR_PLANAR, None),
        ("RGB2RGB_INTERLEAVE2PLANAR", F.RGB_INTERLEAVE, F.RGB_PLANAR, None),
        ("YUV2GRAY_NV12", F.YUV_NV12, F.GRAY, None),
        ("BGR2GRAY_INTERLEAVE", F.BGR_INTERLEAVE, F.GRAY, cv2.COLOR_BGR2GRAY),
        ("BGR2GRAY_PLANAR", F.BGR_PLANAR, F.GRAY, None),
        ("RGB2GRAY_INTERLEAVE", F.RGB_INTERLEAVE, F.GRAY, None),
        ("RGB2GRAY_PLANAR", F.RGB_PLANAR, F.GRAY, None),
        ("RGB2YUV_NV12_PLANAR", F.RGB_PLANAR, F.YUV_NV12, None),
        ("BGR2YUV_NV12_PLANAR", F.BGR_PLANAR, F.YUV_NV12, None),
    ],
    ids=lambda value: value if isinstance(value, str) and "2" in value else "",
)
def test_cvt_color_has_every_code(
    code: str, source: vsx.ImageFormat, target: vsx.ImageFormat, twin: int | None
) -> None:
    image = vsx.cvtcolor(IMAGE, source)
    op = operator(vsx.OpType.SINGLE_OP_CVT_COLOR, COLOR_CVT_CODE=vsx.ColorCvtCode[code],
                  COLOR_SPACE=vsx.ImageColorSpace.COLOR_SPACE_BT601)  # fmt: skip
    (made,) = op.execute([image], [(target, 16, 12)])
    assert made.format is target
    assert np.array_equal(vsx.as_numpy(made), vsx.as_numpy(vsx.cvtcolor(image, target)))
    if twin is not None:
        packed = cv2.cvtColor(vsx.as_numpy(image), twin)
        expected = packed.transpose(2, 0, 1) if target is F.RGB_PLANAR else packed
        assert np.array_equal(vsx.as_numpy(made), expected)


def test_scale_makes_as_many_images_as_asked() -> None:
    op = operator(vsx.OpType.SINGLE_OP_SCALE, OIMAGE_CNT=2, OIMAGE_WIDTH=[8, 4],
                  OIMAGE_HEIGHT=[6, 4])  # fmt: skip
    for made in (op.execute([NV12], [(F.YUV_NV12, 8, 6), (F.YUV_NV12, 4, 4)]), op.execute([NV12])):
        assert [(one.width, one.height) for one in made] == [(8, 6), (4, 4)]


def test_batch_crop_resize_takes_lists() -> None:
    op = operator(vsx.OpType.SINGLE_OP_BATCH_CROP_RESIZE, CROP_NUM=2, CROP_X=[0, 2],
                  CROP_Y=[0, 4], CROP_WIDTH=[8, 6], CROP_HEIGHT=[8, 6])  # fmt: skip
    made = op.execute([IMAGE], [(F.BGR_INTERLEAVE, 4, 4)] * 2)
    assert np.array_equal(vsx.as_numpy(made[1]), cv2.resize(BGR[4:10, 2:8], (4, 4)))
    op.set_attribute({A.CROP_WIDTH: 8, A.CROP_HEIGHT: 8})  # one number is for all
    made = op.execute([IMAGE], [(F.BGR_INTERLEAVE, 4, 4)] * 2)
    assert np.array_equal(vsx.as_numpy(made[1]), cv2.resize(BGR[4:12, 2:10], (4, 4)))


def test_flip_warp_and_border() -> None:
    flip = operator(vsx.OpType.SINGLE_OP_FLIP, DIRECTION=vsx.ImageFlipType.FLIP_TYPE_X_AXIS)
    (image,) = flip.execute([NV12], [(F.YUV_NV12, 16, 12)])
    assert np.array_equal(vsx.as_numpy(image)[:12], vsx.as_numpy(NV12)[11::-1])
    warp = operator(
        vsx.OpType.SINGLE_OP_WARP_AFFINE, M=[1, 0, 2, 0, 1, 3], BORDER_VALUE=[1, 2, 3],
        FLAGS=vsx.ImageWarpAffineMode.WARP_AFFINE_MODE_BILINEAR,
        BORDER_MODE=vsx.ImagePaddingType.PADDING_TYPE_CONSTANT,
    )  # fmt: skip
    (image,) = warp.execute([IMAGE], [(F.BGR_INTERLEAVE, 16, 12)])
    assert np.array_equal(vsx.as_numpy(image)[3:, 2:], BGR[:9, :14])
    assert vsx.as_numpy(image)[0, 0].tolist() == [1, 2, 3]
    border = operator(vsx.OpType.SINGLE_OP_COPY_MAKE_BORDER, EDGE_TOP=2, EDGE_BOTTOM=2,
                      EDGE_LEFT=1, EDGE_RIGHT=1, PADDING=[7, 8, 9])  # fmt: skip
    (image,) = border.execute([IMAGE], [(F.BGR_INTERLEAVE, 10, 12)])
    assert np.array_equal(vsx.as_numpy(image)[2:10, 1:9], cv2.resize(BGR, (8, 8)))
    assert vsx.as_numpy(image)[0, 0].tolist() == [7, 8, 9]


def test_a_fused_operator_makes_plain_tensors_and_tiles(write_vdsp: Any) -> None:
    (op,) = vsx.Operator.load_ops_from_json_file(write_vdsp(OimageWidth=None, OimageHeight=None,
        CropX=0, CropY=0, ResizeWidth=16, ResizeHeight=16))  # fmt: skip
    fused = op.cast_to_buildin_operator()
    image = vsx.cvtcolor(IMAGE, F.RGB_PLANAR)
    (plain,) = fused.execute(tensors=[image], output_info=[((3, 16, 16), vsx.TypeFlag.FLOAT16)])
    info = [((1, 2, 2, 1, 256), vsx.TypeFlag.FLOAT16)]
    (tiles,) = fused.execute(tensors=[image], output_info=info)
    assert tiles.shape == [1, 2, 2, 1, 256]
    assert np.array_equal(
        untile_activation(vsx.as_numpy(tiles), (1, 3, 16, 16))[0], vsx.as_numpy(plain)
    )
    fused.set_attribute({A.OIMAGE_WIDTH: 16, A.OIMAGE_HEIGHT: 16})
    (again,) = fused.execute(images=[image])
    assert np.array_equal(vsx.as_numpy(again), vsx.as_numpy(plain))


def test_execute_explains_what_is_wrong(write_vdsp: Any) -> None:
    crop = operator(vsx.OpType.SINGLE_OP_CROP)
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: crop.execute([IMAGE, IMAGE]), "takes one image, got 2"),
        (lambda: crop.execute([vsx.from_numpy([1])]), "does not run on Tensor alone"),  # type: ignore[list-item]
        (lambda: crop.execute([IMAGE], ["x"]), "output info is 'x', expected (ImageFormat, width"),
        (lambda: operator(vsx.OpType.SINGLE_OP_FLIP).execute([IMAGE], [(F.BGR_INTERLEAVE, 4, 4)]),
         "makes an image of 16x12, output info says 4x4"),
        (lambda: crop.execute([IMAGE], [(F.BGR_INTERLEAVE, 4, 4)] * 2),
         "makes 1 images, output info describes 2"),
        (lambda: operator(vsx.OpType.SINGLE_OP_BATCH_CROP_RESIZE, CROP_X=[0],
                           CROP_WIDTH=[2, 2], CROP_HEIGHT=[2, 2]).execute(
            [IMAGE], [(F.BGR_INTERLEAVE, 4, 4)] * 2), "CROP_X has 1 entries, 2 are needed"),
        # what was BGR would be called BGR
        (lambda: operator(vsx.OpType.SINGLE_OP_CVT_COLOR,
                          COLOR_CVT_CODE=vsx.ColorCvtCode.BGR2RGB).execute([IMAGE]),
         "does not tell what it makes an image of BGR_INTERLEAVE to\n  hint: pass output_info: [("),
    ]  # fmt: skip
    for call, message in calls:
        with pytest.raises(StreamError, match=re.escape(message)):
            call()
    with pytest.raises(DataError, match="the operator's result is not GRAY"):
        crop.execute([IMAGE], [(F.GRAY, 4, 4)])
    (op,) = vsx.Operator.load_ops_from_json_file(write_vdsp())
    fused, image = op.cast_to_buildin_operator(), vsx.cvtcolor(IMAGE, F.RGB_PLANAR)
    with pytest.raises(StreamError, match=r"output info is 3, expected \(shape, TypeFlag\)"):
        fused.execute([image], [3])
    with pytest.raises(StreamError, match=r"makes \(3, 8, 8\), output info says \(3, 4, 4\)"):
        fused.execute([image], [((3, 4, 4), vsx.TypeFlag.FLOAT16)])
    with pytest.raises(StreamError, match="takes images of RGB_PLANAR, got BGR_INTERLEAVE"):
        fused.execute([IMAGE])
