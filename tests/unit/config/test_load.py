# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.config.document import Place
from vackit.config.load import MAX_BYTES, load_json, load_yaml, read_text, type_name
from vackit.errors import ConfigError


def write(folder: Path, content: str | bytes, name: str = "x.yaml") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_load_yaml_keeps_the_place_of_every_key_and_value(tmp_path: Path) -> None:
    document = load_yaml(write(tmp_path, "a: 1\nb:\n  - x\n  - {c: [2, 3]}\n"))
    assert document.data == {"a": 1, "b": ["x", {"c": [2, 3]}]}
    assert document.places["a",] == Place((1, 1), (1, 4))
    assert document.places["b", 0].value == (3, 5)
    assert document.places["b", 1, "c"] == Place((4, 6), (4, 9))
    assert document.places["b", 1, "c", 1].value == (4, 13)


def test_load_json_keeps_the_place_of_every_key_and_value(tmp_path: Path) -> None:
    text = '{"a": 1,\r\n\t"b": ["x, {", {"c\\"d": [2.5e1, null]}],\n "e": {}, "f": []}'
    document = load_json(write(tmp_path, text))
    assert document.data == {"a": 1, "b": ["x, {", {'c"d': [25.0, None]}], "e": {}, "f": []}
    assert document.places["a",] == Place((1, 2), (1, 7))
    assert document.places["b", 0].value == (2, 8)
    assert document.places["b", 1, 'c"d'] == Place((2, 17), (2, 25))
    assert document.places["b", 1, 'c"d', 1].value == (2, 33)
    assert document.places["f",] == Place((3, 11), (3, 16))


def test_document_finding_takes_the_nearest_known_place(tmp_path: Path) -> None:
    document = load_yaml(write(tmp_path, "a:\n  b: 1\n"))
    assert document.finding("m", ("a", "b")).column == 6
    assert document.finding("m", ("a", "b"), at="key").column == 3
    missing = document.finding("m", ("a", "c", 0))
    assert (missing.line, missing.column, missing.key_path) == (1, 1, "a.c.0")
    assert document.finding("m", ("z",)).line == 1


def test_document_get_and_has_follow_lists_and_mappings(tmp_path: Path) -> None:
    document = load_yaml(write(tmp_path, "a: [{b: null}]\n"))
    assert document.has(("a", 0, "b"))
    assert document.get(("a", 0, "b"), 1) is None
    for path in (("a", 1), ("a", "b"), ("a", 0, "b", "c"), ("z",)):
        assert not document.has(path)
        assert document.get(path, "default") == "default"


def test_load_yaml_takes_keys_as_written_and_dates_as_text(tmp_path: Path) -> None:
    document = load_yaml(write(tmp_path, "0: a\non: b\nnull: c\nday: 2024-13-77\nt: 2024-01-02\n"))
    assert document.data == {
        "0": "a",
        "on": "b",
        "null": "c",
        "day": "2024-13-77",
        "t": "2024-01-02",
    }


def test_load_yaml_expands_aliases_in_place(tmp_path: Path) -> None:
    document = load_yaml(write(tmp_path, "a: &x [1, 2]\nb: *x\n"))
    assert document.data == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(("load", "name"), [(load_yaml, "x.yaml"), (load_json, "x.json")])
def test_load_drops_a_byte_order_mark(load: object, name: str, tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbf{"a": 1}', name)
    assert callable(load)
    document = load(path)
    assert document.data == {"a": 1}
    assert document.places["a",].key == (1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: \xff\n", r"x\.yaml:2:4: not UTF-8 text: byte 0xff$"),
        ("a: 1\x01\n", r"x\.yaml:1:5: the character U\+0001 is not allowed in YAML"),
        ("  \n", r"x\.yaml: the file is empty$"),
        ("---\n", r"x\.yaml:1:\d: expected a mapping at the top, got null|holds no YAML data"),
        ("text\n", r"x\.yaml:1:1: expected a mapping at the top, got str"),
        (f"a: {'9' * 5000}\n", r"x\.yaml:1:4: a: '9{20}' is not a number that can be read"),
        ("a: *x\n", r"x\.yaml:1:4: not YAML: found undefined alias"),
        ("a: 1\n  b: 2\n", r"x\.yaml:2:4: not YAML: mapping values are not allowed"),
        (f"a: {'[' * 50_000}", r"x\.yaml:1:35: nested deeper than 32 levels"),
    ],
    ids=["utf-16", "control", "blank", "null", "text", "digits", "alias", "indent", "depth"],
)
def test_load_yaml_refuses(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_yaml(write(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"x\.json:1:2: not JSON: expecting property name"),
        ("{} {}", r"x\.json:1:4: not JSON: extra data"),
        ('{"a": 1 // note\n}', r"x\.json:1:9: not JSON: expecting ',' delimiter"),
        ('{"a": -Infinity}', r"x\.json: not JSON: -Infinity is no number in it"),
        (f'{{"a": {"9" * 5000}}}', r"x\.json: a number in it has too many digits"),
        ("[" * 200_000, r"x\.json: nested deeper than 32 levels"),
        ('{"a":' * 40 + "1" + "}" * 40, r"x\.json:1:166: nested deeper than 32 levels"),
        ("null", r"x\.json: holds no JSON data"),
    ],
    ids=["open", "extra", "comment", "infinity", "digits", "recursion", "depth", "null"],
)
def test_load_json_refuses(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_json(write(tmp_path, content, "x.json"))


def test_read_text_refuses_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = write(tmp_path, b" " * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match=r"x\.yaml: larger than 1048576 bytes"):
        read_text(path)


def test_read_text_refuses_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: no such file"):
        read_text(tmp_path / "none.yaml")


def test_read_text_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read: (is a directory|permission denied)"):
        read_text(tmp_path)


def test_type_name_says_what_messages_call_it() -> None:
    values: list[object] = [{}, None, [], True, 1, 1.0, ""]
    words = ["mapping", "null", "list", "bool", "int", "float", "str"]
    assert [type_name(value) for value in values] == words
