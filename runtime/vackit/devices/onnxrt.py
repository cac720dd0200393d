# SPDX-License-Identifier: Apache-2.0
"""The emulator: ONNX Runtime on the CPU in the place of an accelerator.

It states its own arithmetic, which is not a card's. What decides the numbers is pinned:
the graph optimization level (levels differ in int8 outputs), and on x86 CPUs without VNNI
the exact U8U8 multiplication instead of U8S8, which saturates there
(``session.x64quantprecision``) unless the weights keep to 7 bits (``reduce_range``). With VNNI
both are exact and U8S8 is the faster one; ONNX Runtime would take the slow one there too if it
were told to.
"""

from concurrent.futures import Future
from typing import Any, ClassVar

from vackit.artifact.store import Artifact
from vackit.devices.base import Arrays, Capabilities, Device, Program
from vackit.devices.cpu import cpu_isa, has_exact_u8s8, is_x86
from vackit.errors import DeviceExecutionError

OPTIMIZATION_LEVEL = "ORT_ENABLE_ALL"
_FATAL = 4  # ONNX Runtime's log severity: nothing on stderr, errors come as exceptions


class OnnxRuntimeDevice(Device):
    """Runs artifacts with ONNX Runtime's CPU provider."""

    name: ClassVar[str] = "onnxrt"
    capabilities: ClassVar[Capabilities] = Capabilities(("fp32", "fp16", "int8"), emulated=True)

    @classmethod
    def unavailable(cls) -> str:
        """Say why ``import onnxruntime`` does not work; empty where it does."""
        try:
            import onnxruntime  # noqa: F401
        except ImportError as error:
            return f"onnxruntime cannot be imported: {error}"
        return ""

    @classmethod
    def remark(cls) -> str:
        """Say where int8 is slow for want of an instruction."""
        if has_exact_u8s8() or not is_x86():
            return ""
        return "no VNNI: int8 is exact but slower, unless built with quantize.reduce_range"

    def describe(self) -> dict[str, Any]:
        """Return the device, its version, its optimization level and the CPU's instructions."""
        import onnxruntime

        return {
            "device": self.spec,
            "emulated": True,
            "onnxruntime": onnxruntime.__version__,
            "optimization_level": OPTIMIZATION_LEVEL,
            "cpu_isa": list(cpu_isa()),
        }

    def _load(self, artifact: Artifact, threads: int) -> Program:
        return OnnxRuntimeProgram(self, artifact, threads)


class OnnxRuntimeProgram(Program):
    """A session. Executions run in the thread that submits them.

    The future that `submit` returns is therefore done already: parallelism comes from
    several threads submitting (a stream's workers), which one session serves at once.
    """

    def __init__(self, device: Device, artifact: Artifact, threads: int = 1) -> None:
        super().__init__(device, artifact, threads)
        self._session = _session(artifact, threads)
        self._output_names = [spec.name for spec in self.outputs]

    def close(self) -> None:
        """Free the session; executions that are under way end first."""
        super().close()
        self._session = None

    def _submit(self, inputs: Arrays) -> "Future[Arrays]":
        session = self._session
        future: Future[Arrays] = Future()
        try:
            if session is None:
                raise self._misfit("the program is closed")
            outputs = session.run(self._output_names, inputs)
            future.set_result(dict(zip(self._output_names, outputs, strict=True)))
        except DeviceExecutionError as error:
            future.set_exception(error)
        except Exception as error:  # ONNX Runtime's own exceptions share no other base
            misfit = self._misfit(f"onnxruntime: {_first_line(error)}")
            misfit.__cause__ = error
            future.set_exception(misfit)
        return future


def session_options(threads: int, *, has_reduced_weights: bool = False) -> Any:
    """Return the ``SessionOptions`` that the emulator runs every graph with.

    Args:
        threads: Of one execution; 0: one per processor.
        has_reduced_weights: Integer weights are of 7 bits, which no CPU saturates.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    options.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, OPTIMIZATION_LEVEL
    )
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # spinning threads take the cores from other instances and other programs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if not (has_exact_u8s8() or has_reduced_weights):
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def _session(artifact: Artifact, threads: int) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(_FATAL)
    quantization = artifact.manifest.quantization or {}
    options = session_options(threads, has_reduced_weights=quantization.get("reduce_range") is True)
    try:
        session = onnxruntime.InferenceSession(
            str(artifact.graph_path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no other base
        raise DeviceExecutionError(
            f"onnxruntime cannot load it: {_first_line(error)}",
            where=artifact.graph_path,
            hint="build the artifact again with `vamc build --force`",
        ) from error
    _check_names(session, artifact)
    return session


def _check_names(session: Any, artifact: Artifact) -> None:
    manifest = artifact.manifest
    for kind, nodes, specs in (
        ("inputs", session.get_inputs(), manifest.inputs),
        ("outputs", session.get_outputs(), manifest.outputs),
    ):
        there, said = [node.name for node in nodes], [spec.name for spec in specs]
        if sorted(there) != sorted(said):
            raise DeviceExecutionError(
                f"its {kind} are {there}, its manifest says {said}",
                where=artifact.graph_path,
                hint="build the artifact again with `vamc build --force`",
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
