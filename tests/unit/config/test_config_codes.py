"""The list of codes is closed: what is found has a code of it, and each of it is found somewhere; docs/findings.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from config import codes

ROOT = Path(__file__).parents[3]
_TAKERS = {"Problem": 0, "_wrong": 0, "_lose": 1, "_problem": 0, "wrong": 0, "Wrong": 2, "_warn": 0}
"""What is told a code, and as which of its arguments."""


def _given(file: Path) -> Iterator[tuple[str, int]]:
    """The codes that stand in a file."""
    for call in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        at = _TAKERS.get(name)
        if at is None or len(call.args) <= at:
            continue
        code = call.args[at]
        if isinstance(code, ast.Constant):
            yield code.value, call.lineno
        else:  # handed on from where it stands as a text
            assert isinstance(code, ast.Name | ast.Attribute) and "code" in ast.unparse(code), f"{file}:{call.lineno}"


def test_every_finding_has_a_code_of_the_list() -> None:
    used = {"bad-value"}  # what `Wrong` says when it is told nothing else
    for file in [*ROOT.glob("config/**/*.py"), ROOT / "switch/commands/init.py"]:
        for code, line in _given(file):
            assert code in codes.CODES, f"{file}:{line}: `{code}` is not in config/codes.py"
            used.add(code)


def test_the_page_of_findings_is_made_of_the_list() -> None:
    assert (ROOT / "docs/findings.md").read_text("utf-8") == codes.markdown(), (
        "python -m config.codes > docs/findings.md"
    )
