"""`script/mutate`: what a change of a rule is, and that a change which no test notices is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import examples, loader
from config.problems import ConfigError
from tests.mutants.mutations import applied, mutations
from tests.mutants.run import run, unnoticed

EXAMPLE = Path(examples.__file__).parent / "company"
SAMPLE = 32
COMPANY = """\
country: US
users:
  anna: {name: Anna, extension: 201, forward: {no_answer: ben, after: 15s}}
  ben: {name: Ben, extension: 202, call_waiting: false}
  cleo: {name: Cleo, extension: 209}
devices:
  anna-desk: {secret: "env:NONE", lines: [anna]}
  ben-desk: {secret: "env:NONE", lines: [ben]}
  cleo-desk: {secret: "env:NONE", lines: [cleo]}
"""
TESTS = """\
tests:
  - {name: Anna to Ben, from: anna, dial: "202", expect: {rings: [ben]}}
  - {name: Cleo to Anna, from: cleo, dial: "201", phones: {anna: rings, ben: busy}, expect: {rings: [anna, ben]}}
"""


def folder(tmp_path: Path, tests: str = TESTS) -> Path:
    made = tmp_path / "company"
    made.mkdir()
    (made / "company.yaml").write_text(COMPANY)
    (made / "tests.yaml").write_text(tests)
    return made


def test_every_rule_is_changed_and_nothing_that_decides_nothing(tmp_path: Path) -> None:
    document = loader.load(folder(tmp_path))
    found = list(mutations(document.tree))
    where = {".".join(map(str, each.path)) for each in found}
    assert {"users.anna.forward.no_answer", "users.ben.call_waiting", "devices.anna-desk.lines.0", "country"} <= where
    assert not [each for each in where if each.endswith(("name", "secret")) or each.startswith("tests")]
    flip = next(each for each in found if each.path[-1] == "call_waiting" and each.change == "replace")
    made, what = applied(document.tree, flip, flip.options[0])
    assert loader.plain(made)["users"]["ben"]["call_waiting"] == "true"  # type: ignore[index]
    assert (what, flip.mark.line) == ("`false` is now true", 4)
    assert loader.plain(document.tree)["users"]["ben"]["call_waiting"] == "false"  # type: ignore[index]


def test_survivors_are_told_with_their_place(tmp_path: Path) -> None:
    made = folder(tmp_path)
    result = run(made)
    told = [str(each).removeprefix(f"{made}/") for each in result.survivors]
    assert "company.yaml:3: users.anna.forward.after `15s` is now 16s" in told
    assert "company.yaml:3: users.anna.extension `201` is now 203" not in told
    assert result.killed > 5


def test_one_more_test_notices_one_more_change(tmp_path: Path) -> None:
    (more := tmp_path / "more").mkdir()
    late = '  - {name: Late, from: cleo, dial: "201", phones: {ben: busy}, expect: {after: 15s}}\n'
    before, after = run(folder(tmp_path)), run(folder(more, TESTS + late))
    assert len(after.survivors) < len(before.survivors)
    assert not any("after" in each.what for each in after.survivors)


def test_the_example_company_notices_its_changes() -> None:
    """A sample of them; `script/mutate` tries all."""
    result = run(EXAMPLE, lambda number: number % SAMPLE == 0)
    known = unnoticed()
    assert [str(each) for each in result.survivors if each.key not in known] == []
    assert result.killed > 15


def test_red_tests_say_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is red"):
        run(folder(tmp_path, TESTS.replace("rings: [ben]", "rings: [anna]")))
