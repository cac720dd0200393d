# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx

from vackit.compiler.refinement.channel_noise import measure_channels


def test_measure_channels_of_a_model_that_takes_tokens() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 13]>
        tokens (int64[N, 4] ids, int64[N, 4] types) => (float[N, 4, 2] y, int64[N, 4] z)
        <float[3, 2] table = {0., 1., 2., 3., 4., 5.}>
        { y = Gather(table, ids)
          z = Identity(types) }"""
    )
    samples = [
        {"ids": np.array([[0, 1, 2, i]]), "types": np.zeros((1, 4), np.int64)} for i in range(2)
    ]
    channels = measure_channels(model, ["y"], samples, "test")["y"]
    assert channels.low.tolist() == [0.0, 2.0, 4.0, 0.0]
    assert channels.highs.tolist() == [[1, 3, 5, 1], [1, 3, 5, 3]]
