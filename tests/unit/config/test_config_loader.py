"""The strict loader: scalars stay text, and every refusal has its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config import loader
from config.problems import Mark

INDENTED = "is the line indented as its neighbours are, and does the line above end as it should?"


def problems(text: str) -> list[str]:
    return [str(problem) for problem in loader.read(text, "a.yaml").problems]


@pytest.mark.parametrize(
    "typed",
    [
        "0206",
        "9:00",
        "NO",
        "no",
        "+49301234",
        "1e3",
        "0x1F",
        "1_000",
        "null",
        "~",
        "2026-01-02",
        "12:30:45",
        ".5",
        "TRUE",
    ],
)
def test_a_plain_scalar_is_what_was_typed(typed: str) -> None:
    assert loader.plain(loader.read(f"key: {typed}\nlist: [{typed}]", "a.yaml").tree) == {"key": typed, "list": [typed]}


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
def test_any_plain_scalar_comes_back_as_typed(text: str) -> None:
    typed = text.strip()
    try:
        events = list(yaml.parse(f"key: {typed}", Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        return
    scalars = [e for e in events if isinstance(e, yaml.ScalarEvent)]
    if len(scalars) != 2 or scalars[1].style or scalars[1].value != typed or scalars[1].tag or not typed:
        return  # The text is not a plain scalar: it has a comment, a tag, or structure.
    if scalars[1].anchor is None:
        assert loader.plain(loader.read(f"key: {typed}", "a.yaml").tree) == {"key": typed}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3:1: `a` stands here a second time (the first is at line 1)"),
        ("a:\n  b: 1\n  b: 1\n", "a.yaml:3:3: `b` stands here a second time (the first is at line 2)"),
        (
            "a: &x [1]\nb: 2\n",
            "a.yaml:1:4: anchors (`&name`) are not used here (put it in quotes if the text itself is meant)",
        ),
        ("a: !!int 3\n", "a.yaml:1:4: tags (`!name`) are not used here (put it in quotes if the text itself is meant)"),
        ("a: *x\n", "a.yaml:1:4: aliases (`*name`) are not used here (put it in quotes if the text itself is meant)"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2:1: a second document in one file (remove the `---`, or make it a file)"),
        ("[1, 2]\n", "a.yaml:1:1: a configuration is a mapping (begin with a section, such as `devices:`)"),
        ("just words\n", "a.yaml:1:1: a configuration is a mapping (begin with a section, such as `devices:`)"),
        ("a:\n  b:\n  c: 1\n", 'a.yaml:2:3: this key has no value (write "" for an empty text)'),
        ("? [x]\n: 1\n", "a.yaml:1:3: a key must be a plain text (put it in quotes if the text itself is meant)"),
        ("a: 'open\nb: 1\n", "a.yaml:1:4: a quote that is never closed"),
        (
            "a: [1, 2\nb: 3\n",
            "a.yaml:1:4: a `[` that is never closed (close it with `]`; between the items are commas)",
        ),
        ("a: {x: 1\n", "a.yaml:1:4: a `{` that is never closed (close it with `}`; between the entries are commas)"),
        ("a: 1\n\tb: 2\n", "a.yaml:2:1: a tab where only spaces may stand (use spaces)"),
        ("a:\n\tb: 2\n", "a.yaml:2:1: a tab where only spaces may stand (use spaces)"),
        ("a:\n  b: 1\n c: 2\n", f"a.yaml:3:2: this does not fit the lines above it ({INDENTED})"),
        ("a:\n  b: 1\n   c: 2\n", f"a.yaml:3:5: this does not fit the lines above it ({INDENTED})"),
        ("a:\n  b\n  c: 1\n", f"a.yaml:3:4: this does not fit the lines above it ({INDENTED})"),
        ("a:\n- 1\nb c: - d\n", "a.yaml:3:6: a list cannot begin here (begin it on a new line)"),
        ("x: {name: Carol: the boss}\n", "a.yaml:1:16: a second `: ` in one entry (put the text in quotes)"),
        ("name: Carol: the boss\n", "a.yaml:1:12: a second `: ` in one line (put the text in quotes)"),
        ("a: 'x' y\n", "a.yaml:1:8: text after the closing quote (put all of it in quotes)"),
        ("a: @x\n", "a.yaml:1:4: a value cannot begin with this character (put the text in quotes)"),
        ("a: \x01\n", "a.yaml:1:4: a character that YAML does not allow"),
        ("a: " + "[" * 30 + "]" * 30, "a.yaml:1:27: nested more than 24 deep"),
    ],
)
def test_what_is_refused_and_where(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_all_problems_of_a_file_come_together() -> None:
    assert [p.split(": ")[0] for p in problems("a: &x 1\nb: *x\na: 2\nc: !t 3\n")] == [
        f"a.yaml:{line}:{column}" for line, column in [(1, 4), (2, 4), (3, 1), (4, 4)]
    ]


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert any("aliases" in problem for problem in problems(bomb))


def test_a_million_brackets_do_no_harm() -> None:
    assert problems("a: " + "[" * 1_000_000)


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_BYTES", 100)
    monkeypatch.setattr(loader, "MAX_NODES", 10)
    file = tmp_path / "a.yaml"
    file.write_text("a: " + "x" * 100)
    assert [p.message for p in loader.load(file).problems] == ["the configuration is larger than 0 MiB"]
    file.write_text("a: [1,2,3,4,5,6,7,8,9,0]")
    assert [p.message for p in loader.load(file).problems] == ["more than 10 values"]


def test_the_files_of_a_folder_are_joined(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lines: {alice: {}}\nlisten: [1]\n")
    (tmp_path / "b.yml").write_text("lines:\n  bob: {}\nlisten: [2]\n")
    (tmp_path / "notes.txt").write_text("not: [ours")
    assert loader.plain(loader.load(tmp_path).tree) == {"lines": {"alice": {}, "bob": {}}, "listen": ["1", "2"]}


def test_what_two_files_say_twice_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("country: US\nlines: {alice: {}}\n")
    (tmp_path / "b.yaml").write_text("country: GB\nlines: {alice: {}}\n")
    assert [(p.mark, p.hint) for p in loader.load(tmp_path).problems] == [
        (Mark(f"{tmp_path}/b.yaml", 1, 1), f"the first is at {tmp_path}/a.yaml:1"),
        (Mark(f"{tmp_path}/b.yaml", 2, 9), f"the first is at {tmp_path}/a.yaml:2"),
    ]


def test_the_problems_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n")
    (tmp_path / "b.yaml").write_bytes(b"a: ok\nb: \xff\n")
    problems = loader.load(tmp_path).problems
    assert [p.mark.file for p in problems] == [f"{tmp_path}/a.yaml", f"{tmp_path}/b.yaml"]
    assert problems[1].mark == Mark(f"{tmp_path}/b.yaml", 2, 4)


def test_a_missing_file_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    assert "cannot be read" in loader.load(tmp_path / "none.yaml").problems[0].message
    assert [p.message for p in loader.load(tmp_path).problems] == ["no configuration in this folder"]
