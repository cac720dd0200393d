# SPDX-License-Identifier: Apache-2.0
"""The card's device against a stand-in: no card was there when this was written."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.artifact.store import Artifact
from vackit.devices.registry import device_table, get_device
from vackit.errors import ArtifactError, DeviceExecutionError, DeviceUnavailableError
from vackit.testing.conformance import DeviceConformance
from vackit.testing.tiny_artifacts import write_tiny_artifact

NAME = "vaststreamx"
Install = Callable[[str], Any]


def write_compiled(
    prefix: Path,
    inputs: Sequence[Sequence[int]],
    outputs: Sequence[Sequence[int]],
    max_batch: int = 8,
) -> Path:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    graph = {"inputs": inputs, "outputs": outputs, "max_batch": max_batch}
    for suffix in (".so", ".params"):
        Path(f"{prefix}{suffix}").write_bytes(suffix.encode())
    Path(f"{prefix}.json").write_text(json.dumps(graph))
    return prefix


def write_both(prefix: Path, *, fixed_batch: bool = False, kind: str = "conv") -> Artifact:
    artifact = write_tiny_artifact(prefix, kind, dtype="fp16", fixed_batch=fixed_batch)
    shapes = [
        [list(spec.sample_shape) for spec in specs]
        for specs in (artifact.manifest.inputs, artifact.manifest.outputs)
    ]
    write_compiled(prefix, shapes[0], shapes[1])
    return artifact


class TestVacc(DeviceConformance):
    device_name = "vacc"

    @pytest.fixture(autouse=True)
    def _installed(self, card: Any) -> None:
        """Every inherited test runs on the stand-in."""

    def artifact(self, folder: Path, *, fixed_batch: bool = False) -> Artifact:
        return write_both(folder / "mod", fixed_batch=fixed_batch)


def expected(plain: NDArray[Any], shape: Sequence[int]) -> NDArray[np.float16]:
    """Return what the stand-in's model makes of a plain input."""
    size = int(np.prod(shape))
    weights = np.random.default_rng(size).random((size, plain.size))
    flat = plain.astype(np.float16).astype(np.float64).reshape(-1)
    return (weights @ flat / plain.size).astype(np.float16).reshape(shape)


def reason() -> str:
    return next(entry.reason for entry in device_table() if entry.name == "vacc")


def test_auto_takes_the_card_where_one_answers(card: Any) -> None:
    device = get_device("auto")
    assert (device.spec, device.label) == ("vacc:0", "vacc:0 (accelerator)")
    assert device.describe() == {
        "device": "vacc:0", "emulated": False, "card_type": "VA1-16G", "vaststreamx": "2.8.4",
    }  # fmt: skip


def test_auto_takes_the_emulator_where_no_card_answers(card: Any) -> None:
    card.CARDS = 0
    assert get_device("auto").spec == "onnxrt:0"
    assert reason() == "'vaststreamx' reports no card"


def test_a_missing_module_is_named() -> None:
    with pytest.raises(DeviceUnavailableError, match="no module 'vaststreamx' is installed"):
        get_device("vacc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise OSError('libvaml.so: cannot open shared object file')", "libvaml.so: cannot open"),
        ("x = 1", "cannot say how many cards there are: module 'vaststreamx' has no attribute"),
        ("def get_all_cards_count(): raise RuntimeError", r"there are: RuntimeError\(\)"),
    ],
    ids=["driver", "another module", "no answer"],
)
def test_a_module_that_does_not_work_says_why(install: Install, text: str, message: str) -> None:
    install(text)
    with pytest.raises(DeviceUnavailableError, match=message):
        get_device("vacc")
    assert get_device("auto").spec == "onnxrt:0"


def test_the_module_of_runstream_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    from vackit.compat import shims

    monkeypatch.syspath_prepend(next(iter(shims.__path__)))
    with pytest.raises(DeviceUnavailableError, match="no 'vaststreamx' but vackit's own is on"):
        get_device("vacc")
    assert NAME not in sys.modules


