# SPDX-License-Identifier: Apache-2.0
"""Where the paths of a model_info start that a program passes on as a dict."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from vackit.compat.vacl_stream.models import triple_of
from vackit.config.model_info import model_info_json
from vackit.testing.tiny_artifacts import write_tiny_artifact

MOD = Path("mod")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(folder: str, name: str = "tiny") -> dict[str, Any]:
    write_tiny_artifact(Path(folder) / MOD, "identity")
    info = model_info_json(MOD, name)
    Path(folder, "info.json").write_text(json.dumps(info))
    return info


def call_with(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["program.py", *arguments])


@pytest.mark.parametrize(
    "arguments",
    [("--model_info", "deploy/info.json"), ("--model_info=deploy/info.json", "--batch=4")],
    ids=["apart", "joined"],
)
def test_triple_of_starts_beside_the_file_that_the_command_line_names(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    info = written("deploy")
    Path("vdsp.json").write_text('{"OpType": "BERT_EMBEDDING_OP"}')
    call_with(monkeypatch, "vdsp.json", "missing.json", *arguments)
    assert triple_of({**info, "more": 1}) == ("tiny", Path("deploy/mod"))


def test_triple_of_prefers_a_model_in_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    info = written("deploy")
    written(".")
    call_with(monkeypatch, "deploy/info.json")
    assert triple_of(info) == ("tiny", MOD)


def test_triple_of_tells_models_apart_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = written("a", "first"), written("b", "second")
    call_with(monkeypatch, "a/info.json", "b/info.json")
    assert [triple_of(info)[1] for info in (first, second)] == [Path("a/mod"), Path("b/mod")]


def test_triple_of_does_not_choose_among_models_of_one_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = written("a")
    written("b")
    call_with(monkeypatch, "a/info.json", "b/info.json")
    assert triple_of(info) == ("tiny", MOD)
