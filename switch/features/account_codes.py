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
REFUSED = Termination(Result.REFUSED, Reason.NOT_PERMITTED, 403)
BLOCKED = Termination(Result.REFUSED, Reason.BLOCKED, 403)


class AccountCodes:
    """The executor of `Collect` steps."""

    def __init__(self, check: Check, tell: Tell = lambda line, account, blocked: None) -> None:
        self._check = check
        self._tell = tell
        self._tries: dict[str, deque[float]] = {}
        """By line: when a try was begun that has not been found good."""

    def __call__(self, call: Call, step: Collect, now: float) -> None:
        """Go on with the call, or refuse it."""
        started = call.state.started
        line = started.line or ""
        if step.account and step.what == "account_code":
            self._go_on(call, step, now)
        elif not (step.account and step.number):
            # To ask for it the caller would be answered, and a telephone rung afterwards.
            call.refuse_step(step.id, REFUSED, "Account Code Needed", now)
        elif self._blocked(line, now):
            self._tell(line, step.account, True)
            call.refuse_step(step.id, BLOCKED, "Too Many Wrong Account Codes", now)
        else:
            tries = self._tries.setdefault(line, deque())
            tries.append(now)
            self._check(step.account, step.given, lambda good, then: self._checked(call, step, line, now, good, then))

    def _blocked(self, line: str, now: float) -> bool:
        tries = self._tries.get(line)
        if tries is None:
            return False
        while tries and tries[0] <= now - WINDOW_S:
            tries.popleft()
        return len(tries) >= MOST_WRONG

    def _checked(self, call: Call, step: Collect, line: str, began: float, good: bool, now: float) -> None:
        tries = self._tries.get(line)
        if good:
            if tries is not None and began in tries:
                tries.remove(began)
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
