"""Account codes (CST-2, CST-4): the password that was dialled along is looked at, and the call goes on, charged to the
account; or it is refused, and nothing has been placed.

An account that there is not, a wrong password and one that is missing look the same to whoever tries
(`switch/account_tries.py` counts them). An emergency call never comes here: the planner sees to it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from dialplan.plan import Collect
from dialplan.termination import Reason, Result, Termination
from dialplan.vocabulary import StepDone
from switch.account_tries import Check, Tell, Tries
from switch.calls.requests import of_caller

if TYPE_CHECKING:
    from switch.calls.call import Call

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
