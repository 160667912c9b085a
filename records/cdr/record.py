"""What a call record is: values only. `records.cdr.folding` makes them; `docs/records.md` tells each field."""

from __future__ import annotations

import datetime

import msgspec

from records.charges import Charge, sums
from records.events import Forwarded

Instant = datetime.datetime
_MILLISECOND = datetime.timedelta(milliseconds=1)


def seconds(start: Instant | None, end: Instant | None) -> float:
    """Whole milliseconds from `start` to `end`, in seconds; 0 when one of them never came."""
    if start is None or end is None:
        return 0.0
    return ((end - start) // _MILLISECOND) / 1000


class LegRecord(msgspec.Struct, frozen=True, gc=False):
    """One leg of a call. Leg 0 is the caller. `held_s` is how long this leg kept the call on hold, in seconds."""

    leg: int
    target: str
    contact: str
    started_at: Instant
    rang_at: Instant | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    result: str = ""
    reason: str = ""
    sip_status: int = 0
    held_s: float = 0.0
    held_since: Instant | None = None
    cause: str = ""


class Passed(msgspec.Struct, frozen=True, gc=False):
    """A forward of ours: see `records.events.CallForwarded`."""

    at: Instant
    by: str
    cause: int
    number: str = ""
    name: str = ""
    to: str = ""
    branch: str = ""


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """Somebody has transferred the call: see `records.events.TransferBegun` and `TransferOver`. `outcome` is empty
    while it goes on."""

    at: Instant
    by: str
    to: str
    kind: str
    how: str
    other: str = ""
    outcome: str = ""
    status: int = 0
    target: str = ""
    over_at: Instant | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """The call was recorded into `file`, or was to be: see `records.events.RecordingStarted` and `RecordingEnded`.
    `legs` are those recorded, `announced` those who were told. An empty `why`: up to the end of the call."""

    at: Instant
    file: str
    by: str
    legs: tuple[int, ...] = ()
    announced: tuple[int, ...] = ()
    pauses: int = 0
    why: str = ""
    detail: str = ""
    over_at: Instant | None = None


class Asked(msgspec.Struct, frozen=True, gc=False):
    """The planner was asked again: see `records.events.CallReplanned`."""

    request: str
    facts: str
    because: tuple[tuple[str, str], ...]


class Account(msgspec.Struct, frozen=True, gc=False):
    """From then on the call was charged to that account code, by whom `records.events.AccountChanged` says; `by` is
    empty for one that was dialled with a number."""

    at: Instant
    account: str
    by: str = ""


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """One call. A record whose `ended_at` is None is of a call that is still up.

    `n` is the number of the next event expected. `complete` is False when the call's first event was lost. `forwards`
    are those that a carrier told of, `passed` our own, in their order. `facts`, `hops`, `proven` and `attested` are
    what else the decision was made with (`records.events.CallStarted`). `because` has the reasons of all decisions,
    and `again` those after the first. `account` is the account code that was set last, `accounts` are all of them;
    `charges` those of the legs to carriers.
    """

    call: str
    n: int
    last_at: Instant
    started_at: Instant
    complete: bool = False
    rang_at: Instant | None = None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    device: str | None = None
    line: str | None = None
    trunk: str | None = None
    caller_number: str = ""
    caller_name: str = ""
    dialled: str = ""
    number: str = ""
    emergency: bool = False
    answered_target: str = ""
    answered_contact: str = ""
    service: str = ""
    result: str = ""
    reason: str = ""
    sip_status: int = 0
    recovered: bool = False
    sip_call_id: str = ""
    model: str = ""
    because: tuple[tuple[str, str], ...] = ()
    hidden: bool = False
    forwards: tuple[Forwarded, ...] = ()
    passed: tuple[Passed, ...] = ()
    account: str = ""
    facts: str = ""
    hops: int = 0
    proven: bool = True
    attested: bool = False
    again: tuple[Asked, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    recordings: tuple[Recorded, ...] = ()
    legs: tuple[LegRecord, ...] = ()
    charges: tuple[Charge, ...] = ()
    accounts: tuple[Account, ...] = ()

    @property
    def costs(self) -> dict[str, int]:
        """What its legs to carriers cost, in micro-units by currency."""
        return sums(self.charges)

    @property
    def duration_s(self) -> float:
        """From the INVITE to the end, in seconds, to the millisecond below."""
        return seconds(self.started_at, self.ended_at)

    @property
    def talk_s(self) -> float:
        """From the answer to the end, in seconds; 0 for a call never answered."""
        return seconds(self.answered_at, self.ended_at)

    @property
    def ring_s(self) -> float:
        """From the first ringing to the answer or, without one, to the end, in seconds."""
        return seconds(self.rang_at, self.answered_at or self.ended_at)