def test_a_module_loaded_by_other_means_is_taken(card: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(card, "__spec__", None)
    assert get_device("vacc").spec == "vacc:0"


def test_the_index_is_a_die(card: Any) -> None:
    assert get_device("vacc:1").spec == "vacc:1"
    with pytest.raises(DeviceUnavailableError, match="'vacc:2' is not there; dies: 0, 1"):
        get_device("vacc:2")
    card.get_all_cards = None  # a version that does not tell
    assert get_device("vacc:2").describe()["card_type"] is None


def test_a_failing_set_device_is_an_error(card: Any, tmp_path: Path) -> None:
    card.set_device = lambda device_id: 7
    write_both(tmp_path / "mod")
    device = get_device("vacc")
    with pytest.raises(DeviceExecutionError, match=r"set_device\(0\) returned 7"):
        device.load(device.open(tmp_path / "mod"))


def test_images_reach_the_card_in_its_tiles_and_come_back_plain(card: Any, tmp_path: Path) -> None:
    # 3 channels of 8 x 8 fill three quarters of a block
    write_both(tmp_path / "mod")
    device = get_device("vacc")
    with device.load(device.open(tmp_path / "mod")) as program:
        batch = np.random.default_rng(0).random((3, 3, 8, 8)).astype(program.inputs[0].dtype)
        (got,) = program.infer({program.inputs[0].name: batch}).values()
    assert got.dtype == np.dtype(program.outputs[0].dtype)
    for sample, output in zip(batch, got, strict=True):
        np.testing.assert_array_equal(output, expected(sample, (1, 4, 8, 8))[0])


def test_the_model_grows_with_the_batch_up_to_what_it_takes(card: Any, tmp_path: Path) -> None:
    write_both(tmp_path / "mod")
    device = get_device("vacc")
    with device.load(device.open(tmp_path / "mod")) as program:
        for size in (1, 4, 2, 20):
            program.infer({program.inputs[0].name: np.zeros((size, 3, 8, 8), np.float16)})
    assert [
        ("Model", 1), ("run_sync", 1), ("Model", 4), ("run_sync", 4), ("run_sync", 2),
        ("Model", 8), ("run_sync", 20), *[("wait_until_done", 0)] * 3,
    ] == card.CALLS  # fmt: skip


def test_open_reads_shapes_from_the_card_where_there_is_no_manifest(
    card: Any, tmp_path: Path
) -> None:
    prefix = write_compiled(tmp_path / "resnet/mod", [[1, 3, 20, 12]], [[1, 10], [1, 2, 3]])
    device = get_device("vacc")
    for path in (prefix, f"{prefix}.so", f"{prefix}.json", f"{prefix}.params"):
        artifact = device.open(path)
        assert artifact.prefix == prefix
    assert [str(spec) for spec in artifact.manifest.inputs] == ["input_0 [N, 3, 20, 12] float16"]
    assert [str(spec) for spec in artifact.manifest.outputs] == [
        "output_0 [N, 10] float16", "output_1 [N, 2, 3] float16",
    ]  # fmt: skip
    assert (artifact.manifest.name, artifact.manifest.dtype) == ("resnet", "vendor")
    assert sorted(artifact.manifest.files) == [".json", ".params", ".so"]
    with device.load(artifact) as program:
        image = np.random.default_rng(0).random((1, 3, 20, 12)).astype(np.float16)
        outputs = program.infer({"input_0": image})
    np.testing.assert_array_equal(outputs["output_0"], expected(image, (1, 10)))


def test_text_models_take_int32_through_the_embedding_operator(card: Any, tmp_path: Path) -> None:
    prefix = write_compiled(tmp_path / "bert", [[1, 16]] * 6, [[1, 2]])
    device = get_device("vacc")
    with device.load(device.open(prefix)) as program:
        assert {spec.dtype for spec in program.inputs} == {"int32"}
        ids = np.arange(32, dtype=np.int32).reshape(2, 16)
        (got,) = program.infer({spec.name: ids for spec in program.inputs}).values()
    for row, output in zip(ids, got, strict=True):
        np.testing.assert_array_equal(output, expected(6 * row, (1, 2))[0])


def test_outputs_without_a_batch_axis_run_one_by_one(card: Any, tmp_path: Path) -> None:
    prefix = write_compiled(tmp_path / "ocr", [[1, 3, 8, 8]], [[5, 7]])
    device = get_device("vacc")
    with device.load(device.open(prefix)) as program:
        assert program.max_batch == 1
        (got,) = program.infer({"input_0": np.zeros((1, 3, 8, 8), np.float16)}).values()
    assert got.shape == (5, 7)


@pytest.mark.parametrize("missing", [".so", ".json", ".params"])
def test_a_missing_compiled_file_is_named(card: Any, tmp_path: Path, missing: str) -> None:
    prefix = write_compiled(tmp_path / "mod", [[1, 3, 8, 8]], [[1, 2]])
    Path(f"{prefix}{missing}").unlink()
    with pytest.raises(ArtifactError, match=rf"no files compiled for a card: \{missing} missing"):
        get_device("vacc").open(prefix)


def test_an_artifact_without_compiled_files_says_which(card: Any, tmp_path: Path) -> None:
    device = get_device("vacc")
    artifact = write_tiny_artifact(tmp_path / "mod", "conv", dtype="fp16")
    with pytest.raises(ArtifactError, match=r"\.so, \.json, \.params missing"):
        device.load(device.open(artifact.prefix))
    with pytest.raises(ArtifactError, match="no compiled artifact here"):
        device.open(tmp_path / "nothing")


def test_the_emulator_still_refuses_a_cards_files(tmp_path: Path) -> None:
    prefix = write_compiled(tmp_path / "mod", [[1, 3, 8, 8]], [[1, 2]])
    with pytest.raises(ArtifactError, match=r"only files compiled for a card \(\.so, \.json"):
        get_device("onnxrt").open(prefix)


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([[1, 3, 9, 9]], [[1, 4, 8, 8]], r"its inputs on the card have shapes \[\(1, 3, 9, 9\)\]"),
        ([[1, 3, 8, 8]], [[1, 5, 8, 8]], r"its outputs on the card have shapes \[\(1, 5, 8, 8\)"),
    ],
    ids=["inputs", "outputs"],
)
def test_a_manifest_of_another_model_is_refused(
    card: Any, tmp_path: Path, inputs: Any, outputs: Any, message: str
) -> None:
    write_both(tmp_path / "mod")
    write_compiled(tmp_path / "mod", inputs, outputs)
    device = get_device("vacc")
    with pytest.raises(DeviceExecutionError, match=message):
        device.load(device.open(tmp_path / "mod"))


