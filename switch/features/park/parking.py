"""Call park (CRD-7): a call waits in a slot of a lot, hears music, and is taken from any telephone that dials the slot.

    parked    by a transfer to the lot, by a key during the call, or by a code that is dialled while it is on hold; in
              the slot that is named, or the first that is free, which is spoken and shown to whoever parks
    taken     who dials the slot comes into the parked call as its other side, and their own call ends
    returned  nobody took it in time: it rings at the parker's, then at the lot's fallback, then is parked once more;
              meanwhile it may still be taken. It is never dropped while the parked is there

A lot that is full says so to whoever parks, who keeps the call. The slot is a fact of the parked call's record
(`CallState.parked`), so it outlives a crash with the time that is left. The clock of the call's limit goes on (LIM-7).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dialplan.destinations import of_text
from dialplan.groups import ParkLot, lot_for
from dialplan.model import Model
from dialplan.plan import Branch, Feature, LineTarget, Park, Plan, Retrieve, Ring, Stage
from dialplan.termination import Reason, Result, Termination
from media.engine import Tune
from records import events as e
from switch.calls import ports
from switch.calls.answering import serve
from switch.calls.elsewhere import request
from switch.calls.ending import end, stop_ringing, stop_walk
from switch.calls.identity import party
from switch.calls.leg import Leg, is_trunk, line_of
from switch.calls.moving import move
from switch.calls.onward import onward
from switch.calls.pairing import pair
from switch.calls.replanning import ask
from switch.features.park.services import AWAY, Fetch, Return, Saying, Stay, target_of
from switch.features.park.slots import Slot, Slots
from switch.prompts.words import Words
from switch.sip import text

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.serving import Service

RETURN_S = 30.0
"""How long it rings at the parker's when the time is over."""

FULL = Termination(Result.BUSY, Reason.BUSY, 486)
EMPTY = Termination(Result.FAILED, Reason.NOT_FOUND, 404)
NEVER = Termination(Result.REFUSED, Reason.NOT_PERMITTED, 403)
NOTHING = Termination(Result.FAILED, Reason.NOT_FOUND, 404)
TAKEN = Termination(Result.ANSWERED, Reason.JOINED, 200)


