# SPDX-License-Identifier: Apache-2.0
"""Valid files with something replaced, removed or renamed: verdicts, never a traceback."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from vackit.config.validate import validate_files

VALID = Path(__file__).resolve().parents[2] / "examples" / "valid"
FILES = sorted(VALID.iterdir())
JUNK: list[Any] = [None, True, -1, 0, 1.5, float("nan"), 2**70, "", "x", "None", [], {}, [[1]]]
OVERRIDES = [
    "backend.dtype=int8",
    "frontend.shape.input=[1, 2]",
    "engine.common.do_quantization=x",
    "dataset.process_ops.0.type={a: 1}",
    "name=",
    "workspace=[]",
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) in ``value``."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def mutate(data: Any, rng: random.Random) -> None:
    choices = list(places(data))
    if not choices:
        return
    container, key = rng.choice(choices)
    kind = rng.choice(["replace", "replace", "remove", "rename"])
    if kind == "rename" and isinstance(container, dict):
        container[f"{key}x"] = container.pop(key)
    elif kind == "remove":
        del container[key]
    else:
        container[key] = copy.deepcopy(rng.choice(JUNK))


@pytest.mark.parametrize("source", FILES, ids=lambda path: path.name)
def test_validate_files_survives_mutations(source: Path, tmp_path: Path) -> None:
    rng = random.Random(source.name)
    is_yaml = source.suffix == ".yaml"
    text = source.read_text(encoding="utf-8")
    path = tmp_path / source.name
    for _ in range(25):
        data = yaml.safe_load(text) if is_yaml else json.loads(text)
        for _ in range(rng.randint(1, 3)):
            mutate(data, rng)
        path.write_text(yaml.safe_dump(data) if is_yaml else json.dumps(data), encoding="utf-8")
        overrides = [rng.choice(OVERRIDES)] if is_yaml and rng.random() < 0.3 else []
        (verdict,) = validate_files([path], overrides)
        for finding in verdict.findings:
            assert finding.file
