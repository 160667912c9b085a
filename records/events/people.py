"""What people set for their lines, and who was told of an emergency call."""

from __future__ import annotations

import datetime

import msgspec


class LineSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=22):
    """Somebody set what holds for a line at run time (`switch.state.wishes` has the keys). An absolute statement; an
    empty `value` goes back to what is configured. `by` is who did it, as `device:anna-desk` or `operator:root`."""

    line: str
    key: str
    value: str
    by: str
    at: datetime.datetime


class HelpTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=23):
    """What came of telling somebody of the emergency call `call` (EMG-7): `to` is as in `CallStarted.notify`.
    `outcome`: answered, not_answered or unreachable (no telephone) of a line, sent or failed of an e-mail, with `why`.
    It may come after the call's end, and may come twice."""

    call: str
    to: str
    outcome: str
    why: str
    at: datetime.datetime
