"""A telephone that rings since before a hand-over, and that the walk begun anew rings too: its leg goes on (`anew.py`).

The INVITE stands, with its branch, port and description; only our side of it is made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialplan import vocabulary as v
from media.engine import Lease
from switch.calls import sound
from switch.calls.context import Phone
from switch.calls.leg import UNREACHABLE, Leg, dialog_of, flow_value, is_trunk
from switch.calls.letter import handed
from switch.calls.presentation import contact_value
from switch.calls.sound import Sound
from switch.calls.state import LegState
from switch.sip.invite import InviteUsage

if TYPE_CHECKING:
    from switch.calls.call import Call


def rings_already(call: Call, target: str) -> bool:
    """Whether a leg to that target waits to be adopted."""
    return any(call.state.legs[index].target == target for index in call.rung)


def adopt(call: Call, target: str, start: v.StartBranch, contact: int, phone: Phone, now: float) -> Leg | None:
    """The leg that rings this telephone already, as that branch's; None where there is none."""
    flow = flow_value(phone.flow)
    for index in call.rung:
        state = call.state.legs[index]
        if (state.target, state.contact, state.device, state.flow) == (target, phone.uri, phone.device, flow):
            return _made(call, index, state, start, contact, phone, now)
    return None


def _made(call: Call, index: int, state: LegState, start: v.StartBranch, contact: int, phone: Phone, now: float) -> Leg:
    context, dialect, rung = call.context, phone.dialect, call.rung.pop(index)
    leg = Leg(call, index, state.target, start.branch.id, contact, _sound(call, state, phone, rung.key))
    leg.policy, leg.shown = start.branch.policy, call.front.tag
    value = state.dialog
    assert value is not None
    dialog = dialog_of(value)
    dialog.remote_tag = ""
    invite = handed(rung)
    contacts = [line.partition(":")[2].strip() for line in invite.lines if line.startswith("Contact:")]
    leg.usage = InviteUsage.handed_over(
        context.endpoint,
        phone.flow,
        dialog,
        contacts[0] if contacts else contact_value(*context.advertised(phone.flow), phone.flow.transport),
        state.branch,
        invite,
        now,
        leg,
        is_trunk(state.target),
        context.settings.sessions,
        dialect.account if dialect is not None else None,
    )
    call.legs[index] = leg
    context.remember_leg(leg.tag, leg)
    if leg.sound.lease is not None:
        context.register_media(leg.sound.lease.leg, leg)
        context.engine.open(leg.sound.lease, context.settings.silence_s)
    if not rung.heard:
        leg.unreachable = context.endpoint.timers.after(context.settings.unreachable_s, now, leg, UNREACHABLE)
    return leg


def _sound(call: Call, state: LegState, phone: Phone, key: bytes | None) -> Sound:
    media, dialect = Sound(), phone.dialect
    if dialect is not None:
        media.codecs = dialect.settings.codecs
    media.srtp = phone.srtp if dialect is None else dialect.settings.srtp
    if call.for_help and media.srtp != sound.REQUIRED:
        media.srtp = ""
    media.widens = not call.for_help
    if state.media is not None:
        media.lease = Lease(state.media.leg, state.media.worker, state.media.address, state.media.port)
        media.bound = state.media.bound or state.media.address
    media.local, media.key = state.described, key
    return media
