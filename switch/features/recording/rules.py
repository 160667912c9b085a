"""Whose rules hold for a recording, and who is to be told of it (REC-1, REC-2, XRL-8): see `recording.py`.

They stand with the call's legs (`LegState.terms`), and are as `ringplan explain` tells them (`dialplan.question`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from records import events as e
from switch.calls.leg import CALLER, Leg, is_trunk

if TYPE_CHECKING:
    from switch.calls.call import Call

POLICY = "policy"
"""Who has asked for a recording that nobody has asked for."""


def talkers(call: Call) -> list[Leg]:
    """Those who talk with each other: the front and its peer, three in a room of the call, or the front in a
    conference, whose others are in calls of their own."""
    if call.state.members:
        return [call.legs[index] for index in call.state.members if index in call.legs]
    front = call.legs.get(call.state.front)
    peer = call.other(front) if front is not None else None
    return [front, peer] if front is not None and peer is not None and peer.index in call.legs else []


def automatic(call: Call, *, emergency: bool) -> bool:
    """Whether a rule says that who talk now are recorded; `emergency`: calls for help are."""
    return emergency if call.for_help else any(_recorders(call, talkers(call)))


def to_tell(call: Call, legs: list[Leg], by: str, *, strictly: bool) -> set[int]:
    """Which of the legs are to hear the announcement (REC-2), of a recording that was asked for `by` somebody. Who
    decided it is gone after a transfer: whoever comes in then is told if anybody was. `strictly`: all are."""
    if call.for_help:
        return set()
    if by == POLICY:
        terms = list(_recorders(call, legs))
    else:
        terms = [each for leg in legs if (each := call.state.legs[leg.index].terms) is not None]
    told = {each.announce for each in terms}
    announce = next(iter(told)) if len(told) == 1 else "all" if told - {"none"} else "none"
    recording = call.state.recording
    if strictly or (not terms and recording is not None and recording.announced):
        announce = "all"
    caller = next((leg.index for leg in legs if leg.index == CALLER), call.state.front)
    return {
        leg.index for leg in legs if announce == "all" or announce == ("caller" if leg.index == caller else "callee")
    }


def _recorders(call: Call, legs: list[Leg]) -> Iterable[e.Terms]:
    """The policies by which these are recorded (REC-1, XRL-8; `dialplan.question`)."""
    outside = [leg for leg in legs if is_trunk(leg.target)]
    for leg in legs:
        terms = call.state.legs[leg.index].terms
        if leg in outside:
            # Of a carrier's leg that we have called the payer's policy may stand with it.
            way, terms = "outbound", leg.terms_value() if call.state.legs[leg.index].contact else None
        elif not outside:
            way = "internal"
        else:
            way = "outbound" if any(call.state.legs[each.index].contact for each in outside) else "inbound"
        if terms is not None and way in terms.record:
            yield terms
