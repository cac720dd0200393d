# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.config.validate import validate_files
from vackit.errors import UsageError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
VALID = EXAMPLES / "valid"


def test_validate_files_goes_on_after_a_wrong_file() -> None:
    paths = [EXAMPLES / "invalid" / "yaml_empty.yaml", VALID / "vdsp_a.json", Path("none.json")]
    wrong, right, missing = validate_files(paths)
    assert (wrong.kind, wrong.is_valid) == ("build YAML", False)
    assert (right.kind, right.is_valid) == ("vdsp_params JSON", True)
    assert (missing.kind, missing.is_valid) == ("", False)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.txt", "name: x\n", "build YAML"),
        ("a.txt", ' {"OpType": "BERT_EMBEDDING_OP"}', "vdsp_params JSON"),
        ("a.JSON", '{"model_lib_path": "a.so"}', "model_info JSON"),
        ("a.json", '{"frontend": {}}', "build YAML"),
        ("a.json", '{"optype": "x"}', "vdsp_params JSON"),
        ("a.yml", '{"OpType": "x"}', "build YAML"),
    ],
    ids=["yaml-text", "json-text", "info", "build-json", "unknown", "yml"],
)
def test_validate_files_tells_files_apart(name: str, text: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    (verdict,) = validate_files([path])
    assert verdict.kind == kind


def test_validate_files_applies_overrides_to_build_yaml() -> None:
    path = VALID / "build_minimal.yaml"
    (verdict,) = validate_files([path], ["backend.dtype=int9"])
    assert "'int9' is not one of the allowed values" in str(verdict.findings[0])


def test_validate_files_refuses_overrides_without_a_build_yaml() -> None:
    with pytest.raises(UsageError, match="--set changes a build YAML, and there is none"):
        validate_files([VALID / "vdsp_a.json"], ["backend.dtype=int8"])


def test_validate_files_compares_one_build_yaml_with_one_vdsp_json() -> None:
    pair = [VALID / "build_2023_dialect1.yaml", VALID / "vdsp_a.json"]
    build, _ = validate_files(pair)
    steps = [note.message.partition(":")[0] for note in build.notes]
    assert steps[-3:] == ["resize", "crop", "channels"]
    build, *_ = validate_files([*pair, VALID / "vdsp_c.json"])
    assert "crop" not in [note.message.partition(":")[0] for note in build.notes]
