"""What a call record is: values only. `records.cdr.folding` makes them; `docs/records.md` tells each field."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import msgspec

from records.charges import Charge, sums
from records.events import Forwarded

Instant = datetime.datetime
_MILLISECOND = datetime.timedelta(milliseconds=1)
_NONE = datetime.timedelta()


def seconds(start: Instant | None, end: Instant | None) -> float:
    """Whole milliseconds from `start` to `end`, in seconds; 0 when one of them never came."""
    if start is None or end is None:
        return 0.0
    return ((end - start) // _MILLISECOND) / 1000


class Span(msgspec.Struct, frozen=True, gc=False):
    """From an instant to another; `until` is None while it goes on."""

    since: Instant
    until: Instant | None = None


def length_s(spans: Iterable[Span | Talk | Parking]) -> float:
    """The length of all of them together, in seconds, to the millisecond below. What goes on counts nothing yet."""
    length = _NONE
    for each in spans:
        if each.until is not None:
            length += each.until - each.since
    return (length // _MILLISECOND) / 1000


class LegRecord(msgspec.Struct, frozen=True, gc=False):
    """One leg of a call. Leg 0 is the caller. `user`, `site`, `for_`, `payer` and `number` as in
    `records.events.LegStarted`.

    `holds` is when it kept the others on hold while it was connected with them (UPR-15), and `holding` whether it says
    that it does now. The leg came out of call `of`, where it was leg `was`; or it went into call `to`, as leg
    `becomes`: each of the two calls has its own part of the leg's time, and no instant is in both.
    """

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
    cause: str = ""
    device: str = ""
    user: str = ""
    site: str = ""
    for_: str = ""
    payer: str = ""
    number: str = ""
    holding: bool = False
    holds: tuple[Span, ...] = ()
    of: str = ""
    was: int = -1
    to: str = ""
    becomes: int = -1

    @property
    def held_s(self) -> float:
        """How long it kept others on hold, in seconds."""
        return length_s(self.holds) if self.holds else 0.0

    @property
    def call_s(self) -> float:
        """From its answer, or from when it came into the call, to its end; in seconds."""
        return seconds(self.answered_at, self.ended_at)

    @property
    def entity(self) -> str:
        """Who it is, as `CallStarted.entity` names things: `user:anna`, or `external` for a carrier's."""
        if self.user:
            return f"user:{self.user}"
        kind, _, name = self.target.partition(":")
        return f"user:{name}" if kind == "line" else "external" if kind == "trunk" else self.target


class Talk(msgspec.Struct, frozen=True, gc=False):
    """A time without a break in which legs were connected. By `kind`: `talk`, two legs with each other; `room`, one leg
    in a room with others (`what`: `conference:board`, or `three-way`, a room of this call); `service`, one leg with a
    service of ours (`what` as in `records.events.Connected`). A leg is in one talk at a time."""

    since: Instant
    until: Instant | None
    legs: tuple[int, ...]
    kind: str = "talk"
    what: str = ""


class Stop(msgspec.Struct, frozen=True, gc=False):
    """A station on the way of a call (RRP-22): `entity` as in `records.events.CallStarted`, and `how` it came there:
    called, forwarded (`why`: busy, no_answer, outage, always, closed), chosen (in a menu, `why` is the key), replanned
    (decided anew), transferred, returned (to who had transferred it), fallback (of a park lot), added (a third party),
    parked, answered, joined (out of another call). `by` is whoever had it so."""

    at: Instant
    entity: str
    how: str
    by: str = ""
    why: str = ""


class Parking(msgspec.Struct, frozen=True, gc=False):
    """A stay in a slot (UPR-16). `by` parked it, as `line:anna`, who is `user`; `how` it left as in
    `records.events.Unparked`, taken by `to`."""

    since: Instant
    until: Instant | None
    lot: str
    slot: str
    by: str = ""
    user: str = ""
    how: str = ""
    to: str = ""


class Queued(msgspec.Struct, frozen=True, gc=False):
    """A stay of leg `leg` in a queue. It was left as `records.events.QueueLeft` says: `how` is empty while it waits;
    answered, by the member at leg `by`; or abandoned; or overflowed, to `to`. `offers` are the legs of the members that
    it was offered to. `target_s` and `short_s` as in `records.events.QueueEntered`."""

    since: Instant
    until: Instant | None
    leg: int
    queue: str
    how: str = ""
    by: int = -1
    to: str = ""
    offers: tuple[int, ...] = ()
    target_s: float = 0.0
    short_s: float = 0.0


