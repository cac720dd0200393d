# SPDX-License-Identifier: Apache-2.0
"""Streams of the published interface on tiny artifacts, for several tests."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat import vaststreamx as vsx
from vackit.testing.tiny_artifacts import write_tiny_artifact

SECONDS = 20.0


def image(seed: int = 0, width: int = 20, height: int = 14) -> vsx.Image:
    array = np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)
    return vsx.create_image(array, vsx.ImageFormat.RGB_PLANAR, width, height, 0)


def graph_of(vdsp: str, batch_size: int = 1, kind: str = "identity", **options: Any) -> Any:
    write_tiny_artifact(Path("mod"), kind)
    model_op = vsx.ModelOperator(vsx.Model("mod", batch_size))
    ops = vsx.Operator.load_ops_from_json_file(vdsp)
    graph = vsx.Graph(**options)
    graph.add_operators(*ops, model_op)
    return graph, ops[0], model_op


def built(graph: vsx.Graph, *outputs: Any) -> vsx.Stream:
    stream = vsx.Stream(graph, vsx.StreamBalanceMode.RUN)
    for output in outputs:
        stream.register_operator_output(*output)
    stream.build()
    return stream


def numbers(outputs: list[list[vsx.Tensor]]) -> list[NDArray[Any]]:
    return [vsx.as_numpy(sample[0]) for sample in outputs]
