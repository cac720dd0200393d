# SPDX-License-Identifier: Apache-2.0
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from vackit.config.model_info import (
    ModelInfo,
    check_model_info,
    load_model_info,
    model_info_json,
    model_info_of,
)
from vackit.errors import ConfigError

VALID = Path(__file__).resolve().parents[2] / "examples" / "valid"


def write(folder: Path, **values: Any) -> Path:
    path = folder / "x.json"
    path.write_text(json.dumps(values))
    return path


def triple(stem: str, suffixes: tuple[str, str, str] = (".so", ".json", ".params")) -> Any:
    keys = ("model_lib_path", "model_graph_path", "model_params_path")
    return dict(zip(keys, (stem + suffix for suffix in suffixes), strict=True))


def test_load_model_info_resolves_against_its_own_folder() -> None:
    path = VALID / "model_info.json"
    assert load_model_info(path) == ModelInfo(
        model_name="digits",
        model_lib_path=VALID / "../out/digits/mod.onnx",
        model_graph_path=VALID / "../out/digits/mod.vackit.json",
        model_params_path=VALID / "../out/digits/mod.onnx.data",
        prefix=VALID / "../out/digits/mod",
        hw_config_file=None,
        source=path,
    )


def test_load_model_info_reads_a_vendors_triple() -> None:
    info = load_model_info(VALID / "model_info_vendor.json")
    assert info.prefix == Path("/deploy/resnet50/mod")
    assert info.hw_config_file == VALID / "hw_conf.bin"


@pytest.mark.parametrize("hardware", [None, ""], ids=["null", "empty"])
def test_hw_config_file_may_be_empty(hardware: str | None, tmp_path: Path) -> None:
    path = write(tmp_path, model_name="m", hw_config_file=hardware, **triple("a/m"))
    assert load_model_info(path).hw_config_file is None


def test_prefix_keeps_dots_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, model_name="m", **triple("a/shufflenet_v2_x1.0"))
    assert load_model_info(path).prefix == tmp_path / "a/shufflenet_v2_x1.0"


def test_paths_that_are_written_differently_may_share_a_prefix(tmp_path: Path) -> None:
    values = triple("./a/m") | {"model_params_path": "a//m.params"}
    assert load_model_info(write(tmp_path, model_name="m", **values)).prefix == tmp_path / "a/m"


def test_triple_of_two_models_is_refused(tmp_path: Path) -> None:
    values = triple("a/densenet") | {"model_graph_path": "a/cspresnet50.json"}
    message = r"'a/cspresnet50\.json' is of another model .*: expected a/densenet\.json"
    with pytest.raises(ConfigError, match=message):
        load_model_info(write(tmp_path, model_name="m", **values))


@pytest.mark.parametrize("lib", ["a/m", "a/.so", ".onnx", "a/m.params"])
def test_lib_path_needs_its_suffix(lib: str, tmp_path: Path) -> None:
    values = triple("a/m") | {"model_lib_path": lib}
    with pytest.raises(ConfigError, match=r"expected a file ending in \.onnx or \.so, got"):
        load_model_info(write(tmp_path, model_name="m", **values))


def artifact(prefix: Path) -> Path:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_name(prefix.name + ".vackit.json").touch()
    return prefix


@pytest.mark.parametrize("name", ["net", "mod"], ids=["of its name", "mod beside it"])
def test_dynamic_model_comes_before_the_triple(name: str, tmp_path: Path) -> None:
    wanted = artifact(tmp_path / "dyn" / name)
    artifact(tmp_path / "a/m")
    values = {"model_name": "m", "model_dynamic_json": "dyn/net_module_info.json"}
    for more in (triple("a/m"), dict.fromkeys(triple("a/m"), ""), {}):
        path = write(tmp_path, **values, **more)
        assert load_model_info(path).prefix == wanted
        assert check_model_info(path)[1] == ()


def test_dynamic_model_that_is_not_there_leaves_the_triple_and_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    path = write(tmp_path, model_name="m", model_dynamic_json="d.json", **triple("a/m"))
    assert load_model_info(path).prefix == tmp_path / "a/m"
    assert "model_dynamic_json: no artifact beside it; the triple is taken" in caplog.text
    plain = write(tmp_path, model_name="m", model_dynamic_json=None, **triple("m"))
    assert check_model_info(plain)[1] == ()


def test_dynamic_model_alone_that_is_not_there_is_looked_for_beside_its_json() -> None:
    info = model_info_of({"model_name": "m", "model_dynamic_json": "d/net_module_info.json"})
    assert (info.prefix, info.model_lib_path) == (Path("d/mod"), None)


def test_model_info_json_is_read_back(tmp_path: Path) -> None:
    prefix = tmp_path / "v1.0"
    path = write(tmp_path, **model_info_json(prefix, "m"))
    assert load_model_info(path).prefix == prefix
    assert load_model_info(path).model_params_path == tmp_path / "v1.0.onnx.data"


def test_model_info_of_starts_from_the_current_folder() -> None:
    info = model_info_of({"model_name": "m", "hw_config_file": "hw.bin", **triple("a/m")})
    assert (info.prefix, info.hw_config_file) == (Path("a/m"), Path("hw.bin"))
    assert info.source is None


def test_model_info_of_names_what_is_wrong_without_a_file() -> None:
    with pytest.raises(ConfigError, match=r"model_info:1:1: model_lib_path: expected string"):
        model_info_of({"model_name": "m", **triple("a/m"), "model_lib_path": 3})


def test_model_info_of_accepts_keys_of_the_programs_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    info = model_info_of({"model_name": "m", "labels": "x.txt", **triple("a/m")})
    assert info.prefix == Path("a/m")
    assert "'labels' has no effect" in caplog.text


def test_model_info_asks_for_a_triple_without_a_dynamic_model() -> None:
    with pytest.raises(ConfigError, match="required key 'model_lib_path' is missing"):
        model_info_of({"model_name": "m", "model_dynamic_json": ""})
