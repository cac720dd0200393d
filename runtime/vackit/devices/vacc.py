# SPDX-License-Identifier: Apache-2.0
"""A card, through the genuine ``vaststreamx``: runs what its vendor's compiler made.

Beside an artifact's prefix lie ``.so``, ``.json`` and ``.params``; a manifest says names,
shapes and element types, and where there is none the module does, as far as it can.
Preprocessing stays on the host. Written from the published interface; see
``docs/device_vacc.md`` for what no card has confirmed.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vackit.artifact.store import (
    MANIFEST_SUFFIX,
    VENDOR_DTYPE,
    VENDOR_SUFFIXES,
    Artifact,
    missing_vendor_suffixes,
    open_artifact,
    open_vendor_artifact,
    part_path,
    vendor_prefix,
)
from vackit.devices.base import Arrays, Capabilities, Device, Program
from vackit.devices.vacc_module import card_types, find_card, first_line
from vackit.errors import ArtifactError, DeviceExecutionError, DeviceUnavailableError
from vackit.tensors import TensorSpec
from vackit.vdsp.layout884 import tile_activation

_IMAGE_AXES = 4
_TOKEN_AXES = 2


class VaccDevice(Device):
    """A die of a card."""

    name: ClassVar[str] = "vacc"
    capabilities: ClassVar[Capabilities] = Capabilities(("fp16", "int8", VENDOR_DTYPE))

    def __init__(self, index: int = 0) -> None:
        super().__init__(index)
        found = find_card()
        if found.module is None:
            raise DeviceUnavailableError(f"device '{self.spec}' is not available: {found.reason}")
        self.module: Any = found.module
        self._types = card_types(self.module)
        if self._types and index not in self._types:
            dies = ", ".join(str(die) for die in sorted(self._types))
            raise DeviceUnavailableError(f"device '{self.spec}' is not there; dies: {dies}")
        self._chosen = threading.local()

    @classmethod
    def unavailable(cls) -> str:
        """Say whether the module or the card is missing; empty where both are there."""
        return find_card().reason

    def describe(self) -> dict[str, Any]:
        """Return the device, the type of its card and the module's version."""
        return {
            "device": self.spec,
            "emulated": False,
            "card_type": self._types.get(self.index),
            "vaststreamx": str(getattr(self.module, "__version__", "unknown")),
        }

    def choose(self) -> None:
        """Choose this die for the calling thread: the module keeps one per thread."""
        if not getattr(self._chosen, "done", False):
            status = self.module.set_device(self.index)
            if status != 0:
                raise DeviceExecutionError(f"set_device({self.index}) returned {status}")
            self._chosen.done = True

    def open(self, path: str | Path) -> Artifact:
        """Open an artifact, or a card's files alone: their shapes are asked of the module.

        Raises:
            ArtifactError: There is nothing, or one of the compiled files is missing.
            DeviceExecutionError: The module does not take the files.
        """
        prefix = vendor_prefix(path)
        missing = missing_vendor_suffixes(prefix)
        if part_path(prefix, MANIFEST_SUFFIX).is_file() or len(missing) == len(VENDOR_SUFFIXES):
            return open_artifact(prefix)
        _check_files(prefix, missing)
        model = load_model(self, prefix, 1)
        inputs = [_input_spec(i, shape) for i, shape in enumerate(_shapes(model.input_shape))]
        outputs = [_output_spec(i, shape) for i, shape in enumerate(_shapes(model.output_shape))]
        return open_vendor_artifact(prefix, inputs, outputs)

    def _load(self, artifact: Artifact, threads: int) -> Program:
        _check_files(artifact.prefix, missing_vendor_suffixes(artifact.prefix))
        return VaccProgram(self, artifact, threads)


