# SPDX-License-Identifier: Apache-2.0
"""The files in ``tests/examples``: adding a case means adding a file."""

from pathlib import Path

import pytest

from vackit.config.validate import validate_files

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FORMATS = (".yaml", ".json")
VALID = sorted(path for path in (EXAMPLES / "valid").iterdir() if path.suffix in FORMATS)
INVALID = sorted(path for path in (EXAMPLES / "invalid").iterdir() if path.suffix in FORMATS)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_valid_example_has_no_findings(path: Path) -> None:
    (verdict,) = validate_files([path])
    assert verdict.findings == ()
    kinds = {"build": "build YAML", "vdsp": "vdsp_params JSON", "model": "model_info JSON"}
    assert verdict.kind == kinds[path.name.split("_")[0]]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.name)
def test_invalid_example_has_the_expected_findings(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    (verdict,) = validate_files([Path(path.name)])
    expected = path.with_name(f"{path.name}.expected.txt").read_text(encoding="utf-8")
    assert "\n".join(str(finding) for finding in verdict.findings) + "\n" == expected


def test_every_expected_text_belongs_to_an_example() -> None:
    texts = {path.name.removesuffix(".expected.txt") for path in EXAMPLES.glob("invalid/*.txt")}
    assert texts == {path.name for path in INVALID}
