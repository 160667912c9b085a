"""What a call is served by on its way into a slot, in it, and out of it: the services and the errand of call park.

Stay     the parked call hears music, until somebody takes it or the time is over
Return   it rings: at the parker's, then at the fallback
Fetch    who has dialled the slot waits until his own answer is acknowledged
Saying   who has dialled is told the slot, or why there is none, and is hung up on
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan.termination import Reason, Result, Termination
from media.engine import MediaEvent, PlayEnded, Tune
from switch.calls import ports
from switch.calls.leg import Leg
from switch.calls.moving import movable
from switch.features.park.slots import Slot
from switch.sip.timer import Timer

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.features.park.parking import Parking

PARK, RETRIEVE, SAY = "park", "retrieve", "park-said"
"""What the names of the services begin with."""
SETTLE_S, SETTLES = 0.02, 1600
"""Who takes a call is joined as soon as their own answer is acknowledged; it is looked for so often."""
AWAY = Termination(Result.ANSWERED, Reason.TRANSFERRED, 200)
"""How a leg ends that has parked its call, or is joined by somebody else."""


class Stay:
    """The parked call's service: music, until somebody takes it or the time is over."""

    __slots__ = ("_call", "_parking", "_resumed", "_timer", "_told", "name")

    def __init__(self, parking: Parking, call: Call, *, resumed: bool = False) -> None:
        self._parking = parking
        self._call = call
        self._resumed = resumed
        """Whether it was made again after a crash."""
        self._timer: Timer | None = None
        self._told = False
        parked = call.state.parked
        self.name = f"{PARK}:{parked.lot}/{parked.slot}" if parked is not None else PARK

    def begin(self, call: Call, now: float) -> None:
        """See `Service`."""
        parked, context = call.state.parked, call.context
        if parked is None:
            return
        resumed = self._resumed
        if resumed and call.state.transfer is None:
            for leg in list(call.legs.values()):
                if leg.index != call.state.front:
                    call.hang_up_leg(leg, AWAY, now)  # it was being told the slot
        if parked.by == target_of(call) and call.state.transfer is None and not resumed:
            context.engine.play(ports.leased(call.front), Tune(self._parking.said(parked.slot)))
        else:
            self._play(call, again=resumed)
        left_s = parked.timeout_s - (context.at() - parked.at).total_seconds()
        self._timer = context.endpoint.timers.start(now + max(0.0, left_s), self, None)

    def _play(self, call: Call, *, again: bool = False, own: bool = True) -> None:
        parked, context = call.state.parked, call.context
        if parked is None:
            return
        if parked.music and own:
            music = self._parking.words.file(parked.music)
        else:
            music = context.directory.hold_music(parked.by if own else "")
        context.engine.play(ports.leased(call.front), Tune(music, loop=True), again)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service`."""
        if type(event) is not PlayEnded:
            return
        if leg.index != call.state.front:
            if call.state.transfer is None:
                call.hang_up_leg(leg, AWAY, now)  # it knows the slot
        elif not event.failed:
            self._play(call)
        elif not self._told:
            self._told = True  # its music cannot be played: it hears the exchange's own (MOH-2)
            self._play(call, own=False)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service`."""
        return leg.index != call.state.front

    def parted(self, call: Call, now: float) -> None:
        """See `Service`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def on_timer(self, what: object, now: float) -> None:
        """The time is over."""
        self._timer = None
        call = self._call
        if call.service is not self:
            return
        try:
            self._parking.time_over(call, now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)


class Return:
    """The errand of a parked call that rings: `last` at the fallback, else at the parker's."""

    __slots__ = ("_last", "_parking")

    def __init__(self, parking: Parking, *, last: bool) -> None:
        self._parking = parking
        self._last = last

    def progress(self, call: Call, status: int, now: float) -> None:
        """See `Errand`."""

    def succeeded(self, call: Call, leg: Leg, now: float) -> None:
        """See `Errand`. It has left its slot when the two were joined."""

    def failed(self, call: Call, termination: Termination, why: str, now: float) -> None:
        """See `Errand`."""
        if self._last:
            self._parking.again(call, now)
        else:
            self._parking.fall_back(call, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Errand`."""
        return leg.index != call.state.front


class Fetch:
    """The service of who takes a parked call, until his own answer is acknowledged."""

    __slots__ = ("_call", "_left", "_parking", "_slot", "_timer", "name")

    def __init__(self, parking: Parking, slot: Slot) -> None:
        self._parking = parking
        self._slot = slot
        self._call: Call | None = None
        self._timer: Timer | None = None
        self._left = SETTLES
        self.name = f"{RETRIEVE}:{slot[0]}/{slot[1]}"

    def begin(self, call: Call, now: float) -> None:
        """See `Service`."""
        self._call = call
        self._timer = call.context.endpoint.timers.after(SETTLE_S, now, self, None)

    def on_timer(self, what: object, now: float) -> None:
        """Look whether he is ready."""
        self._timer = None
        call = self._call
        if call is None or call.service is not self:
            return
        try:
            if movable(call.front):
                self._parking.fetch(call, self._slot, now)
            elif self._left:
                self._left -= 1
                self.begin(call, now)
            else:
                call.service_over(now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service`."""

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service`."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service`."""
        self._parking.slots.let_go(self._slot, call)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Saying:
    """Something is said to who has dialled, and we hang up: the slot (`parked`), or why there is none."""

    __slots__ = ("_parking", "_slot", "_why", "name")

    def __init__(self, parking: Parking, why: str, slot: str = "") -> None:
        self._parking = parking
        self._why = why
        self._slot = slot
        self.name = f"{SAY}:{why}/{slot}" if slot else f"{SAY}:{why}"

    def begin(self, call: Call, now: float) -> None:
        """See `Service`."""
        words = self._parking.said(self._slot) if self._slot else self._parking.words.sources(self._why)
        call.context.engine.play(ports.leased(call.front), Tune(words), again=bool(call.state.recovered))

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service`."""
        if type(event) is PlayEnded:
            call.service_over(now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service`."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service`."""


def target_of(call: Call) -> str:
    """The front's target."""
    return call.state.legs[call.state.front].target
