# SPDX-License-Identifier: Apache-2.0
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def generator(repo_root: Path) -> ModuleType:
    path = repo_root / "docs" / "generate_commands.py"
    spec = importlib.util.spec_from_file_location("generate_commands", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_commands_page_says_what_the_parsers_say(generator: ModuleType, repo_root: Path) -> None:
    page = (repo_root / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == generator.render(), "stale; run: python docs/generate_commands.py"


def test_commands_page_has_every_command(generator: ModuleType, repo_root: Path) -> None:
    page = (repo_root / "docs" / "commands.md").read_text(encoding="utf-8")
    for name in generator._scripts():
        assert f"\n## `{name}`\n" in page
    assert "\n### `vamc build`\n" in page
    assert "\n### `vamc compile`\n\nThe same as `vamc build`.\n" in page


def test_generator_check_finds_a_stale_page(
    generator: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(generator, "PAGE", tmp_path / "commands.md")
    assert generator.main(["--check"]) == 1
    assert "stale\n  hint: python docs/generate_commands.py" in capsys.readouterr().err
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0


def test_relative_links_of_all_pages_lead_somewhere(repo_root: Path) -> None:
    pages = [
        *repo_root.glob("*.md"),
        *(
            page
            for folder in ("docs", "runtime", "tools", "eval", "vacc_code")
            for page in (repo_root / folder).rglob("*.md")
        ),
    ]
    assert pages
    for page in pages:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:|#", target):
                continue
            assert (page.parent / target.partition("#")[0]).exists(), f"{page}: {target}"
