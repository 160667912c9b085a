"""Calls are warned and cut at their limit: the clock of `limits.py` on the exchange's timers.

    joined   who talks with whom has changed, or the call was taken over after a crash: the timer is set anew
    due      a warning is due (LIM-2), or the end (LIM-3)
    overdue  something came for a call in the very instant of its end, or after it: the end comes first (K.12)
    over     the call has ended

There is one timer for each call that has a limit, none for others. Nobody is warned while nobody is there who is to be
warned, as of a parked call: it is made up for as soon as somebody is. While a transfer rings, the end waits for what
comes of it, since whoever answers brings another limit along (LIM-4).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec

from dialplan.termination import Reason, Result, Termination
from media.engine import Tune
from records import events as e
from switch.calls import identity, limits, ports
from switch.calls.ending import end
from switch.calls.leg import Leg, is_trunk
from switch.calls.limits import WARNING_S, Period
from switch.sip import text
from switch.sip.timer import Timer

if TYPE_CHECKING:
    from switch.calls.call import Call

BEEP = Tune(("silence:300", "tone:1400:150", "silence:100", "tone:1400:150"), over=True)
"""A telephone that has just answered takes a moment until anything is heard."""
CUT = Termination(Result.ANSWERED, Reason.DURATION_LIMIT, 200)
NEVER = float("inf")
LOOK_S = 0.5
"""How often a transfer that rings at the end is looked after."""
CLOSE_S = 0.002
"""Instants of the wall clock and of the monotonic one differ by less."""


class Watched(msgspec.Struct):
    """A call's timer, and the period that it is for; `ends` in monotonic seconds, so that a wall clock that is set
    right makes no call shorter."""

    period: Period
    ends: float
    timer: Timer


class Limiting:
    """All calls with a limit that goes on. Registered as `Context.answered`, `joined`, `over` and `overdue`."""

    def __init__(self) -> None:
        self._watched: dict[str, Watched] = {}

    def joined(self, call: Call, now: float) -> None:
        """Who talks with whom has changed."""
        if call.state.periods or call.id in self._watched:
            self._look(call, now, cut=False)

    def over(self, call: Call, now: float) -> None:
        """The call has ended."""
        watched = self._watched.pop(call.id, None)
        if watched is not None:
            watched.timer.cancel()

    def overdue(self, call: Call, now: float) -> None:
        """An input for a call whose time is up, before its timer has said so."""
        self._look(call, now)

    def on_timer(self, what: object, now: float) -> None:
        """A timer of ours."""
        call: Call = what  # type: ignore[assignment]
        try:
            if not call.over:
                self._look(call, now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)

    def _look(self, call: Call, now: float, *, cut: bool = True) -> None:
        """What is due is done, and what comes next gets its timer. Without `cut` the end waits for that: others are yet
        to be told of what has just changed."""
        before = self._watched.pop(call.id, None)
        if before is not None:
            before.timer.cancel()
        call.deadline = NEVER
        period = limits.ruling(call.state.periods)
        if period is None or period.ends is None or period.warns is None:
            return
        at = call.context.at()
        ends = before.ends if before is not None and _same(before.period, period) else now + _until(period.ends, at)
        if now >= ends - CLOSE_S:
            if cut and not _rings(call):
                end(call, CUT, now)
                return
            due = now + (LOOK_S if _rings(call) else 0.0)
        else:
            due = call.deadline = ends
            warns = ends - _until(period.ends, period.warns)
            if not period.warned:
                if now < warns - CLOSE_S:
                    due = warns
                else:
                    _warn(call, ends - now, now)
        call.noted = True
        self._watched[call.id] = Watched(period, ends, call.context.endpoint.timers.start(due, self, call))


def _rings(call: Call) -> bool:
    """Whether a transfer is under way that brings another limit along; one whose target is only being asked, and talks
    already, does not."""
    return call.transfer is not None and not (call.errand is call.transfer and call.ringer is None)


def _warn(call: Call, left_s: float, now: float) -> None:
    """Say that it ends soon, to those who are to know."""
    settings = call.context.settings
    told = [leg for leg in call.legs.values() if leg.usage.confirmed and leg.sound.lease is not None]
    inside = [leg for leg in told if not is_trunk(leg.target)]
    if not inside and settings.warn_to == "inside":
        return
    heard = shown = False
    legs = told if settings.warn_to == "both" else inside
    for leg in legs:
        shows = settings.warn_by != "beep" and _show(call, leg, left_s, now)
        beeps = settings.warn_by != "message" or not shows
        if beeps:
            call.context.engine.play(ports.leased(leg), BEEP)
        heard, shown = heard or beeps, shown or shows
    by = "both" if heard and shown else "message" if shown else "beep"
    numbers = tuple(leg.index for leg in legs)
    call.record(e.LimitWarned(call.id, call.state.n, call.context.at(), numbers, round(left_s, 1), by))


def _show(call: Call, leg: Leg, left_s: float, now: float) -> bool:
    """Words on its display: by MESSAGE, if it takes that, else in place of the other side's name. None of a carrier."""
    if is_trunk(leg.target):
        return False
    seconds = round(min(left_s, WARNING_S))
    if leg.usage.allows_message:
        leg.reach(now)
        text.send(leg.usage, f"This call ends in {seconds} seconds.", now)
        leg.record_dialog()
        return True
    other = call.other(leg)
    return other is not None and identity.caption(call, leg, other, f"{seconds} seconds left", now)


def _same(one: Period, other: Period) -> bool:
    return (one.leg, one.since, one.limit_s) == (other.leg, other.since, other.limit_s)


def _until(then: datetime.datetime, at: datetime.datetime) -> float:
    return (then - at).total_seconds()
