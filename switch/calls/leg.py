"""A leg: one telephone's part in a call, its signalling (`InviteUsage`) and its sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from dialplan.lines import Policy
from media.engine import MediaEvent
from records import events as e
from switch.calls.sound import Sound, far_value
from switch.calls.state import AHEAD
from switch.calls.terms import terms_of
from switch.sip.dialog import Dialog
from switch.sip.flow import Flow
from switch.sip.invite import InviteUsage
from switch.sip.leg_events import LegEvent
from switch.sip.timer import Timer

if TYPE_CHECKING:
    from switch.calls.call import Call

CALLER = 0
LOOK_S = 2.0
LOOKS = 16
"""A telephone whose connection is gone when its BYE is due is looked for so often: for 64*T1, as long as a BYE is
repeated over UDP."""


class Listener(Protocol):
    """Somebody who asks one leg of a call for something, whatever the call is about."""

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """A digit, the end of a tune, of a recording, of digits that were sent."""


class Leg:
    """One leg. `index` 0 is the caller; `branch` and `contact` say which target of the plan a called leg stands for."""

    __slots__ = (
        "asserted",
        "branch",
        "call",
        "contact",
        "hides",
        "index",
        "listener",
        "looks",
        "music",
        "policy",
        "shown",
        "sound",
        "target",
        "told",
        "unreachable",
        "usage",
    )

    def __init__(
        self, call: Call, index: int, target: str, branch: str = "", contact: int = 0, media: Sound | None = None
    ) -> None:
        self.call = call
        self.index = index
        self.target = target
        self.branch = branch
        self.contact = contact
        self.usage: InviteUsage = None  # type: ignore[assignment]  # set by whoever makes the leg, at once
        self.sound = media if media is not None else Sound()
        self.unreachable: Timer | None = None
        self.told = 0
        self.looks = LOOKS
        self.policy: Policy | None = None
        """What holds when it answers."""
        self.listener: Listener | None = None
        """Who takes what the leg's keys and tunes tell, in place of the call's service."""
        self.music: tuple[str, ...] = ()
        """What its peer hears while it holds, where its line's own music could not be played."""
        self.shown = ""
        """The tag of the leg that its far end is shown as the other side."""
        self.asserted = ""
        """How its 2xx named who has answered."""
        self.hides = False
        """Whether who has answered asked not to be shown."""

    @property
    def tag(self) -> str:
        """Our tag of the leg's dialog, which names it among all legs."""
        return self.usage.dialog.local_tag

    @property
    def address(self) -> str:
        """The host from which the leg's far end speaks SIP: behind NAT, its sound comes from there too."""
        return self.usage.flow.remote[0]

    def reach(self, now: float) -> bool:
        """Before a request of ours: if the connection to the far end is gone, take another way to it. Whether one was
        found."""
        usage = self.usage
        if not usage.flow.reliable:
            return False
        call, dialog = self.call, usage.dialog
        state = call.state.legs.get(self.index)
        # Through a proxy only the proxy leads to the telephone.
        target = "" if dialog.routes else self.target
        device, contact = (state.device, state.contact) if state is not None else ("", "")
        directory = call.context.directory
        flow = directory.reach(usage.flow, target, device, (dialog.target, contact), dialog.next_hop(), now)
        if flow == usage.flow:
            return False
        usage.flow = flow
        self.record_path()
        return True

    def say_bye(self, now: float) -> None:
        """Its BYE could not be sent: it goes another way, or waits for the telephone to register again."""
        if self.reach(now):
            self.usage.bye_again(now)
        elif self.looks and self.usage.flow.reliable:
            self.looks -= 1
            self.call.context.endpoint.timers.after(LOOK_S, now, self, LOOK)
        else:
            self.call.context.forget_leg(self.tag)

    def heard(self, event: LegEvent, now: float) -> None:
        """The usage reports something: it is the call's to decide."""
        try:
            self.call.on_leg(self, event, now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            self.call.broken(error, now)

    def on_timer(self, what: object, now: float) -> None:
        """A timer of the usage, one that ends the wait for a phone that says nothing, or a service of ours."""
        if what is UNREACHABLE or what is IMPATIENT:
            self.unreachable = None
            try:
                if what is UNREACHABLE:
                    self.call.on_unreachable(self, now)
                else:
                    self.call.on_impatient(self, now)
            except Exception as error:  # noqa: BLE001  see Call.broken
                self.call.broken(error, now)
            return
        if what is LOOK:
            self.say_bye(now)
            return
        if what is SETTLE or what is OVER:
            try:
                if what is OVER:
                    self.call.service_over(now)
                else:
                    self.call.offers.settle(self.call, now)
            except Exception as error:  # noqa: BLE001  see Call.broken
                self.call.broken(error, now)
            return
        event = self.usage.on_timer(what, now)
        if event is not None:
            self.heard(event, now)

    def stop_waiting(self) -> None:
        """The phone has said something: it is reachable."""
        if self.unreachable is not None:
            self.unreachable.cancel()
            self.unreachable = None

    def terms_value(self) -> e.Terms | None:
        """What holds when it answers, for the record. What the payer of a carrier's leg says stands in place of the
        front's own rules (LIM-10)."""
        call = self.call
        in_place = is_trunk(self.target) and call.state.legs[call.state.front].terms is not None
        return terms_of(self.policy, in_place=in_place)

    def dialog_value(self) -> e.Dialog:
        """The dialog as the journal keeps it."""
        d = self.usage.dialog
        return e.Dialog(
            d.call_id,
            d.local_tag,
            d.remote_tag,
            d.local,
            d.remote,
            d.target,
            d.routes,
            d.local_cseq,
            d.remote_cseq,
            self.usage.allows_update,
            self.usage.from_change,
            message=self.usage.allows_message,
        )

    def media_value(self) -> e.MediaPort | None:
        """The leg's port as the journal keeps it; None when it has none."""
        lease, bound = self.sound.lease, self.sound.bound
        if lease is None:
            return None
        return e.MediaPort(lease.leg, lease.worker, lease.address, lease.port, bound if bound != lease.address else "")

    # -- what its record says of it ------------------------------------------------------------------------------

    def record_media(self) -> None:
        """Record the leg's media port and our last description on it."""
        call = self.call
        media = self.media_value()
        if media is not None:
            port, far, at = self.sound, far_value(self.sound), call.context.at()
            call.record(e.LegMedia(call.id, call.state.n, at, self.index, media, port.local, far, port.settled))

    def record_path(self) -> None:
        """Record where the leg's far end is, if its last request says that it has moved: a BYE must find it, also after
        a crash."""
        call = self.call
        state = call.state.legs.get(self.index)
        if state is None or state.dialog is None or self.index not in call.legs or not state.answered:
            return
        usage = self.usage
        moved = state.dialog.remote_target != usage.dialog.target or state.flow != flow_value(usage.flow)
        if moved or usage.dialog.local_cseq - state.dialog.local_cseq >= AHEAD // 2:
            self.record_dialog()
        self.record_session()

    def record_session(self) -> None:
        """Record what was agreed on with the leg about its session timer, if that is new."""
        call = self.call
        session = self.usage.session
        if session is None:
            if call.state.legs[self.index].session is not None:
                call.record(e.SessionTimed(call.id, call.state.n, call.context.at(), self.index, 0, False))
        elif session.fresh:
            session.fresh = False
            at = call.context.at()
            call.record(e.SessionTimed(call.id, call.state.n, at, self.index, session.interval_s, session.ours))

    def record_dialog(self) -> None:
        """Record the dialog and its path where they are others than a crash would find. Its numbers alone need no word:
        after a crash they jump (`state.AHEAD`); but only so far."""
        call = self.call
        state = call.state.legs.get(self.index)
        if state is None or state.dialog is None or self.index not in call.legs:
            return
        live, kept, flow = self.dialog_value(), state.dialog, flow_value(self.usage.flow)
        same = msgspec.structs.replace(live, local_cseq=kept.local_cseq, remote_cseq=kept.remote_cseq) == kept
        if not same or flow != state.flow or live.local_cseq - kept.local_cseq >= AHEAD // 2:
            call.record(e.LegMoved(call.id, call.state.n, call.context.at(), self.index, live, flow))

    def record_move(self) -> None:
        """Record all that a re-INVITE changed."""
        self.record_dialog()
        self.record_media()
        self.record_hold()
        self.record_session()

    def record_hold(self) -> None:
        """Record whether the leg's far end holds the call, if that has changed."""
        call = self.call
        if self.sound.held != call.state.legs[self.index].held:
            call.record(e.LegHeld(call.id, call.state.n, call.context.at(), self.index, self.sound.held))


class _Nobody:
    """The owner of a usage whose leg is over."""

    def heard(self, event: LegEvent, now: float) -> None:
        """It concerns nobody any more."""

    def on_timer(self, what: object, now: float) -> None:
        """It concerns nobody any more."""


NOBODY = _Nobody()


def is_trunk(target: str) -> bool:
    """Whether a leg's target is a carrier; else it is a telephone."""
    return target.startswith("trunk:")


def line_of(target: str) -> str:
    """The line whose telephone a leg's target is; empty for a carrier."""
    return target[5:] if target.startswith("line:") else ""


def trunk_of(target: str) -> str:
    """The carrier that a leg's target is; empty for a telephone."""
    return target[6:] if target.startswith("trunk:") else ""


UNREACHABLE = "unreachable"
IMPATIENT = "impatient"
OVER = "over"
SETTLE = "settle"
LOOK = "look"


def flow_value(flow: Flow) -> e.FlowAddress:
    """A flow as the journal keeps it."""
    return e.FlowAddress(flow.transport, flow.local[0], flow.local[1], flow.remote[0], flow.remote[1])


def flow_of(address: e.FlowAddress) -> Flow:
    """The flow that the journal remembers. A connection of a former life has to be made anew."""
    return Flow(address.transport, (address.local_host, address.local_port), (address.remote_host, address.remote_port))


def dialog_of(value: e.Dialog) -> Dialog:
    """The dialog that the journal remembers."""
    return Dialog(
        value.call_id,
        value.local_tag,
        value.remote_tag,
        value.local_uri,
        value.remote_uri,
        value.remote_target,
        value.route_set,
        value.local_cseq,
        value.remote_cseq,
    )