class Now(msgspec.Struct, frozen=True, gc=False):
    """What an open call is about: `front` is joined with `peer` (-1: with nobody) or with `service`; these legs are in
    `rooms`, by number and name, and those in `rung` ring while the front hears a ringing tone."""

    front: int = 0
    peer: int = -1
    service: str = ""
    rooms: tuple[tuple[int, str], ...] = ()
    rung: tuple[int, ...] = ()


AT_FIRST = Now()


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


class Mark(msgspec.Struct, frozen=True, gc=False):
    """From then on the talk of line `user` was billable, or not any more: see `records.events.BillableSet`."""

    at: Instant
    user: str
    on: bool
    by: str


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """One call. A record whose `ended_at` is None is of a call that is still up.

    `n` is the number of the next event expected. `complete` is False when the call's first event was lost. `forwards`
    are those that a carrier told of, `passed` our own, in their order. `facts`, `hops`, `proven` and `attested` are
    what else the decision was made with (`records.events.CallStarted`). `because` has the reasons of all decisions,
    and `again` those after the first. `account` is the account code that was set last, `accounts` are all of them;
    `charges` those of the legs to carriers. `now` is of an open call alone.

    `user`, `site` and `entity` as in `records.events.CallStarted`. `path` is where the call came along (RRP-22), and
    `talks` are who was connected with whom, and when: all talk times are sums of those.
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
    marks: tuple[Mark, ...] = ()
    user: str = ""
    site: str = ""
    entity: str = ""
    path: tuple[Stop, ...] = ()
    talks: tuple[Talk, ...] = ()
    parkings: tuple[Parking, ...] = ()
    queued: tuple[Queued, ...] = ()
    now: Now = AT_FIRST

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

    @property
    def direction(self) -> str:
        """RRP-18: inbound (from a carrier), outbound (a telephone calls a number outside) or internal."""
        if self.trunk:
            return "inbound"
        if not self.entity:  # refused, or of a version that did not say what was called
            return "outbound" if self.outside else "internal"
        return "outbound" if self.goal.startswith(_OUTSIDE) else "internal"

    @property
    def goal(self) -> str:
        """What was called: behind an account code the number that came after it."""
        if self.entity != _ACCOUNT_CODE:
            return self.entity
        return next((stop.entity for stop in self.path[1:]), self.entity)

    @property
    def outside(self) -> bool:
        """RRP-14: whether somebody outside has part in the call, or was to have."""
        return self.entity.startswith(_OUTSIDE) or any(leg.target.startswith("trunk:") for leg in self.legs)

    @property
    def held_s(self) -> float:
        """How long legs kept others on hold, all together, in seconds."""
        return length_s([span for leg in self.legs for span in leg.holds])

    @property
    def parked_s(self) -> float:
        """How long the call was parked, in seconds."""
        return length_s(self.parkings)

    def talked_s(self, leg: int) -> float:
        """How long that leg was connected with others, in seconds: what it talked with services of ours left out."""
        return length_s([each for each in self.talks_of(leg) if each.kind != "service"])

    def talks_of(self, leg: int) -> tuple[Talk, ...]:
        """When that leg was connected with whom or what, one after the other."""
        return tuple(each for each in self.talks if leg in each.legs)

    def users(self) -> dict[str, str]:
        """Whom of the house the call concerns, each once, by the first of these parts that the user has in it: caller,
        answered, rung, line (it was made on that line by another), for (others rang on its behalf), mailbox, called
        (but sent on before it rang)."""
        found: dict[str, str] = {}
        if self.user:
            found[self.user] = "caller"
        for leg in self.legs:
            if leg.leg and leg.user and leg.answered_at is not None:
                found.setdefault(leg.user, "answered")
        for leg in self.legs:
            if leg.leg and leg.user:
                found.setdefault(leg.user, "rung")
        if self.line:
            found.setdefault(self.line, "line")
        for leg in self.legs:
            if leg.for_:
                found.setdefault(leg.for_, "for")
        if self.service.startswith("voicemail:"):
            found.setdefault(self.service.partition(":")[2], "mailbox")
        for stop in self.path:
            if stop.how in _CALLED and stop.entity.startswith("user:"):
                found.setdefault(stop.entity[5:], "called")
        return found


_OUTSIDE = ("external", "emergency")
_ACCOUNT_CODE = "feature:account_code"
_CALLED = frozenset(("called", "forwarded", "chosen", "replanned", "transferred", "returned", "fallback", "added"))
