"""Runs the tests of tests/cases/*/, each folder a configuration with its tests, in the format that operators use.

`CASE=… ringplan test tests/cases/office` runs them, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import testing, validate
from config.cases import Case, cases
from config.compile import compile_loaded
from dialplan.model import Model

CASES = Path(__file__).parents[2] / "cases"
FOLDERS = sorted(each for each in CASES.iterdir() if each.name != "numbers")


def found() -> list[Any]:
    made = []
    for folder in FOLDERS:
        loaded = validate.load(folder)
        model = compile_loaded(loaded, folder.name, {"CASE": "correct horse battery"}, tested=False).model
        tests, problems = cases(loaded, model)
        assert not problems, problems
        made += [pytest.param(model, case, id=f"{folder.name}: {case.name}") for case in tests]
    return made


@pytest.mark.parametrize(("model", "case"), found())
def test_case(model: Model, case: Case) -> None:
    (outcome,) = testing.run(model, [case]).outcomes
    assert outcome.green, (outcome.problem(), list(outcome.answer.because()))


def test_every_file_of_cases_says_in_its_first_line_what_it_shows() -> None:
    files = [file for folder in FOLDERS for file in folder.glob("*.yaml")]
    assert len(files) >= 6
    assert all(file.read_text().startswith("# ") for file in files)