def test_a_model_that_the_card_does_not_take_is_an_error(card: Any, tmp_path: Path) -> None:
    prefix = write_compiled(tmp_path / "mod", [[1, 3, 8, 8]], [[1, 2]], max_batch=0)
    with pytest.raises(DeviceExecutionError, match="cannot load it: batch 1 is more than 0"):
        get_device("vacc").open(prefix)


def fail(*arguments: Any) -> Any:
    raise RuntimeError("out of memory\nsecond line")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stream: setattr(stream, "run_sync", fail), "vaststreamx: out of memory$"),
        (lambda s: setattr(s, "run_sync", lambda *a: []), "1 samples went in, 0 results came out"),
        (lambda s: setattr(s, "_run", lambda *a: []), "has 1 outputs, the card gave 0"),
        (
            lambda s: setattr(s, "model", type("M", (), {**vars(s.model), "output_shape": [[3]]})),
            r"the card gave shape \(3,\)",
        ),
    ],
    ids=["raises", "no results", "no outputs", "another shape"],
)
def test_what_goes_wrong_on_the_card_is_the_futures(
    card: Any, tmp_path: Path, monkeypatch: Any, change: Any, message: str
) -> None:
    build = card.Stream.build
    monkeypatch.setattr(card.Stream, "build", lambda self: (build(self), change(self)))
    prefix = write_compiled(tmp_path / "mod", [[1, 3, 8, 8]], [[1, 2]])
    device = get_device("vacc")
    with device.load(device.open(prefix)) as program:
        future = program.submit({"input_0": np.zeros((1, 3, 8, 8), np.float16)})
        with pytest.raises(DeviceExecutionError, match=message):
            future.result()


