# SPDX-License-Identifier: Apache-2.0
"""What programs share: a model behind the operator of a vdsp_params file."""

import vaststreamx as vsx

TYPES = {
    5000: vsx.ImageFormat.RGB_PLANAR,
    5001: vsx.ImageFormat.BGR_PLANAR,
    5002: vsx.ImageFormat.RGB_INTERLEAVE,
    5003: vsx.ImageFormat.BGR_INTERLEAVE,
    5004: vsx.ImageFormat.GRAY,
}


class ModelBase:
    def __init__(self, prefix, vdsp_params, batch_size=1, device_id=0, hw_config="", kind=None):
        assert vsx.set_device(device_id) == 0
        self.device_id = device_id
        self.model = vsx.Model(prefix, batch_size, hw_config)
        self.model_op = vsx.ModelOperator(self.model)
        kind = kind or vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE
        self.graph = vsx.Graph(kind)
        self.ops = vsx.Operator.load_ops_from_json_file(vdsp_params) if vdsp_params else []
        self.graph.add_operators(*self.ops, self.model_op)
        self.stream = vsx.Stream(self.graph, vsx.StreamBalanceMode.ONCE)
        self.stream.register_operator_output(self.model_op)
        self.stream.build()
        self.fusion_op = None
        for op in self.ops:
            if op.op_type >= 100:
                self.fusion_op = op.cast_to_buildin_operator()
                break

    def image_format(self):
        if "IIMAGE_FORMAT" in self.fusion_op.attributes.keys():
            return TYPES[self.fusion_op.get_attribute(vsx.AttrKey.IIMAGE_FORMAT)]
        return vsx.ImageFormat.YUV_NV12

    def to_image(self, mat):
        height, width = mat.shape[:2]
        image = vsx.create_image(mat, vsx.ImageFormat.BGR_INTERLEAVE, width, height, self.device_id)
        wanted = self.image_format()
        return image if wanted == vsx.ImageFormat.BGR_INTERLEAVE else vsx.cvtcolor(image, wanted)

    def undo_letterbox(self, width, height):
        model_height, model_width = self.model.input_shape[0][-2:]
        ratio = min(model_width / width, model_height / height)
        return ratio, (model_width - width * ratio) / 2, (model_height - height * ratio) / 2

    def process(self, mats):
        if not isinstance(mats, list):
            return self.process([mats])[0]
        images = [self.to_image(mat) for mat in mats]
        outputs = self.stream.run_sync(images)
        return [
            self.post_process([vsx.as_numpy(one) for one in output], image)
            for output, image in zip(outputs, images)
        ]

    def finish(self):
        self.stream.close_input()
        self.stream.wait_until_done()
