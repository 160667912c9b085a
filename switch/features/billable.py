"""Billable time during a call (BIL-1): started and stopped by a code that is keyed, or by an operator.

The record has the marks, in order; what of them counts is `records.billable`. Who talks in a call may mark the own talk
alone, where the configuration lets the user do so (BIL-8).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dialplan.model import Model
from media.engine import Tune
from records import events as e
from switch.calls import ports
from switch.calls.leg import Leg, is_trunk
from switch.control import Refused

if TYPE_CHECKING:
    from switch.calls.call import Call

FEATURE = "billable"
STARTED = Tune(("tone:440:150", "silence:50", "tone:660:150"), over=True)
STOPPED = Tune(("tone:660:150", "silence:50", "tone:440:150"), over=True)
NOT_LET = Tune(("tone:480+620:250", "silence:250", "tone:480+620:250"), over=True)


class BillableTime:
    """What the code does, for all calls."""

    def __init__(self, model: Callable[[], Model]) -> None:
        self._model = model

    def key(self, call: Call, leg: Leg, now: float) -> None:
        """The code was keyed (`switch.features.call_keys.Feature`): it starts, or it stops."""
        user = user_of(call, leg)
        on, tune = user not in call.state.billable, NOT_LET
        if self.may(user) and not call.for_help:
            _mark(call, user, f"device:{call.state.legs[leg.index].device}", on=on)
            tune = STARTED if on else STOPPED
        call.context.engine.play(ports.leased(leg), tune)

    def may(self, user: str) -> bool:
        """Whether the configuration lets that line's user do so."""
        line = self._model().lines.get(user)
        return line is not None and line.billable

    def command(self, call: Call, user: str, by: str, *, on: bool) -> str:
        """An operator starts or stops it; for the one who talks, where no `user` is named. Who that was. Raises
        Refused."""
        name = talker(call, user)
        if call.for_help:
            raise Refused("emergency calls are not billable")
        if not self.may(name):
            raise Refused(f"the configuration does not let {name} bill time (`billable: false`)")
        if (name in call.state.billable) is on:
            raise Refused(f"the time of {name} is billable already" if on else f"the time of {name} is not billable")
        _mark(call, name, by, on=on)
        return name


def talker(call: Call, user: str) -> str:
    """That user, who talks in the call, or the only one who does where none is named. Raises Refused."""
    talking = {user_of(call, leg) for leg in call.legs.values() if not is_trunk(leg.target) and leg.usage.confirmed}
    if user and user not in talking:
        raise Refused(f"{user} does not talk in this call")
    if not user and len(talking) != 1:
        names = ", ".join(sorted(talking))
        raise Refused(f"several users talk in this call, say which: {names}" if names else "no user talks yet")
    return user or talking.pop()


def user_of(call: Call, leg: Leg) -> str:
    """Whose talk it is: that of who speaks, also on a delegator's line."""
    return call.state.legs[leg.index].user or leg.target.partition(":")[2]


def _mark(call: Call, user: str, by: str, *, on: bool) -> None:
    call.record(e.BillableSet(call.id, call.state.n, call.context.at(), user, on, by))
