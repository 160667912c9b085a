"""A leg goes from one call into another, with its dialog, its port and what was described on it (decision 22).

The far end notices nothing. Both calls' records tell of it, in one append of the journal. The call that the leg has
left is the mover's to end (`Reason.TRANSFERRED`, `Reason.JOINED`), and the one that it came into, to pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from records import events as e
from switch.calls import limits, rating
from switch.calls.identity import party
from switch.calls.leg import Leg, flow_value
from switch.calls.sound import far_value

if TYPE_CHECKING:
    from switch.calls.call import Call


def movable(leg: Leg) -> bool:
    """Whether the leg's dialog stands, and no offer is under way on it that its call would have to finish."""
    usage = leg.usage
    return usage.confirmed and not usage.needs_ack and not usage.offer_pending


def move(leg: Leg, to: Call, now: float) -> Leg:
    """Take an answered leg out of its call. Raises ValueError for one that is not answered, or is that call's own."""
    before = leg.call
    state = before.state.legs[leg.index]
    if before is to or not state.answered or leg.index not in before.legs:
        raise ValueError(f"leg {leg.index} of call {before.id} cannot go into call {to.id}")
    at, was = to.context.at(), leg.index
    to.numbered += 1
    index = to.numbered
    media = leg.media_value()
    taken = e.LegTaken(
        to.id,
        to.state.n,
        at,
        index,
        before.id,
        was,
        leg.target,
        state.contact,
        flow_value(leg.usage.flow),
        leg.dialog_value(),
        state.device,
        media,
        leg.sound.local,
        far_value(leg.sound),
        leg.sound.settled,
        leg.sound.held,
        state.session,
        state.terms,
        limits.clocks(before.state.periods, was),
        party(before, leg),
        state.user,
        state.site,
    )
    before.record(e.LegGiven(before.id, before.state.n, at, was, to.id, index))
    to.record(taken)
    rating.taken(before, state, to, index)
    before.offers.forget(before, leg, now)
    before.early.over(leg)
    del before.legs[was]
    leg.call, leg.index, leg.branch = to, index, ""
    leg.listener = None  # who asked it something did so in that call
    to.legs[index] = leg
    return leg
