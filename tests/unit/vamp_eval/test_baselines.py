# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[3] / "eval" / "baselines").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_baselines_are_complete_and_plausible(path: Path) -> None:
    data = json.loads(path.read_text())
    assert data["format_version"] == 1
    seen = set()
    for entry in data["baselines"]:
        assert set(entry) == {"model", "weights", "dtype", "top1", "top5", "source"}
        assert entry["dtype"] in ("fp32", "fp16", "int8")
        assert 0 < entry["top1"] < entry["top5"] < 100
        assert entry["source"]
        seen.add((entry["model"], entry["weights"], entry["dtype"]))
    assert len(seen) == len(data["baselines"])


def test_baselines_cover_both_families() -> None:
    assert [path.stem for path in FILES] == ["mobilenet_v2", "shufflenet_v2"]
