"""What a call costs and who pays: rates, account codes, what carriers tell, billable talk, quotas."""

from __future__ import annotations

import datetime

import msgspec

from records.events.values import Event


class Tariff(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a destination cost when a leg to it was answered: the same fields as `dialplan.rates.Rate`. Amounts are
    micro-units of `currency`."""

    per_minute: int = 0
    fee: int = 0
    minimum_s: int = 1
    increment_s: int = 1
    currency: str = ""
    unit: int = 0
    unit_ms: int = 0
    rounding: str = "up"
    decimals: int = 6
    destination: str = ""
    place: str = ""


class Stretch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From `since` on a carrier's leg talked with `to` (`line:paul`, the name of a service of ours, or nobody), who is
    known as `name`; up to `until`, or still."""

    since: datetime.datetime
    to: str = ""
    name: str = ""
    until: datetime.datetime | None = None


class LegRated(Event, frozen=True, array_like=True, gc=False, tag=42):
    """The carrier's leg `leg`, which was answered at `since`, is paid by the line `payer` (empty: by nobody of ours)
    for calling `number`, by `tariff`; None where no rate was known. `to` and `name` are as in `Stretch`: told again
    when somebody else talks with it. `earlier` is who did so in another call, out of which the leg came."""

    leg: int
    since: datetime.datetime
    payer: str
    number: str
    tariff: Tariff | None = None
    to: str = ""
    name: str = ""
    earlier: tuple[Stretch, ...] = ()


class AccountChanged(Event, frozen=True, array_like=True, gc=False, tag=54):
    """The call is charged to that account code from now on (CST-3). `by` is who keyed it, as `device:anna-desk`, or
    `call:` and the id of the call out of which a leg has brought it (CST-6)."""

    account: str
    by: str


class BillableSet(Event, frozen=True, array_like=True, gc=False, tag=55):
    """From now on the talk of line `user` is billable, or not any more (BIL-1). `by` is who said so, as
    `device:anna-desk` or `operator:root`, or `call:` and the id of the call in which it was when the leg came here."""

    user: str
    on: bool
    by: str


class LegCharged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=53):
    """The carrier has told what leg `leg` of the call cost, in micro-units of `currency`, and for how many charge units
    (0: it did not say). `by`: header or aoc (3GPP TS 24.647). Mostly after the call's end; the last word holds."""

    call: str
    leg: int
    cost: int
    currency: str
    units: int
    by: str
    at: datetime.datetime


class InteractionNoted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=56):
    """What `by` noted on the talk of line `user` in the call: a client code (one of the account codes), a note, a
    contact. None: as before. `id` is this event's own."""

    id: str
    call: str
    user: str
    by: str
    at: datetime.datetime
    code: str | None = None
    note: str | None = None
    contact: str | None = None


class BillableEdited(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=57):
    """`by` has corrected what is billable of the talk of line `user` in an ended call: `seconds`, or what stands in an
    `InteractionNoted`. None: as before."""

    id: str
    call: str
    user: str
    by: str
    at: datetime.datetime
    seconds: float | None = None
    code: str | None = None
    note: str | None = None
    contact: str | None = None


class QuotaReached(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=24):
    """What a line (empty: all together) has called outside came to `percent` (80 or 100) of a quota: `what` is a field
    of `dialplan.lines.Quotas`; cost is in millionths of the rates' currency. Once for each window."""

    line: str
    what: str
    percent: int
    used: float
    limit: float
    at: datetime.datetime


class QuotaReset(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=25):
    """An operator (`by`) has taken back what a line, or all together, called outside until `at`."""

    line: str
    by: str
    at: datetime.datetime
