"""Run the tests that stand in a configuration: on every load, and by `ringplan test`.

A red test is an error like any other: what somebody has written down that the dialplan must do, it does not. They take
a fraction of a millisecond each, in the process that compiles; beyond MOST_S seconds of it the rest is left out, with
a warning, so that no load hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from config.cases import Case, cases
from config.problems import Problem
from config.validate import Loaded
from dialplan.expected import Difference, differences
from dialplan.model import Model
from dialplan.question import Answer, answer

MOST_S = 20.0


class Outcome(msgspec.Struct, frozen=True):
    """One test that has been run: green without differences."""

    case: Case
    differences: tuple[Difference, ...]
    answer: Answer

    @property
    def green(self) -> bool:
        return not self.differences

    def problem(self) -> Problem:
        """As an error of the configuration, at the first expectation that was not met."""
        first = self.differences[0]
        said = "; ".join(map(str, self.differences))
        mark = self.case.marks.get(first.what, self.case.mark)
        return Problem("red-test", mark, f"test `{self.case.name}` is red: {said}", f"{self.case.again} shows why")


class Run(msgspec.Struct, frozen=True):
    """What came of all of them. `left` were not run, as time was over."""

    outcomes: tuple[Outcome, ...]
    left: int = 0

    @property
    def red(self) -> tuple[Outcome, ...]:
        return tuple(each for each in self.outcomes if not each.green)


def run(
    model: Model, tests: Sequence[Case], *, most_s: float = MOST_S, clock: Callable[[], float] = time.process_time
) -> Run:
    """Run these tests. `clock` counts the seconds of work."""
    end = clock() + most_s
    outcomes: list[Outcome] = []
    for at, case in enumerate(tests):
        if clock() > end:
            return Run(tuple(outcomes), len(tests) - at)
        asked = answer(model, case.question)
        outcomes.append(Outcome(case, tuple(differences(case.expected, asked)), asked))
    return Run(tuple(outcomes))


def check(loaded: Loaded, model: Model) -> tuple[list[Problem], list[Problem]]:
    """Errors and warnings of the tests of a configuration."""
    tests, problems = cases(loaded, model)
    ran = run(model, tests)
    errors = [*problems, *(each.problem() for each in ran.red)]
    if not ran.left:
        return errors, []
    mark = tests[len(tests) - ran.left].mark
    warning = Problem("tests-left", mark, f"{ran.left} tests were not run: all tests together may take {MOST_S:g} s")
    return errors, [warning]
