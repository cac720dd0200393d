# SPDX-License-Identifier: Apache-2.0
import inspect

import pytest

from vackit import errors
from vackit.errors import ConfigError, DataError, Finding, UsageError, VackitError

ALL = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, VackitError) and cls is not ConfigError
]


def test_finding_str_names_place_key_fact_and_hint() -> None:
    finding = Finding("unknown key 'b'", "x.yaml", 7, 5, "a.b", "did you mean 'c'?")
    assert str(finding) == "x.yaml:7:5: a.b: unknown key 'b'\n  hint: did you mean 'c'?"


def test_finding_str_leaves_out_what_is_not_known() -> None:
    assert str(Finding("the file is empty")) == "the file is empty"
    assert str(Finding("odd", line=3, column=1)) == "3:1: odd"


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_error_str_is_where_fact_hint(cls: type[VackitError]) -> None:
    error = cls("no array named 'input_0'", where="list.txt:17", hint="run image2npz")
    assert str(error) == "list.txt:17: no array named 'input_0'\n  hint: run image2npz"


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_error_is_drawn_in_the_tree(cls: type[VackitError]) -> None:
    assert cls.__name__ in (errors.__doc__ or "")


def test_config_error_holds_all_findings_by_line() -> None:
    late, early = Finding("late", "x.yaml", 9, 1), Finding("early", "x.yaml", 2, 4)
    error = ConfigError([late, early])
    assert error.findings == (early, late)
    assert str(error) == "x.yaml:2:4: early\nx.yaml:9:1: late"


def test_usage_error_exits_with_2_and_others_with_1() -> None:
    assert UsageError("x").exit_code == 2
    assert DataError("x").exit_code == 1
