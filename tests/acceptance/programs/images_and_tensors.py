# SPDX-License-Identifier: Apache-2.0
"""Every way to make an image or a tensor, and what can be asked of them."""

import ctypes
from typing import Dict, List, Union

import cv2
import numpy as np
import vaststreamx as vsx

F = vsx.ImageFormat
HEIGHT, WIDTH = 6, 8


def annotated(
    images: Union[List[np.ndarray], List[vsx.Image]],
    config: Union[str, Dict[str, str]] = "",
    output_type: vsx.GraphOutputType = vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE,
) -> List[List[vsx.Tensor]]:
    return []


SHAPES = {
    F.BGR_INTERLEAVE: [(6, 8, 3), (3, 6, 8), (6, 24), (1, 6, 8, 3), (144,)],
    F.RGB_INTERLEAVE: [(6, 8, 3)],
    F.RGB_PLANAR: [(3, 6, 8), (6, 8, 3), (18, 8)],
    F.BGR_PLANAR: [(3, 6, 8)],
    F.YUV_NV12: [(9, 8), (1, 9, 8), (72,)],
    F.GRAY: [(6, 8), (6, 8, 1)],
}
vsx.set_device(0)
for image_format, shapes in SHAPES.items():
    for shape in shapes:
        array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        array.tofile("raw.bin")
        size = {"width": WIDTH, "height": HEIGHT}
        images = [
            vsx.create_image(array, image_format, WIDTH, HEIGHT, 0),
            vsx.create_image(array, image_format, np.int64(WIDTH), HEIGHT, vsx.Context.CPU()),
            vsx.create_image(array=array, format=image_format, device_id=0, **size),
            vsx.create_image(rawdata_path="raw.bin", format=image_format, device_id=0, **size),
            vsx.create_image("raw.bin", image_format, WIDTH, HEIGHT, vsx.Context.CPU()),
        ]
        for image in images:
            host = vsx.as_numpy(image)
            assert host.tobytes() == array.tobytes()
            assert (image.width, image.height) == (WIDTH, HEIGHT)
            assert (image.widthpitch, image.heightpitch) == (WIDTH, HEIGHT)
            host[...] = 0
            assert vsx.as_numpy(image).tobytes() == array.tobytes()
    print(image.format, vsx.as_numpy(image).shape, image.shape)
picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
picture[..., ::-1][0, 0] = (1, 2, 3)
image = vsx.create_image(picture[..., ::-1], F.RGB_INTERLEAVE, WIDTH, HEIGHT, 0)
print(vsx.as_numpy(image)[0][0].tolist(), cv2.imwrite("out.png", vsx.as_numpy(image)))
print("%s" % image.format, f"{image.format}", F.YUV_NV12.name, int(vsx.ImageType.RGB888))

for dtype in (np.int32, np.float16, np.float32, np.uint8, np.uint16, np.int64):
    for shape in ((208, 1024), (1, 2, 3, 4, 256), (5,)):
        array = np.ones(shape, dtype)
        tensor = vsx.from_numpy(array, 0)
        assert vsx.as_numpy(tensor).dtype == array.dtype
        assert vsx.as_numpy(tensor.clone(0)).shape == shape
        assert tensor.size == array.size
tensor = vsx.from_numpy(np.zeros((1, 1, 512, 512), np.uint16), 0)
n, c, h, w = tensor.shape
print(tensor.shape, tensor.size, ctypes.c_uint64(tensor.addr).value == tensor.addr, h * w)

for card in vsx.get_all_cards():
    for die in card.dies:
        state = vsx.Die(die.device_id)
        heat, power = state.temperature["temperature"][0] * 0.01, state.power["power"][3] * 1e-6
        load = [np.mean(state.utilization[unit]) for unit in ("ai", "vdsp", "vdmcu", "vemcu")]
        print(f"{heat:.2f} {power:.2f} {load[0]:.2f} {load[3]:.2f}", card.uuid, card.card_type)
        assert state.memory["total"] == state.memory["used"] + state.memory["free"]
        assert 0 <= state.memory["usage_rate"] <= 100