def test_a_stream_that_cannot_be_built_is_an_error(
    card: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(card.Stream, "build", fail)
    prefix = write_compiled(tmp_path / "mod", [[1, 3, 8, 8]], [[1, 2]])
    device = get_device("vacc")
    artifact = device.open(prefix)
    with pytest.raises(DeviceExecutionError, match="makes no stream of it: out of memory"):
        device.load(artifact)


def test_the_stream_and_its_provenance_work_without_a_manifest(card: Any, tmp_path: Path) -> None:
    from vackit.stream.graph import make_graph
    from vackit.stream.provenance import provenance
    from vackit.stream.stream import Stream

    prefix = write_compiled(tmp_path / "net/mod", [[1, 3, 8, 8]], [[1, 2]])
    device = get_device("vacc")
    samples = np.random.default_rng(1).random((9, 3, 8, 8)).astype(np.float16)
    with device.load(device.open(prefix)) as program:
        with Stream(make_graph(program), workers=2, max_batch=4) as stream:
            results = [outputs[0] for outputs in stream.map(samples)]
        run = provenance(program, None, 4)
    for sample, output in zip(samples, results, strict=True):
        np.testing.assert_array_equal(output, expected(sample, (1, 2)))
    assert run["emulated"] is False
    assert (run["artifact"]["name"], run["artifact"]["dtype"]) == ("net", "vendor")
    assert len(run["artifact"]["manifest_sha256"]) == 64


VDSP = {
    "OpType": "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR",
    "OpConfig": {
        "IimageFormat": "RGB_PLANAR", "OimageWidth": 8, "OimageHeight": 8,
        "ResizeType": "BILINEAR_CV", "ColorCvtCode": "NO_CHANGE", "NormaType": "DIV255",
    },
}  # fmt: skip


def test_vamp_measures_and_writes_results_from_the_card(
    card: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vackit.cli.vamp import main
    from vackit.data.npz import write_npz
    from vackit.results.reader import read_results

    prefix = str(write_compiled(tmp_path / "net/mod", [[1, 3, 8, 8]], [[1, 2]]))
    (tmp_path / "vdsp.json").write_text(json.dumps(VDSP))
    common = ["-m", prefix, "--vdsp_params", str(tmp_path / "vdsp.json"), "-b", "2"]
    assert main([*common, "--iterations", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["emulated"] is False
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), np.uint8)
    for i, image in enumerate(images):
        write_npz(tmp_path / f"{i}.npz", {"input_0": image})
    (tmp_path / "list.txt").write_text("".join(f"{tmp_path}/{i}.npz\n" for i in range(3)))
    lists = ["--datalist", str(tmp_path / "list.txt"), "--path_output", str(tmp_path / "out")]
    assert main([*common, *lists]) == 0
    results = read_results(tmp_path / "out")
    assert results.run["device"]["card_type"] == "VA1-16G"
    for image, entry in zip(images, results.entries, strict=True):
        plain = (image.astype(np.float32) / 255).astype(np.float16)
        np.testing.assert_array_equal(entry.load()[0], expected(plain, (1, 2)))


def test_vamp_says_what_is_missing_for_the_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vackit.cli.vamp import main

    assert main(["-m", str(tmp_path / "mod"), "--device", "vacc", "--iterations", "1"]) == 1
    assert capsys.readouterr().err == (
        "device 'vacc' is not available: no module 'vaststreamx' is installed\n"
        "  hint: install the card's driver and its Python module vaststreamx\n"
    )


def test_sample_cls_runs_on_the_card_by_the_vendors_model_info(
    card: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import cv2

    from vackit.cli.runstream import main

    write_compiled(tmp_path / "net/mod", [[1, 3, 8, 8]], [[1, 7]])
    info = {
        "model_name": "net", "model_lib_path": "net/mod.so", "model_graph_path": "net/mod.json",
        "model_params_path": "net/mod.params", "hw_config_file": None,
    }  # fmt: skip
    (tmp_path / "info.json").write_text(json.dumps(info))
    (tmp_path / "vdsp.json").write_text(json.dumps(VDSP))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    arguments = [
        "sample_cls.py", "--file_path", str(tmp_path / "a.png"), "--task", "topk",
        "--model_info", str(tmp_path / "info.json"),
        "--vdsp_params_info", str(tmp_path / "vdsp.json"),
    ]  # fmt: skip
    assert main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert ("run_sync", 1) in card.CALLS
    sys.modules.pop(NAME)  # a process of its own would not have it
    assert main(["--emulate", *arguments]) == 1
    assert "only files compiled for a card" in capsys.readouterr().err
