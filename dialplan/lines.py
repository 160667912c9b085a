"""Who is called and who calls: a line with all that holds for its owner, as the compiled model has it.

Every value here is effective: what the account, the site, the group and the user say has been put together by `config`
(PRO-3), so that the planner reads one place. A line of a user has the user's name; a line without a user is a
common-area telephone.
"""

from __future__ import annotations

import enum

import msgspec

from dialplan.destinations import Destination
from dialplan.facts import Condition


class Profile(msgspec.Struct, frozen=True, gc=False):
    """Where a line dials from (NUM-1): an ISO 3166 country and an area code without its trunk prefix ("" for none)."""

    country: str
    area_code: str = ""


class Permission(enum.StrEnum):
    """Who may be called outside (OUT-2), the strictest first. Internal and emergency calls are always allowed."""

    EMERGENCY = "emergency"
    DOMESTIC = "domestic"
    INTERNATIONAL = "international"


class Quotas(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Against toll fraud: the most external calls at a time, and minutes and cost within an hour and a day. 0: no
    limit. Cost is in millionths of the currency of the rates."""

    calls: int = 0
    minutes_hour: int = 0
    minutes_day: int = 0
    cost_hour: int = 0
    cost_day: int = 0


class Outside(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a line may do outside. `allow`: prefixes in E.164 of premium or high-risk numbers that may be called
    nevertheless. `domestic_regions` count as domestic besides the line's own country (K.7)."""

    permission: Permission = Permission.DOMESTIC
    allow: tuple[str, ...] = ()
    domestic_regions: frozenset[str] = frozenset()
    quotas: Quotas = Quotas()
    hide_caller_id: bool = False
    account_code: bool = False
    """Whether an external call needs an account code (CST-5)."""


class Forwards(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a call goes that the line does not take (FWD-1, FWD-2). `after_s` is FWD-3's delay, 10 to 60 seconds; it
    counts only where there is a rule for no answer. `always` sends every call on without ringing. `locked` are the
    conditions that users cannot change for themselves, and `after_locked` means the delay (PRO-3)."""

    busy: Destination | None = None
    no_answer: Destination | None = None
    outage: Destination | None = None
    always: Destination | None = None
    after_s: float = 15.0
    locked: frozenset[Condition] = frozenset()
    after_locked: bool = False


class Announce(enum.StrEnum):
    """Who is told that the call is recorded (REC-2, REC-4)."""

    NONE = "none"
    CALLER = "caller"
    CALLEE = "callee"
    ALL = "all"


class Policy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What holds while a call is up, by the set whose rules apply (LIM-10, REC-1, MOH-1). `owner` is its line.

    `limit_s` 0: as long as one likes. `record` are the directions that are recorded by themselves: "inbound",
    "outbound", "internal". `on_demand`: whether recording may be switched on during a call. `hold_music` names a file;
    empty: the exchange's own.
    """

    owner: str = ""
    limit_s: float = 0.0
    record: frozenset[str] = frozenset()
    on_demand: bool = False
    announce: Announce = Announce.NONE
    hold_music: str = ""


class Delegate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Somebody who handles calls for the line (DEL-1, DEL-9). `line` is the delegate's own. `hours`: when; empty:
    always. One who has not accepted yet is `pending` and does nothing."""

    line: str
    place: bool = True
    answer: bool = True
    pickup: bool = True
    monitor: bool = False
    hours: str = ""
    pending: bool = False


class Others(enum.StrEnum):
    """What happens to callers that are no VIPs (VIP-4a to VIP-4f)."""

    ALL = "all"
    DELEGATES_FIRST = "delegates_first"
    ME_FIRST = "me_first"
    DELEGATES_ONLY = "delegates_only"
    ME_ONLY = "me_only"
    VOICEMAIL = "voicemail"


class Vip(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whom a user lets through (VIP-1 to VIP-10). `contacts` are numbers in E.164, and names of lines in the house.

    `then_delegates`: whether a VIP's unanswered call goes on to the delegates (VIP-3). `stage_s`: how long a stage
    rings, 10 to 60 seconds. `attested`: a caller from outside counts as VIP only with attestation A. `after_hours`:
    VIPs ring outside business hours, too (XRL-3).
    """

    contacts: frozenset[str] = frozenset()
    then_delegates: bool = True
    others: Others = Others.ALL
    stage_s: float = 20.0
    attested: bool = False
    delegates_are_vip: bool = False
    after_hours: bool = False


class BusyLamp(enum.StrEnum):
    """Who sees that a line is busy, besides its own telephones (IDN-2)."""

    EVERYBODY = "everybody"
    DELEGATES = "delegates"
    NOBODY = "nobody"


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An AOR: what people ring. `id` is the user part of its address; `extension` may be empty; `ring_s` in seconds,
    without a rule for no answer (K.9).

    `caller_id` is the number that those outside see (CID-1); empty: the trunk's. `hours` names business hours, empty:
    always open; `closed` is where calls go outside of them. `mailbox` is empty where voicemail is not enabled. `calls`
    is how many the line takes at a time; where `call_waiting` is off, one. `set_up` is False for a user who has not
    given country, zone and PIN (PRO-1). `listed`: found when callers dial by name (DIR-1). `billable`: whether the user
    may mark the own talk as billable (BIL-8).
    """

    id: str
    extension: str = ""
    name: str = ""
    ring_s: float = 30.0
    profile: Profile
    caller_id: str = ""
    site: str = ""
    group: str = ""
    common: bool = False
    time_zone: str = "UTC"
    hours: str = ""
    closed: Destination | None = None
    forwards: Forwards = Forwards()
    mailbox: str = ""
    call_waiting: bool = True
    calls: int = 0
    delegates: tuple[Delegate, ...] = ()
    vip: Vip | None = None
    outside: Outside = Outside()
    policy: Policy = Policy()
    set_up: bool = True
    listed: bool = True
    busy_lamp: BusyLamp = BusyLamp.EVERYBODY
    billable: bool = True
