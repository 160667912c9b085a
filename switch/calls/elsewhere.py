"""A caller who is with a service of ours goes on to another destination: as the walk does it, or, after a crash that
took the walk along, with a plan of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.plan import CallRequest
from dialplan.vocabulary import StepDone
from switch.calls import onward
from switch.calls.replanning import ask
from switch.calls.requests import of_leg
from switch.calls.serving import release

if TYPE_CHECKING:
    from switch.calls.call import Call


def request(call: Call, digits: str) -> CallRequest:
    """What the planner is asked on behalf of whoever is with us."""
    return of_leg(call, call.front, digits)


def go_on(call: Call, step: str, asked: CallRequest, now: float) -> None:
    """Leave the service, and ring as the planner says. `step` is the one that the service carries out."""
    release(call, now)
    if call.ringer is not None and not call.ringer.over:
        call.done(StepDone(step, "replan", asked), now)
        return
    onward.onward(call, ask(call, asked, step, now), None, now)
