# SPDX-License-Identifier: Apache-2.0
"""What all image models of a folder of samples share."""

from typing import Dict, Union

import cv2
import numpy as np
import vaststreamx as vsx

attr = vsx.AttrKey
_FORMATS = {
    vsx.ImageType.YUV_NV12: vsx.ImageFormat.YUV_NV12,
    vsx.ImageType.RGB_PLANAR: vsx.ImageFormat.RGB_PLANAR,
    vsx.ImageType.RGB888: vsx.ImageFormat.RGB_INTERLEAVE,
    vsx.ImageType.BGR888: vsx.ImageFormat.BGR_INTERLEAVE,
}


class ModelBase:
    def __init__(
        self,
        module_config: Union[str, Dict[str, str]],
        vdsp_config: str,
        batch_size: int = 1,
        device_id: int = 0,
        hw_config: str = "",
        output_type: vsx.GraphOutputType = vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE,
    ) -> None:
        assert vsx.set_device(device_id) == 0
        self.device_id_ = device_id
        self.model_ = vsx.Model(module_config, batch_size, hw_config)
        self.model_op_ = vsx.ModelOperator(self.model_)
        self.graph_ = vsx.Graph(output_type)
        self.preproc_ops_ = vsx.Operator.load_ops_from_json_file(vdsp_config)
        assert len(self.preproc_ops_) > 0, f"failed to load ops from {vdsp_config}"
        self.graph_.add_operators(*self.preproc_ops_)
        self.graph_.add_operators(self.model_op_)
        self.stream_ = vsx.Stream(self.graph_, vsx.StreamBalanceMode.ONCE)
        self.stream_.register_operator_output(self.model_op_)
        self.stream_.build()

    def get_fusion_op_iimage_format(self):
        for op in self.preproc_ops_:
            if op.op_type >= 100:
                buildin_op = op.cast_to_buildin_operator()
                if "IIMAGE_FORMAT" in buildin_op.attributes.keys():
                    return _FORMATS[buildin_op.get_attribute(attr.IIMAGE_FORMAT)]
                return vsx.ImageFormat.YUV_NV12
        raise AssertionError("no fusion op")

    def image_of(self, bgr: np.ndarray) -> vsx.Image:
        height, width = bgr.shape[:2]
        bgr_format = vsx.ImageFormat.BGR_INTERLEAVE
        image = vsx.create_image(bgr, bgr_format, width, height, self.device_id_)
        return vsx.cvtcolor(image, self.get_fusion_op_iimage_format())

    @property
    def input_shape(self):
        return self.model_.input_shape

    def get_test_data(self, batch_size):
        height, width = self.input_shape[0][-2:]
        return [self.image_of(cv2.UMat(np.zeros((height, width, 3), np.uint8)).get())] * batch_size
