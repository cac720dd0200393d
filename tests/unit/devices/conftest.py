# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the genuine ``vaststreamx``: what is published of its interface, no more.

It is written as a module into a folder of the test, so that it is found as an installed one
is. Compiled files are JSON of their shapes. A model's output is its first input, flattened,
times weights that are the same for all models of that size: float16, as a card gives it.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NAME = "vaststreamx"
Install = Callable[[str], None]

STANDIN = '''
import json
import threading
from enum import IntEnum
from pathlib import Path

import numpy as np

__version__ = "2.8.4"
CARDS = 1
CALLS = []
_thread = threading.local()


class GraphOutputType(IntEnum):
    GRAPH_OUTPUT_TYPE_NCHW_DEVICE = 0
    GRAPH_OUTPUT_TYPE_NCHW_HOST = 1


class StreamBalanceMode(IntEnum):
    ONCE = 0
    RUN = 1


class OpType(IntEnum):
    BERT_EMBEDDING_OP = 90


class _Die:
    def __init__(self, device_id):
        self.device_id = device_id


class _Card:
    uuid = "FCA00CD00000"
    card_type = "VA1-16G"

    def __init__(self):
        self.dies = [_Die(0), _Die(1)]


def get_all_cards_count():
    return CARDS


def get_all_cards():
    return [_Card() for _ in range(CARDS)]


def set_device(device_id):
    _thread.device_id = device_id
    return 0


class Tensor:
    def __init__(self, array):
        self._array = array

    @property
    def shape(self):
        return list(self._array.shape)


def from_numpy(array, device_id):
    assert device_id == _thread.device_id
    assert array.dtype in (np.float16, np.int32), array.dtype
    return Tensor(np.array(array))


def as_numpy(tensor):
    return np.array(tensor._array)


class Model:
    def __init__(self, prefix, batch_size=1, hw_config=""):
        assert hasattr(_thread, "device_id"), "set_device comes first"
        for suffix in (".so", ".params"):
            open(prefix + suffix, "rb").close()
        graph = json.loads(Path(prefix + ".json").read_text())
        if batch_size > graph["max_batch"]:
            raise RuntimeError(f"batch {batch_size} is more than {graph['max_batch']}")
        self.input_shape = graph["inputs"]
        self.output_shape = graph["outputs"]
        self.input_count = len(self.input_shape)
        self.output_count = len(self.output_shape)
        self.batch_size = batch_size
        self.max_batch_size = graph["max_batch"]
        CALLS.append(("Model", batch_size))


class ModelOperator:
    def __init__(self, model):
        self.model = model


class Operator:
    def __init__(self, op_type):
        self.op_type = op_type


class Graph:
    def __init__(self, output_type):
        assert output_type == GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST
        self.operators = []

    def add_operators(self, *operators):
        self.operators += operators


def _plain(tiles, shape):
    """Undo blocks of 4 channels, 8 rows and 8 columns, element by element."""
    _, c, h, w = shape
    assert tiles.shape == (1, -(-w // 8), -(-h // 8), -(-c // 4), 256), tiles.shape
    ci, hi, wi = np.meshgrid(np.arange(c), np.arange(h), np.arange(w), indexing="ij")
    inside = (ci % 4) * 64 + (hi % 8) * 8 + wi % 8
    return tiles[0, wi // 8, hi // 8, ci // 4, inside]


class Stream:
    def __init__(self, graph, balance_mode):
        self.operators = graph.operators
        self.model = graph.operators[-1].model
        self.is_built = False
        self.is_closed = False

    def register_operator_output(self, operator):
        assert operator is self.operators[-1]

    def build(self):
        self.is_built = True

    def run_sync(self, inputs, params=None):
        assert self.is_built and not self.is_closed
        CALLS.append(("run_sync", len(inputs)))
        return [self._run(sample) for sample in inputs]

    def _run(self, tensors):
        assert len(tensors) == self.model.input_count
        first, shape = tensors[0]._array, self.model.input_shape[0]
        if first.dtype == np.int32:
            assert self.operators[0].op_type == OpType.BERT_EMBEDDING_OP
            flat = sum(tensor._array.astype(np.float64) for tensor in tensors).reshape(-1)
        elif len(shape) == 4:
            flat = _plain(first, shape).reshape(-1)
        else:
            flat = first.reshape(-1)
        return [Tensor(_weighted(flat, shape)) for shape in self.model.output_shape]

    def close_input(self):
        self.is_closed = True

    def wait_until_done(self):
        CALLS.append(("wait_until_done", 0))


def _weighted(flat, shape):
    size = int(np.prod(shape))
    weights = np.random.default_rng(size).random((size, flat.size))
    return (weights @ flat.astype(np.float64) / flat.size).astype(np.float16).reshape(shape)
'''


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """Hide modules of that name which other tests have left, and leave none."""
    before = sys.modules.pop(NAME, None)
    yield
    sys.modules.pop(NAME, None)
    if before is not None:
        sys.modules[NAME] = before


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a module of the card's name."""

    def install(text: str) -> None:
        folder = tmp_path / "site-packages"
        folder.mkdir()
        (folder / f"{NAME}.py").write_text(text)
        monkeypatch.syspath_prepend(str(folder))

    return install


@pytest.fixture
def card(install: Install) -> Any:
    """Return the stand-in, installed."""
    install(STANDIN)
    return importlib.import_module(NAME)
