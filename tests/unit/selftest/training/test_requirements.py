# SPDX-License-Identifier: Apache-2.0
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vackit.selftest.training import export, train


@pytest.mark.parametrize(
    "main_and_words",
    [
        (train.main, ["train", "--output", "run"]),
        (train.main, ["validate", "--checkpoint", "run/checkpoint.npz"]),
        (export.main, ["--checkpoint", "run/checkpoint.npz", "--output", "data"]),
    ],
    ids=["train", "validate", "export"],
)
def test_training_names_the_extra_when_pytorch_is_missing(
    main_and_words: tuple[Callable[[Sequence[str]], int], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    main, words = main_and_words
    assert main(words) == 1
    assert capsys.readouterr().err == (
        "vackit.selftest.training: needs packages that are not installed: torch, sklearn\n"
        "  hint: pip install 'vackit[train]'\n"
    )
    assert not list(tmp_path.iterdir())
