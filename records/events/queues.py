"""Queues: the calls that wait in them, and their members."""

from __future__ import annotations

import datetime

import msgspec

from records.events.values import Event


class QueueEntered(Event, frozen=True, array_like=True, gc=False, tag=48):
    """Leg `leg` waits in a queue from now on, whose members aim at answering within `target_s` seconds; who gives up
    within `short_s` does not count against that (RTQ-1). The queue records these three of a call, and `MemberSet`; all
    that RTQ-1 to 11 count is in them and in the legs."""

    leg: int
    queue: str
    target_s: float = 0.0
    short_s: float = 0.0


class QueueOffered(Event, frozen=True, array_like=True, gc=False, tag=49):
    """The call in the queue is offered to a member, whose telephone rings as leg `leg`: that leg says who it is, and
    whether it answered (RTQ-9)."""

    leg: int
    queue: str


class QueueLeft(Event, frozen=True, array_like=True, gc=False, tag=50):
    """Leg `leg` waits in the queue no more. `how`: answered (by the member at leg `by`), abandoned (the caller has hung
    up) or overflowed (a rule of the queue, or the caller's own choice there, sent the call to `to`, as
    `voicemail:sales`). A leg that ends while it waits, or a call, says that it was abandoned."""

    leg: int
    queue: str
    how: str
    by: int = -1
    to: str = ""


class MemberSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=51):
    """A member of a queue, by the own line, is offered calls (`state` in), is not (out, for a `reason` of the
    operator's list: OPT-1, RTQ-10), or completes what is to be done after `call` (wrap_up) until the next one of these
    is told. An absolute statement. `by` is who did it, as `device:anna-desk` or `operator:root` (AOI-1)."""

    queue: str
    member: str
    state: str
    reason: str
    by: str
    at: datetime.datetime
    call: str = ""
