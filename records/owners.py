"""Whose a recording is (RRP-26, RRP-27), from the call's record alone.

Who asked for it during the call owns it, by the telephone in the call. What a rule recorded is the queue's where the
call came out of one; else the user's who was called and answered first, or who called, if nobody of the house answered.
What nobody of the house talked in belongs to the menu, group or number that was called.

Only its owner may hear a recording, and nobody else is told that there is one (DRE-1 to 3): not the other one of a
shared line, whichever of the two that is. What an administrator hears is on record (`RecordingAccessed`).
"""

from __future__ import annotations

from typing import NamedTuple

from records.cdr import CallRecord, Recorded
from records.roles import acting, answered_by, caller_of
from records.viewer import Viewer

POLICY = "policy"
"""`Recorded.by` where a rule asked for it: an automatic recording."""
_DEVICE, _QUEUE, _USER = "device:", "queue:", "user:"


class Owner(NamedTuple):
    """`kind` is user, queue, attendant, ring_group …; of a telephone in a common area user, too."""

    kind: str
    name: str


def owner_of(record: CallRecord, recorded: Recorded) -> Owner:
    """Whose it is."""
    if recorded.by.startswith(_DEVICE):
        device = recorded.by.removeprefix(_DEVICE)
        user = next((acting(leg) for leg in record.legs if leg.device == device and acting(leg)), "")
        if user:
            return Owner("user", user)
    queue = _queue(record, recorded)
    if queue:
        return Owner("queue", queue)
    users = [acting(leg) for leg in answered_by(record) if leg.leg in recorded.legs and acting(leg)]
    user = next(iter(users), "") or caller_of(record)
    if user:
        return Owner("user", user)
    kind, _, name = record.entity.partition(":")
    return Owner(kind, name)


def may_hear(record: CallRecord, recorded: Recorded, viewer: Viewer) -> bool:
    """Whether it is the viewer's own. What an administrator may hear besides is asked of `records.access`."""
    return bool(recorded.file and viewer.user) and owner_of(record, recorded) == Owner("user", viewer.user)


def _queue(record: CallRecord, recorded: Recorded) -> str:
    """The queue whose member was reached when the recording began."""
    if recorded.by != POLICY:
        return ""
    before = [stop.entity for stop in record.path if stop.at <= recorded.at and stop.how not in ("answered", "joined")]
    last = before[-1] if before else ""
    return last.removeprefix(_QUEUE) if last.startswith(_QUEUE) else ""
