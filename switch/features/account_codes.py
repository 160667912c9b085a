"""Account codes (CST-2, CST-4): the password that was dialled along is looked at, and the call goes on, charged to the
account; or it is refused, and nothing has been placed.

An account that there is not, a wrong password and one that is missing look the same to whoever tries. Each counts as
wrong until it has been found good, so that many tries at once are no way around the limit: so many within a while, and
further ones of that line are refused without being looked at. An emergency call never comes here: the planner sees to
it first. Tries are remembered in memory alone; a start forgets them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dialplan.plan import Collect
from dialplan.termination import Reason, Result, Termination
from dialplan.vocabulary import StepDone
from switch.calls.requests import of_caller

if TYPE_CHECKING:
    from switch.calls.call import Call

Check = Callable[[str, str, Callable[[bool, float], None]], None]
"""Whether that is the password of that account code: looked at off the loop, and told in an input of its own, with its
time."""
Tell = Callable[[str, str, bool], None]
"""Told of each refusal: the line, the account code, and whether it was refused without a look."""

MOST_WRONG = 5
WINDOW_S = 15 * 60.0


class Tries:
    """Which lines have tried too often. Shared by all who look at passwords of account codes."""

    def __init__(self) -> None:
        self._begun: dict[str, deque[float]] = {}
        """By line: when a try was begun that has not been found good."""

    def blocked(self, line: str, now: float) -> bool:
        """Whether no more of that line's are looked at now."""
        begun = self._begun.get(line)
        if begun is None:
            return False
        while begun and begun[0] <= now - WINDOW_S:
            begun.popleft()
        return len(begun) >= MOST_WRONG

    def begin(self, line: str, now: float) -> None:
        """One is looked at."""
        self._begun.setdefault(line, deque()).append(now)

    def good(self, line: str, began: float) -> None:
        """The one that was begun then counts no more."""
        begun = self._begun.get(line)
        if begun is not None and began in begun:
            begun.remove(began)


REFUSED = Termination(Result.REFUSED, Reason.NOT_PERMITTED, 403)
BLOCKED = Termination(Result.REFUSED, Reason.BLOCKED, 403)


class AccountCodes:
    """The executor of `Collect` steps."""

    def __init__(self, check: Check, tell: Tell, tries: Tries) -> None:
        self._check = check
        self._tell = tell
        self._tries = tries

    def __call__(self, call: Call, step: Collect, now: float) -> None:
        """Go on with the call, or refuse it."""
        started = call.state.started
        line = started.line or ""
        if step.account and step.what == "account_code":
            self._go_on(call, step, now)
        elif not (step.account and step.number):
            # To ask for it the caller would be answered, and a telephone rung afterwards.
            call.refuse_step(step.id, REFUSED, "Account Code Needed", now)
        elif self._tries.blocked(line, now):
            self._tell(line, step.account, True)
            call.refuse_step(step.id, BLOCKED, "Too Many Wrong Account Codes", now)
        else:
            self._tries.begin(line, now)
            self._check(step.account, step.given, lambda good, then: self._checked(call, step, line, now, good, then))

    def _checked(self, call: Call, step: Collect, line: str, began: float, good: bool, now: float) -> None:
        if good:
            self._tries.good(line, began)
        else:
            self._tell(line, step.account, False)
        try:
            if good:
                self._go_on(call, step, now)
            else:
                call.refuse_step(step.id, REFUSED, "Account Code Refused", now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)

    def _go_on(self, call: Call, step: Collect, now: float) -> None:
        request = replace(of_caller(call, step.number), account=step.account)
        call.done(StepDone(step.id, "replan", request, answered=False), now)
