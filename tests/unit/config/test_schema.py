# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from vackit.config import schema
from vackit.config.document import Document
from vackit.config.load import load_json

NAMES = sorted(
    path.name.removesuffix(".schema.json")
    for path in (resources.files("vackit.config") / "schemas").iterdir()
)
# keywords of a schema that themselves report an error
ANNOTATIONS = {"$schema", "$id", "title", "$comment", "description", "x-missing", "x-hint"}
COMBINATORS = {"$ref", "properties", "items", "prefixItems", "allOf", "oneOf", "if", "then", "else"}
OWN = {"additionalProperties", "required"}


def subschemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every subschema whose errors a user can see (those under if and not cannot)."""
    if not isinstance(node, dict):
        return
    yield node
    for key in ("then", "else", "items", "additionalProperties"):
        yield from subschemas(node.get(key))
    for key in ("properties", "$defs"):
        for value in node.get(key, {}).values():
            yield from subschemas(value)
    for value in node.get("allOf", []):
        yield from subschemas(value)


def test_schemas_are_the_four() -> None:
    assert NAMES == ["build", "build_2023", "model_info", "vdsp_params"]


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_valid_schema_and_names_itself(name: str) -> None:
    data = schema.read_schema(name)
    Draft202012Validator.check_schema(data)
    assert data["$id"] == f"{name}.schema.json"


@pytest.mark.parametrize("name", NAMES)
def test_schema_uses_only_keywords_that_have_a_wording(name: str) -> None:
    for node in subschemas(schema.read_schema(name)):
        unknown = set(node) - ANNOTATIONS - COMBINATORS - OWN - set(schema._WORDING) - {"$defs"}
        # `const` stands only where an if looks at it
        assert unknown <= {"const"}, node


@pytest.mark.parametrize("name", NAMES)
def test_schema_describes_what_it_refuses_by_pattern(name: str) -> None:
    for node in subschemas(schema.read_schema(name)):
        if "pattern" in node or "not" in node:
            assert "description" in node


def document(tmp_path: Path, text: str) -> Document:
    path = tmp_path / "x.json"
    path.write_text(text)
    return load_json(path)


def test_schema_findings_checks_the_whole_schema_by_default(tmp_path: Path) -> None:
    findings = schema.schema_findings(document(tmp_path, '{"model_name": 1}'), "model_info")
    assert {finding.message for finding in findings} == {
        "expected string, got int 1",
        "required key 'model_lib_path' is missing",
        "required key 'model_graph_path' is missing",
        "required key 'model_params_path' is missing",
    }


def test_schema_findings_shortens_long_values(tmp_path: Path) -> None:
    text = '{"model_name": [' + ", ".join(["1"] * 50) + "]}"
    findings = schema.schema_findings(document(tmp_path, text), "model_info")
    (long,) = (finding for finding in findings if finding.key_path)
    assert long.message.startswith("expected string, got list [1, 1,")
    assert long.message.endswith("1, 1,...")
    assert len(long.message) < 100


def test_integers_with_a_fraction_of_zero_are_refused(tmp_path: Path) -> None:
    text = '{"OpType": "BERT_EMBEDDING_OP", "OpConfig": {"ShortEdge": 8.0}}'
    (finding,) = schema.schema_findings(document(tmp_path, text), "vdsp_params", "generation_c")
    assert finding.message == "expected integer, got float 8.0"


@pytest.mark.parametrize(
    ("word", "meant"),
    [("normatype", "NormaType"), ("IMAGEFORMAT", "IimageFormat"), ("zzz", "")],
    ids=["case", "near", "far"],
)
def test_did_you_mean_ignores_case(word: str, meant: str) -> None:
    assert schema.did_you_mean(word, ["NormaType", "IimageFormat"]) == meant