class VaccProgram(Program):
    """A model on the card, in a stream of its own.

    Executions run in the thread that submits them; the module batches what several threads
    submit. The model is loaded anew when a larger batch comes than any before, up to what
    the model says it can take; larger ones are batched by the module.
    """

    def __init__(self, device: VaccDevice, artifact: Artifact, threads: int = 1) -> None:
        super().__init__(device, artifact, threads)
        self._card = device
        self._lock = threading.Lock()
        self._streams: list[Any] = []
        self._batch_size = 0
        self._limit = 1
        model = self._grow(1)
        self._limit = max(int(getattr(model, "max_batch_size", 1)), 1)
        self._check_model(model)

    def close(self) -> None:
        """End the streams; executions that are under way end first."""
        super().close()
        with self._lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.close_input()
            stream.wait_until_done()

    def _submit(self, inputs: Arrays) -> "Future[Arrays]":
        future: Future[Arrays] = Future()
        try:
            future.set_result(self._run(inputs))
        except DeviceExecutionError as error:
            future.set_exception(error)
        except Exception as error:  # the module's own exceptions are not published
            misfit = self._misfit(f"vaststreamx: {first_line(error)}")
            misfit.__cause__ = error
            future.set_exception(misfit)
        return future

    def _run(self, inputs: Arrays) -> Arrays:
        self._card.choose()
        arrays = [_as_card_takes(inputs[spec.name], spec) for spec in self.inputs]
        num_samples = len(arrays[0])
        samples = [
            [self._card.module.from_numpy(array[i], self._card.index) for array in arrays]
            for i in range(num_samples)
        ]
        results = self._stream(num_samples).run_sync(samples)
        if len(results) != num_samples:
            raise self._misfit(f"{num_samples} samples went in, {len(results)} results came out")
        rows = [self._outputs(result) for result in results]
        return {
            spec.name: np.concatenate([row[i] for row in rows]) if num_samples > 1 else rows[0][i]
            for i, spec in enumerate(self.outputs)
        }

    def _outputs(self, result: Sequence[Any]) -> list[NDArray[Any]]:
        """Return one sample's outputs, each in its shape for one sample."""
        if len(result) != len(self.outputs):
            raise self._misfit(f"has {len(self.outputs)} outputs, the card gave {len(result)}")
        return [
            self._fitted(self._card.module.as_numpy(tensor), spec)
            for tensor, spec in zip(result, self.outputs, strict=True)
        ]

    def _fitted(self, array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
        if array.size != np.prod(spec.sample_shape, dtype=np.int64):
            raise self._misfit(f"output {spec}: the card gave shape {tuple(array.shape)}")
        return np.array(array, dtype=spec.dtype).reshape(spec.sample_shape)

    def _stream(self, num_samples: int) -> Any:
        with self._lock:
            if self._closed:
                raise self._misfit("the program is closed")
            wanted = min(num_samples, self._limit)
            if wanted > self._batch_size:
                self._grow(wanted)
            return self._streams[-1]

    def _grow(self, batch_size: int) -> Any:
        """Load the model for a larger batch; streams that are under way stay."""
        module = self._card.module
        model = load_model(self._card, self.artifact.prefix, batch_size)
        try:
            self._streams.append(_built(module, model, self.inputs))
        except Exception as error:
            raise self._misfit(f"vaststreamx makes no stream of it: {first_line(error)}") from error
        self._batch_size = batch_size
        return model

    def _check_model(self, model: Any) -> None:
        for kind, shapes, specs in (
            ("inputs", _shapes(model.input_shape), self.inputs),
            ("outputs", _shapes(model.output_shape), self.outputs),
        ):
            said = [spec.sample_shape for spec in specs]
            if [_squeezed(shape) for shape in shapes] != [_squeezed(shape) for shape in said]:
                raise DeviceExecutionError(
                    f"its {kind} on the card have shapes {shapes}, its manifest says "
                    f"{', '.join(str(spec) for spec in specs)}",
                    where=self.artifact.prefix,
                    hint="compile the same model for the card and with `vamc build`",
                )


def load_model(device: VaccDevice, prefix: Path, batch_size: int) -> Any:
    """Load compiled files as the module's ``Model``.

    Raises:
        DeviceExecutionError: The module does not take them.
    """
    device.choose()
    try:
        return device.module.Model(str(prefix), batch_size)
    except Exception as error:  # the module's own exceptions are not published
        raise DeviceExecutionError(
            f"vaststreamx cannot load it: {first_line(error)}", where=prefix
        ) from error


def _built(module: Any, model: Any, inputs: Sequence[TensorSpec]) -> Any:
    model_operator = module.ModelOperator(model)
    graph = module.Graph(module.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST)
    if all(spec.dtype.startswith("int") for spec in inputs):
        # token tensors reach a text model through this operator
        graph.add_operators(module.Operator(module.OpType.BERT_EMBEDDING_OP), model_operator)
    else:
        graph.add_operators(model_operator)
    stream = module.Stream(graph, module.StreamBalanceMode.RUN)
    stream.register_operator_output(model_operator)
    stream.build()
    return stream


def _check_files(prefix: Path, missing: Sequence[str]) -> None:
    if missing:
        raise ArtifactError(
            f"holds no files compiled for a card: {', '.join(missing)} missing",
            where=prefix,
            hint="compile the model with the card's compiler to this prefix, or run it on the "
            "emulator with --device onnxrt",
        )


def _as_card_takes(batch: NDArray[Any], spec: TensorSpec) -> list[NDArray[Any]]:
    """Return one tensor per sample: float16, images in the hardware's tiles; or int32."""
    if batch.dtype.kind != "f":
        return [sample.astype(np.int32) for sample in _samples(batch, spec)]
    with np.errstate(over="ignore"):
        half = batch.astype(np.float16)
    if len(spec.shape) == _IMAGE_AXES:
        return [tile_activation(sample) for sample in _samples(half, spec)]
    return _samples(half, spec)


def _samples(batch: NDArray[Any], spec: TensorSpec) -> list[NDArray[Any]]:
    if not spec.shape or spec.shape[0] not in (None, 1):
        return [batch]
    return [batch[i : i + 1] for i in range(len(batch))]


def _shapes(shapes: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    return [tuple(int(size) for size in shape) for shape in shapes]


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _batched(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    return (None, *shape[1:]) if len(shape) > 1 and shape[0] == 1 else shape


def _input_spec(index: int, shape: tuple[int, ...]) -> TensorSpec:
    # the module tells shapes, not element types: programs pass tokens as rows of int32
    dtype = "int32" if len(shape) == _TOKEN_AXES else "float16"
    layout = "NCHW" if len(shape) == _IMAGE_AXES else ""
    return TensorSpec(f"input_{index}", _batched(shape), dtype, layout)


def _output_spec(index: int, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(f"output_{index}", _batched(shape), "float16")
