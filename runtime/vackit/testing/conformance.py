# SPDX-License-Identifier: Apache-2.0
"""The tests that every device must pass, for authors of device plug-ins to inherit.

In a test file of the plug-in::

    from vackit.testing.conformance import DeviceConformance


    class TestMyDevice(DeviceConformance):
        device_name = "mydevice"

pytest collects the inherited tests. They need no model of yours: tiny artifacts are
written on the fly. A device that takes only artifacts of its own compiler overrides
`artifact`.
"""

import json
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.artifact.store import Artifact
from vackit.devices.base import Device, Program
from vackit.devices.registry import device_table, get_device
from vackit.errors import DeviceError, DeviceExecutionError


class DeviceConformance:
    """Inherit, and set ``device_name``."""

    device_name: str

    def artifact(self, folder: Path, *, fixed_batch: bool = False) -> Artifact:
        """Return an artifact that the device runs; ``fixed_batch``: one sample at a time."""
        from vackit.testing.tiny_artifacts import write_tiny_artifact

        dtype = "fp32" if "fp32" in type(self.device()).capabilities.dtypes else "fp16"
        return write_tiny_artifact(folder / "mod", "conv", dtype=dtype, fixed_batch=fixed_batch)

    def device(self) -> Device:
        """Return the device under test."""
        return get_device(self.device_name)

    @pytest.fixture
    def program(self, tmp_path: Path) -> Any:
        """Yield a loaded program of free batch."""
        with self.device().load(self.artifact(tmp_path)) as program:
            yield program

    def inputs(self, program: Program, num_samples: int, seed: int = 0) -> dict[str, NDArray[Any]]:
        """Return random inputs for ``num_samples`` samples."""
        rng = np.random.default_rng(seed)
        return {
            spec.name: rng.random((num_samples, *spec.sample_shape[1:])).astype(spec.dtype)
            for spec in program.inputs
        }

    def test_registry_finds_the_device_by_name(self) -> None:
        """The table holds it, available, and the index arrives."""
        entry = next(entry for entry in device_table() if entry.name == self.device_name)
        assert entry.is_available, entry.reason
        device = self.device()
        assert device.name == self.device_name
        assert device.spec == f"{self.device_name}:{device.index}"

    def test_describe_is_json_and_says_whether_it_is_emulated(self, program: Program) -> None:
        """Results carry the description, so it must be writable and honest."""
        described = program.describe()
        assert json.loads(json.dumps(described, allow_nan=False)) == described
        assert described["device"] == program.device.spec
        assert described["emulated"] is program.device.capabilities.emulated

    def test_load_refuses_an_unknown_dtype(self, tmp_path: Path) -> None:
        """Only what the capabilities name is taken."""
        import dataclasses

        artifact = self.artifact(tmp_path)
        manifest = dataclasses.replace(artifact.manifest, dtype="int3")
        with pytest.raises(DeviceError, match="compiled as int3"):
            self.device().load(Artifact(artifact.prefix, manifest))

    @pytest.mark.parametrize("num_samples", [1, 2, 5], ids=["one", "two", "five"])
    def test_outputs_have_the_declared_shapes_and_dtypes(
        self, program: Program, num_samples: int
    ) -> None:
        """Axis 0 holds the samples, the rest is the manifest's."""
        outputs = program.infer(self.inputs(program, num_samples))
        assert set(outputs) == {spec.name for spec in program.outputs}
        for spec in program.outputs:
            assert outputs[spec.name].shape == (num_samples, *spec.sample_shape[1:])
            assert outputs[spec.name].dtype == np.dtype(spec.dtype)

    def test_a_program_of_fixed_batch_takes_any_number(self, tmp_path: Path) -> None:
        """More samples than fit are executed in parts and joined in order."""
        artifact = self.artifact(tmp_path, fixed_batch=True)
        with self.device().load(artifact) as program:
            together = program.infer(self.inputs(program, 3))
            for i in range(3):
                one = {name: a[i : i + 1] for name, a in self.inputs(program, 3).items()}
                for name, output in program.infer(one).items():
                    np.testing.assert_array_equal(output, together[name][i : i + 1])

    def test_the_same_input_gives_the_same_output(self, program: Program) -> None:
        """Twice the same batch, bit for bit."""
        first = program.infer(self.inputs(program, 4))
        second = program.infer(self.inputs(program, 4))
        for name, output in first.items():
            np.testing.assert_array_equal(output, second[name])

    def test_a_sample_does_not_depend_on_its_batch(self, program: Program) -> None:
        """Neighbors change nothing beyond the order of float additions."""
        inputs = self.inputs(program, 4)
        together = program.infer(inputs)
        alone = program.infer({name: array[2:3] for name, array in inputs.items()})
        for name, output in alone.items():
            # float16 outputs have 11 bits: one unit in the last place is 2 ** -10
            np.testing.assert_allclose(output, together[name][2:3], rtol=1e-3, atol=1e-3)

    def test_inputs_are_left_as_they_are_and_outputs_are_the_callers(
        self, program: Program
    ) -> None:
        """A later execution must not write into what an earlier one returned."""
        inputs = self.inputs(program, 2)
        copies = {name: array.copy() for name, array in inputs.items()}
        outputs = program.infer(inputs)
        kept = {name: array.copy() for name, array in outputs.items()}
        program.infer(self.inputs(program, 2, seed=1))
        for name, array in inputs.items():
            np.testing.assert_array_equal(array, copies[name])
        for name, array in outputs.items():
            np.testing.assert_array_equal(array, kept[name])

    def test_submit_returns_a_future(self, program: Program) -> None:
        """Several may be under way."""
        futures = [program.submit(self.inputs(program, 1)) for _ in range(4)]
        assert all(isinstance(future, Future) for future in futures)
        assert all(set(future.result()) for future in futures)

    def test_several_threads_may_submit(self, program: Program) -> None:
        """Every thread gets the outputs of its own inputs."""
        wanted = [program.infer(self.inputs(program, 1, seed)) for seed in range(4)]
        got: dict[int, dict[str, NDArray[Any]]] = {}

        def run(seed: int) -> None:
            for _ in range(8):
                got[seed] = program.infer(self.inputs(program, 1, seed))

        threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed, outputs in enumerate(wanted):
            for name, output in outputs.items():
                np.testing.assert_array_equal(got[seed][name], output)

    def test_submit_refuses_a_wrong_shape(self, program: Program) -> None:
        """The message names the input and both shapes."""
        name = program.inputs[0].name
        wrong = {**self.inputs(program, 1), name: np.zeros((1, 1), program.inputs[0].dtype)}
        with pytest.raises(DeviceExecutionError, match=r"does not take shape \(1, 1\)"):
            program.submit(wrong)

    def test_close_is_final_and_harmless_twice(self, program: Program) -> None:
        """A closed program says so."""
        inputs = self.inputs(program, 1)
        program.close()
        program.close()
        with pytest.raises(DeviceExecutionError, match="the program is closed"):
            program.infer(inputs)

    def test_nothing_is_printed(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        """Programs own stdout and stderr; a device stays silent."""
        with self.device().load(self.artifact(tmp_path)) as program:
            program.infer(self.inputs(program, 1))
        assert capfd.readouterr() == ("", "")
