"""Feature codes that change what holds for the caller's line: do-not-disturb, forwards, opting in and out of groups.

The same state as `ringplan set` changes (`switch/wishing.py`), with the same checks. What is done is confirmed by a
tone of two seconds, and we hang up; what cannot be done is refused with 403 and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from dialplan.plan import Announce, Feature
from dialplan.termination import Reason, Result, Termination
from switch.calls.answering import execute
from switch.control import Refused

if TYPE_CHECKING:
    from switch.calls.call import Call

CONFIRMED = "tone:440"
CONFIRMED_S = 2.0
REFUSED = Termination(Result.REFUSED, Reason.NOT_PERMITTED, 403)

_PLAIN = str.maketrans("“”", "''")
"""Not every telephone reads more than ASCII in a header."""

Words = Callable[[str], Sequence[str]]

CODES: Mapping[str, Words] = {
    "dnd_on": lambda argument: ("dnd", "on"),
    "dnd_off": lambda argument: ("dnd", "off"),
    "forward_always": lambda argument: ("forward", "always", argument),
    "forward_busy": lambda argument: ("forward", "busy", argument),
    "forward_no_answer": lambda argument: ("forward", "no_answer", argument),
    "forward_outage": lambda argument: ("forward", "outage", argument),
    "forward_always_off": lambda argument: ("forward", "always", "off"),
    "forward_busy_off": lambda argument: ("forward", "busy", "off"),
    "forward_no_answer_off": lambda argument: ("forward", "no_answer", "off"),
    "forward_outage_off": lambda argument: ("forward", "outage", "off"),
    "group_in": lambda argument: ("group", argument, "in"),
    "group_out": lambda argument: ("group", argument, "out"),
}
"""What each feature of `dialplan.codes` sets, by what was dialled behind its code, in the words of
`switch/wishing.py`."""


class FeatureCodes:
    """The executor of `Feature` steps. `change` sets something for a line (`Wishing.change`); `others` carry out those
    features, by name, that are more than that."""

    def __init__(
        self,
        change: Callable[[str, Sequence[str], str], None],
        others: Mapping[str, Callable[[Call, Feature, float], None]] = MappingProxyType({}),
    ) -> None:
        self._change = change
        self._others = others

    def __call__(self, call: Call, step: Feature, now: float) -> None:
        """Do it, and let the caller hear that it is done."""
        other = self._others.get(step.feature)
        if other is not None:
            other(call, step, now)
            return
        started = call.state.started
        words = CODES.get(step.feature)
        if words is None or started.line is None:
            call.context.unserved(call.id, step)
            call.refuse_step(step.id, None, "Feature Not Available", now)
            return
        said = words(step.argument)
        if "" in said:
            call.refuse_step(step.id, REFUSED, "No Number Dialled Behind the Code", now)
            return
        try:
            self._change(started.line, said, f"device:{started.device}")
        except Refused as refused:
            call.refuse_step(step.id, REFUSED, refused.message.translate(_PLAIN), now)
        else:
            execute(call, Announce(id=step.id, source=CONFIRMED), now, CONFIRMED_S)
