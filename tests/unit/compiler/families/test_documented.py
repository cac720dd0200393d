# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

from vackit.testing import families


def test_supported_models_lists_every_family_once(repo_root: Path) -> None:
    text = (repo_root / "docs" / "supported_models.md").read_text(encoding="utf-8")
    table = text.split("## Families")[1].split("This command")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(names) == sorted(families.FAMILIES)


def test_supported_models_states_the_oldest_opset_of_each_family(repo_root: Path) -> None:
    text = (repo_root / "docs" / "supported_models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*`) \| (\d+)-28 \|", text, re.MULTILINE)
    assert rows
    for names, oldest in rows:
        for name in re.findall(r"`(\w+)`", names):
            assert families.FAMILIES[name].oldest == int(oldest), name
