# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.config.build import BuildConfig, Normalize, load_build_config
from vackit.errors import ConfigError

VALID = Path(__file__).resolve().parents[2] / "examples" / "valid"
CURRENT = VALID / "build_current.yaml"
DIALECT1 = VALID / "build_2023_dialect1.yaml"
DIALECT2 = VALID / "build_2023_dialect2.yaml"


def load(*overrides: str, path: Path = CURRENT) -> BuildConfig:
    return load_build_config(path, overrides)


@pytest.mark.parametrize(
    "override",
    ["backend.dtype=fp16", "engine.dtype=fp16", " backend.dtype = fp16 ", "backend.dtype='fp16'"],
    ids=["current", "2023", "spaces", "quoted"],
)
@pytest.mark.parametrize("path", [CURRENT, DIALECT1, DIALECT2], ids=["current", "one", "two"])
def test_override_takes_the_keys_of_either_generation(override: str, path: Path) -> None:
    assert load(override, path=path).backend.dtype == "fp16"


@pytest.mark.parametrize(
    "key", ["backend.quantize.calibrate_mode", "engine.calibration.quant_mode"]
)
@pytest.mark.parametrize("path", [CURRENT, DIALECT1, DIALECT2], ids=["current", "one", "two"])
def test_override_replaces_the_other_dialects_key(key: str, path: Path) -> None:
    assert load(f"{key}=mse", path=path).backend.quantize.calibrate_mode == "mse"


def test_override_of_do_quantization_stays_a_2023_key() -> None:
    assert load("engine.common.do_quantization=false", path=DIALECT1).backend.dtype == "fp16"
    with pytest.raises(ConfigError, match=r"hint: write backend\.dtype: int8, fp16 or fp32"):
        load("engine.common.do_quantization=false")


def test_override_with_a_list_index() -> None:
    config = load("dataset.process_ops.6.mean=[0.5]", "dataset.process_ops.6.std=[0.25]")
    assert config.dataset is not None
    assert config.dataset.process_ops[6] == Normalize(False, (0.5,), (0.25,))


def test_override_of_a_whole_list_entry() -> None:
    config = load("dataset.process_ops.6={type: Normalize}", "frontend.shape.0=[1, 5]")
    assert config.dataset is not None
    assert config.dataset.process_ops[6] == Normalize()
    assert config.frontend.shape["0"] == (1, 5)


def test_override_of_an_input_whose_name_holds_dots() -> None:
    config = load("frontend.shape.input.1=[1, 3, 8, 8]", "model.inputs.new.name=[1]")
    assert config.frontend.shape == {"input.1": (1, 3, 8, 8), "0": (1, 77), "new.name": (1,)}
    assert load("frontend.shape.input.1.3=5").frontend.shape["input.1"] == (1, 3, 64, 5)


def test_override_of_an_input_in_a_2023_file() -> None:
    config = load("frontend.shape.input=[1, 3, 32, 32]", path=DIALECT1)
    assert config.frontend.shape == {"input": (1, 3, 32, 32)}


@pytest.mark.parametrize("shape", ["5", "null"])
def test_override_of_an_input_where_the_file_has_no_shapes(shape: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    text = (VALID / "build_minimal.yaml").read_text()
    path.write_text(text.replace("{input: [1, 3, 8, 8]}", shape))
    if shape == "null":
        assert load("frontend.shape.a=[1, 2]", path=path).frontend.shape == {"a": (1, 2)}
    else:
        with pytest.raises(ConfigError, match=r"frontend\.shape holds 5, nothing can be set"):
            load("frontend.shape.a=[1, 2]", path=path)


def test_override_makes_the_mappings_on_its_way() -> None:
    path = VALID / "build_minimal.yaml"
    config = load("graph.extra_ops.type=softmax", "dataset.path=images", path=path)
    assert config.extra_ops is not None
    assert config.extra_ops.type == "softmax"
    assert config.dataset is not None


def test_override_mends_a_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(CURRENT.read_text().replace("dtype: int8", "dtype: int7"))
    assert load("backend.dtype=int8", path=path).backend.dtype == "int8"


def test_overridden_paths_start_from_the_current_folder() -> None:
    config = load(
        "frontend.checkpoint=m.onnx",
        "dataset.path=images",
        "workspace.path=elsewhere",
        "dataset.process_ops.7.module_path=p.py",
    )
    assert config.frontend.checkpoint == Path("m.onnx")
    assert config.dataset is not None
    assert config.dataset.path == Path("images")
    assert config.dataset.process_ops[7].module_path == Path("p.py")  # type: ignore[union-attr]
    assert config.workspace_path == Path("elsewhere")


def test_path_in_an_overridden_mapping_starts_from_the_current_folder() -> None:
    config = load("dataset={path: images}")
    assert config.dataset is not None
    assert config.dataset.path == Path("images")


@pytest.mark.parametrize(
    ("text", "value"),
    [("model #1: x.onnx", "model #1: x.onnx"), ("a=b.onnx", "a=b.onnx"), ('"8"', "8")],
)
def test_plain_values_are_taken_whole(text: str, value: str) -> None:
    assert load(f"frontend.checkpoint={text}").frontend.checkpoint == Path(value)


def test_empty_value_is_null() -> None:
    config = load("dataset.sampler.suffix=")
    assert config.dataset is not None
    assert config.dataset.suffix is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("backend.dtype", r"--set backend.dtype: expected key.path=value\n  hint: --set backend"),
        ("=fp16", r"--set =fp16: expected key.path=value"),
        (" .=fp16", r"--set  \.=fp16: expected key.path=value"),
        (
            "backend.dtypee=fp16",
            r"--set backend.dtypee=fp16: backend.dtypee: unknown key .*\n.*did you mean 'dtype'",
        ),
        (
            "backend.quantize.reduced_range=true",
            r"backend.quantize.reduced_range: unknown key .*\n.*did you mean 'reduce_range'",
        ),
        (
            "backend.reduce_range=true",
            r"backend.reduce_range: unknown key .*\n.*belongs under backend.quantize.reduce_range",
        ),
        ("bakend.dtype=fp16", r"bakend: unknown key 'bakend'\n  hint: did you mean 'backend'"),
        ("backend.dtype=int7", r"--set backend.dtype=int7: backend.dtype: 'int7' is not one of"),
        ("backend.dtype=[int8", r"--set backend.dtype=\[int8: not YAML: did not find expected"),
        (f"name={'9' * 5000}", r"'9{20}' is not a number"),
        ("dataset.process_ops.9.size=[1, 1]", r"process_ops has 9 entries, none at index 9"),
        ("dataset.process_ops.last=1", r"process_ops is a list; 'last' is not an index of it"),
        ("name.first=x", r"name holds 'every_key_int8', nothing can be set inside it"),
        ("dataset.process_ops.6.mean=[.nan]", r"process_ops\.6\.mean\.0: expected a finite"),
    ],
    ids=[
        "no-value", "no-key", "dot", "near", "near-inside", "parent", "far", "enum", "yaml",
        "digits", "index", "word", "inside", "nan",
    ],
)  # fmt: skip
def test_override_names_itself_when_it_is_wrong(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(override)


def test_all_wrong_overrides_are_reported_at_once() -> None:
    with pytest.raises(ConfigError, match=r"expected key\.path=value") as caught:
        load("x", "name.first=x", "backend.dtype=fp16")
    assert len(caught.value.findings) == 2
