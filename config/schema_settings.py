"""The settings that account, sites, groups, users and lines share (PRO-3).

The nearest level counts, key by key (`forward: busy` of the user, `forward: no_answer` of the site), unless a level
above lists the key under `locked`. The defaults stand here, once, and are those against toll fraud: at home only, and
no more than an office telephones. `config/inherit.py` puts the levels together.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.schema_mailbox import MailboxKeys
from config.section import Section
from config.times import TimeZone
from config.types import AreaCode, Boolean, Country, File, OneOrMore, choice, duration
from config.words import (
    CallerId,
    DestinationWord,
    Money,
    NameOrNone,
    PermissionWord,
    Prefix,
    at_most,
    limit,
    whole_seconds,
)
from dialplan.lines import Permission

Directions = Annotated[list[Annotated[str, choice("inbound", "outbound", "internal")]], OneOrMore()]
Countries = Annotated[list[Country], OneOrMore()]
Prefixes = Annotated[list[Prefix], OneOrMore()]


class Forward(Section):
    """Where a call goes that is not taken. Each is a destination, or `none` to undo what a level above says."""

    always: DestinationWord | None = Field(default=None, description="every call, without ringing here")
    busy: DestinationWord | None = Field(default=None, description="when busy; else the caller hears busy")
    no_answer: DestinationWord | None = Field(default=None, description="when nobody answers for `after`")
    outage: DestinationWord | None = Field(default=None, description="when no telephone can be reached, at once")
    after: Annotated[float, whole_seconds(10, 60)] = Field(
        default=15.0, description="how long it rings before `no_answer`: 10s to 60s, whole seconds"
    )


class Record(Section):
    """Recording. Who is told, is told before it begins."""

    automatic: Directions = Field(
        default_factory=list, description="calls recorded from the answer on: inbound, outbound, internal; [] for none"
    )
    on_demand: Boolean = Field(default=False, description="whether recording may be switched on in a call")
    announce: Annotated[str, choice("none", "caller", "callee", "all")] = Field(
        default="none", description="who is told that the call is recorded; the law may want `all`"
    )


class QuotaKeys(Section):
    """The most that may go outside; a call beyond it is refused, and there is an alarm. Never for emergency calls."""

    calls: Annotated[int, at_most(100000)] = Field(default=5, description="external calls at a time, or `none`")
    minutes_hour: Annotated[int, at_most(10_000_000)] = Field(default=240, description="minutes within an hour")
    minutes_day: Annotated[int, at_most(10_000_000)] = Field(default=720, description="minutes within a day")
    cost_hour: Money = Field(default=20_000_000, description="cost within an hour, where rates are known")
    cost_day: Money = Field(default=50_000_000, description="cost within a day, where rates are known")


class Quotas(QuotaKeys):
    """The most that a line may call outside; a call beyond it is refused, and there is an alarm. A stolen password is
    good for hundreds of calls at once to numbers that pay: these figures are beyond what a person telephones, and
    bound the bill of one night. Emergency calls are never counted nor refused. `none`: no limit."""


class Settings(Section):
    """What may stand at every level: `account`, each of `sites`, `groups`, `users` and `lines`."""

    permission: PermissionWord = Field(
        default=Permission.DOMESTIC,
        description="who may be called outside: emergency, domestic or international; domestic keeps toll fraud small",
    )
    allow: Prefixes = Field(
        default_factory=list,
        description="prefixes of premium and high-risk numbers that may be called all the same, such as +1900",
    )
    domestic_regions: Countries = Field(
        default_factory=list, description="countries and territories that count as domestic, too, such as CA or PR"
    )
    quotas: Quotas = Field(default_factory=Quotas, description="the most that may be called outside")
    hours: NameOrNone = Field(default="", description="business hours, by name; none: always open")
    closed: DestinationWord | None = Field(default=None, description="where calls go outside of `hours`")
    forward: Forward = Field(default_factory=Forward, description="where calls go that are not taken")
    voicemail: Boolean = Field(default=False, description="whether there is a mailbox")
    mailbox: MailboxKeys = Field(default_factory=MailboxKeys, description="how the mailbox works")
    call_waiting: Boolean = Field(default=True, description="whether a second call rings during a call")
    calls: Annotated[int, at_most(1000)] = Field(default=0, description="calls at a time; `none`: any number")
    ring: Annotated[float, duration(5, 300)] = Field(
        default=30.0, description="how long it rings where there is no `forward: no_answer`"
    )
    caller_id: CallerId = Field(
        default="",
        description="the number that those outside see, one of `dids`; else one's only DID; `none`: the trunk's",
    )
    hide_caller_id: Boolean = Field(default=False, description="whether those outside see no number")
    account_code: Boolean = Field(default=False, description="whether calls outside need an account code")
    billable: Boolean = Field(
        default=True, description="whether calls may be marked as billable, and client codes and notes be kept of them"
    )
    call_limit: Annotated[float, limit(1, 86400)] = Field(
        default=0.0, description="how long a call outside may last, such as 2h; `none`: as long as one likes"
    )
    record: Record = Field(default_factory=Record, description="recording of calls")
    hold_music: File | None = Field(
        default=None, description="the file that callers hear on hold; `default`: the exchange's own"
    )
    busy_lamp: Annotated[str, choice("everybody", "delegates", "nobody")] = Field(
        default="everybody", description="who sees by a lamp that the line is busy, besides its own telephones"
    )
    listed: Boolean = Field(default=True, description="whether callers find the name in the directory")


class Placed(Settings):
    """The same with the place: what stands at the top of the configuration for the account."""

    country: Country | None = Field(default=None, description="where it is: whose numbers are dialled; else `country`")
    area_code: AreaCode | None = Field(
        default=None, description="the area code of numbers dialled without one; else `area_code`, within one country"
    )
    time_zone: TimeZone | None = Field(
        default=None, description="the IANA name of a place, such as Europe/Paris; else `time_zone`"
    )