class Parking:
    """All lots. `calls` are those that are up."""

    def __init__(self, model: Callable[[], Model], calls: Callable[[], Iterable[Call]], words: Words) -> None:
        self.slots = Slots()
        self.words = words
        self._model = model
        self._calls = calls
        self._promised: tuple[str, str] = ("", "")
        """The call of who had called a lot, and the slot that they were told; they hand over next."""

    @property
    def _lots(self) -> Mapping[str, ParkLot]:
        return self._model().park_lots

    # -- parking ------------------------------------------------------------------------------------------------

    def park(self, call: Call, step: Park, now: float) -> None:
        """`Park` steps: the front is parked, by whoever transfers it, or by itself. Who has only called the lot and
        hands over then parks whom he hands over."""
        transfer, target = call.state.transfer, target_of(call)
        lot = self._lots.get(step.lot)
        slot = ""
        if lot is not None:
            other, promised = self._promised
            if transfer is not None and transfer.other and transfer.other == other and not step.slot:
                slot = self.slots.free(lot, promised)
            slot = slot or self.slots.free(lot, step.slot)
        if call.for_help:
            call.refuse_step(step.id, NEVER, "Not With an Emergency Call", now)
            return
        if lot is None or not slot:
            self._refuse(call, step.id, "park_slot_taken" if step.slot else "park_lot_full", now)
            return
        by = transfer.by if transfer is not None else target if not is_trunk(target) else ""
        self._put(call, lot, slot, by, now)

    def code(self, call: Call, step: Feature, now: float) -> None:
        """The dialled code: the call on hold at that telephone is parked. A call that is transferred to the code is
        parked itself."""
        name, _, wanted = step.argument.partition("/")
        if call.state.answered_at is not None:
            self.park(call, Park(id=step.id, lot=name, slot=wanted), now)
            return
        held = self._held(call)
        if held is None:
            call.refuse_step(step.id, NOTHING, "No Call on Hold", now)
            return
        lot = self._lots.get(name)
        slot = self.slots.free(lot, wanted) if lot is not None else ""
        if lot is None or not slot:
            self._refuse(call, step.id, "park_slot_taken" if wanted else "park_lot_full", now)
            return
        other = held.call
        self._turn(other, held)
        self._put(other, lot, slot, held.target, now)
        other.hang_up_leg(held, AWAY, now)
        serve(call, Saying(self, "parked", slot), now)

    def key(self, call: Call, leg: Leg, now: float) -> None:
        """The key during a call: the other side is parked, and the slot is said to who pressed it."""
        if call.other(leg) is None or call.errand is not None or call.for_help:
            return
        line = self._model().lines.get(line_of(leg.target))
        lot = lot_for(self._lots.values(), line.group if line is not None else "")
        slot = self.slots.free(lot) if lot is not None else ""
        if lot is None or not slot:
            call.context.engine.play(ports.leased(leg), Tune(self.words.sources("park_lot_full"), over=True))
            return
        self._turn(call, leg)
        self._put(call, lot, slot, leg.target, now)
        self._show(leg, slot, now)
        call.context.engine.play(ports.leased(leg), Tune(self.said(slot)))

    def said(self, slot: str) -> tuple[str, ...]:
        """The words that name a slot."""
        return (*self.words.sources("park_parked_at"), *self.words.digits(slot))

    def _held(self, call: Call) -> Leg | None:
        """The leg of the same telephone that holds another call, the latest one."""
        started = call.state.started
        found = [
            leg
            for each in self._calls()
            for index, leg in each.legs.items()
            if each is not call
            and leg.sound.held
            and each.state.legs[index].device == started.device
            and leg.target == f"line:{started.line}"
            and each.other(leg) is not None
            and each.errand is None
            and not each.for_help
        ]
        return max(found, key=lambda leg: leg.call.state.started.at, default=None)

    @staticmethod
    def _turn(call: Call, leg: Leg) -> None:
        """Whoever that leg talks with is the call's front from now on."""
        other = call.other(leg)
        if other is not None and other.index != call.state.front:
            call.record(e.Connected(call.id, call.state.n, call.context.at(), leg.index, "", None, other.index))

    def _put(self, call: Call, lot: ParkLot, slot: str, by: str, now: float) -> None:
        if call.state.parked is not None:
            self._leave(call, "fallback", by)
        who = party(call, call.front)
        name = "" if who.hidden else who.name or who.number
        fallback = str(lot.fallback) if lot.fallback is not None else ""
        at = call.context.at()
        call.record(e.Parked(call.id, call.state.n, at, lot.id, slot, by, name, lot.timeout_s, fallback, lot.music))
        self.slots.take((lot.id, slot), call)
        call.noted = True
        transferor = call.other(call.front)
        if call.transfer is not None and transferor is not None:
            call.transfer.phrase = f"Parked at {slot}"
            self._show(transferor, slot, now)
        serve(call, Stay(self, call), now)

    def _show(self, leg: Leg, slot: str, now: float) -> None:
        """The slot on the display of who parks, where it shows text."""
        if leg.usage.confirmed and leg.usage.allows_message:
            leg.reach(now)
            text.send(leg.usage, f"Parked at {slot}", now)
            leg.record_dialog()

    def _refuse(self, call: Call, step: str, why: str, now: float) -> None:
        """There is no room: whoever parks is told, and keeps the call."""
        transferor = call.other(call.front) if call.state.answered_at is not None else None
        if transferor is not None:
            call.context.engine.play(ports.leased(transferor), Tune(self.words.sources(why), over=True))
        elif call.state.answered_at is None:
            serve(call, Saying(self, why), now)
            return
        call.refuse_step(step, FULL, "No Free Slot", now)

    # -- taking -------------------------------------------------------------------------------------------------

    def retrieve(self, call: Call, step: Retrieve, now: float) -> None:
        """`Retrieve` steps: who dials a slot gets the call that is parked there."""
        if self.slots.claim((step.lot, step.slot), call) is None:
            call.refuse_step(step.id, EMPTY, "No Call Parked There", now, "park_slot_empty")
        else:
            serve(call, Fetch(self, (step.lot, step.slot)), now)

    def fetch(self, call: Call, slot: Slot, now: float) -> None:
        """Bring the front of that call, which is ready, into the parked one."""
        parked = self.slots.claim(slot, call)
        if parked is None:
            serve(call, Saying(self, "park_slot_empty"), now)
            return
        stop_walk(parked)
        parked.errand, parked.tone = None, False
        for leg in list(parked.legs.values()):
            if leg.index == parked.state.front:
                continue
            if leg.usage.confirmed:
                parked.hang_up_leg(leg, AWAY, now)
            else:
                stop_ringing(parked, leg, now, (), Reason.COMPLETED_ELSEWHERE)
        taker = move(call.front, parked, now)
        self._leave(parked, "retrieved", taker.target)
        pair(parked, parked.front, taker, now)
        end(call, TAKEN, now)

    def _leave(self, call: Call, how: str, by: str = "") -> None:
        """The call is in its slot no more."""
        parked = call.state.parked
        if parked is not None:
            call.record(e.Unparked(call.id, call.state.n, call.context.at(), parked.lot, parked.slot, how, by))
            self.slots.leave((parked.lot, parked.slot), call)

    # -- the time is over ---------------------------------------------------------------------------------------

    def time_over(self, call: Call, now: float) -> None:
        """Nobody has taken it: it rings at the parker's."""
        parked = call.state.parked
        if parked is None or call.over:
            return
        name = line_of(parked.by)
        if name and parked.by != target_of(call):
            line = self._model().lines.get(name)
            policy = line.policy if line is not None else None
            branch = Branch(id="return/0", target=LineTarget(name), ring_s=RETURN_S, policy=policy)
            ring = Ring(id="return", stages=(Stage((branch,)),))
            onward(call, Plan(entry="return", steps=(ring,), number=parked.slot), Return(self, last=False), now)
        else:
            self.fall_back(call, now)

    def fall_back(self, call: Call, now: float) -> None:
        """Nobody is at the parker's: it goes to the lot's fallback, or is parked once more."""
        parked = call.state.parked
        to = of_text(parked.fallback) if parked is not None else None
        if parked is None or to is None:
            self.again(call, now)
            return
        started = call.state.started
        wanted = replace(request(call, started.number or started.dialled), to=to)
        onward(call, ask(call, wanted, "fallback", now), Return(self, last=True), now)

    def again(self, call: Call, now: float) -> None:
        """Nobody could be reached: it stays where it is, for the same time once more."""
        parked = call.state.parked
        if parked is None:
            return
        call.record(replace(parked, n=call.state.n, at=call.context.at()))
        serve(call, Stay(self, call), now)

    # -- what is told of calls ----------------------------------------------------------------------------------

    def joined(self, call: Call, now: float) -> None:
        """`Context.joined`: a parked call talks with somebody, or with another service: it has left its slot."""
        if call.state.parked is None or isinstance(call.service, Stay):
            return
        peer = call.other(call.front)
        if call.service is not None or call.state.service:
            call.errand = None
            self._leave(call, "fallback", call.state.service)
        elif peer is not None:
            back = peer.target == call.state.parked.by
            self._leave(call, "returned" if back else "fallback", peer.target)

    def over(self, call: Call, now: float) -> None:
        """`Context.over`."""
        parked = call.state.parked
        if parked is not None:
            front = call.state.legs.get(call.state.front)  # it may have gone into another call
            if front is not None and parked.by == front.target:
                self._promised = call.id, parked.slot
            self._leave(call, "ended")

    def resume(self, call: Call, rest: str) -> Service | None:
        """After a crash: the parked call's service. It is in its slot again."""
        parked = call.state.parked
        if parked is None:
            return None
        self.slots.take((parked.lot, parked.slot), call)
        return Stay(self, call, resumed=True)

    def resume_fetch(self, call: Call, rest: str) -> Service | None:
        """After a crash: who was about to take a call takes it."""
        lot, _, slot = rest.partition("/")
        return Fetch(self, (lot, slot))

    def resume_saying(self, call: Call, rest: str) -> Service | None:
        """After a crash: what was being said is said again."""
        why, _, slot = rest.partition("/")
        return Saying(self, why, slot)


def left_s(parked: e.Parked, at: datetime.datetime) -> float:
    """How long the call stays yet before it rings again, in seconds."""
    return max(0.0, parked.timeout_s - (at - parked.at).total_seconds())
