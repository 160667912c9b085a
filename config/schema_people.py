"""What may stand under `account`, `sites`, `groups`, `users`, `lines` and `devices`: who is there, and where."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from config.schema_emergency import Email, SiteEmergency
from config.schema_settings import Placed, QuotaKeys, Settings
from config.section import Section
from config.types import (
    Boolean,
    Country,
    Extension,
    Identifier,
    OneOrMore,
    SecretText,
    Text,
    choice,
    integer,
)
from config.words import Contact, DestinationWord, Money, NameOrNone, Range, at_most, whole_seconds

Lines = Annotated[list[Identifier], OneOrMore()]
MOST_DELEGATES = 15


def setting_keys() -> tuple[str, ...]:
    """Every key that can be set at several levels, with a dot before the part of a section; a section's own name
    stands for all its parts."""
    names: list[str] = []
    for name, field in Placed.model_fields.items():
        names.append(name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            names += [f"{name}.{part}" for part in kind.model_fields]
    return tuple(names)


Locked = Annotated[list[Annotated[str, choice(*setting_keys())]], OneOrMore()]
_LOCKED = "settings that nobody below may change: keys such as `permission`, `record`, `record.announce`"


class TotalQuotas(QuotaKeys):
    """The most that all lines together may call outside. The defaults grow with the company: they are for each hundred
    lines begun, so that a small company is not ruined in a night and a large one is not stopped at noon."""

    calls: Annotated[int, at_most(100000)] = Field(default=50, description="external calls at a time, or `none`")
    minutes_hour: Annotated[int, at_most(10_000_000)] = Field(default=1500, description="minutes within an hour")
    minutes_day: Annotated[int, at_most(10_000_000)] = Field(default=6000, description="minutes within a day")
    cost_hour: Money = Field(default=100_000_000, description="cost within an hour, where rates are known")
    cost_day: Money = Field(default=500_000_000, description="cost within a day, where rates are known")


class Account(Settings):
    """Settings of everybody. Its country, area code and time zone stand at the top."""

    total_quotas: TotalQuotas = Field(
        default_factory=TotalQuotas, description="the most that all lines together may call outside"
    )
    most_delegates: Annotated[int, integer(1, 100)] = Field(
        default=MOST_DELEGATES, description="how many delegates somebody may have"
    )
    most_delegators: Annotated[int, integer(1, 100)] = Field(
        default=MOST_DELEGATES, description="for how many people somebody may be a delegate"
    )
    locked: Locked = Field(default_factory=list, description=_LOCKED)


class Site(Placed):
    """A place of the company."""

    name: Text = Field(default="", description="for people")
    extensions: Range | None = Field(
        default=None, description="the internal numbers of this place, such as 200-299; others are warned of"
    )
    operator: DestinationWord | None = Field(default=None, description="who answers `0`")
    address: Identifier | None = Field(default=None, description="one of `addresses`: where help is to go (EMG-2)")
    emergency: SiteEmergency = Field(
        default_factory=SiteEmergency, description="emergency calls made here, besides what `emergency` says"
    )
    locked: Locked = Field(default_factory=list, description=_LOCKED)


class Group(Placed):
    """People with settings of their own. What rings together is under `ring_groups`."""

    name: Text = Field(default="", description="for people")
    site: Identifier | None = Field(default=None, description="the place of all who name none")
    locked: Locked = Field(default_factory=list, description=_LOCKED)


class Delegate(Section):
    """Somebody who handles calls for the user (DEL-1). The name alone will do, for the usual privileges."""

    shorthand: ClassVar[str] = "user"

    user: Identifier = Field(description="a user, or a line")
    privileges: Annotated[list[Annotated[str, choice("place", "answer", "pickup", "monitor")]], OneOrMore()] = Field(
        default=["place", "answer", "pickup"],
        description="what for: place calls, answer, pickup of what is on hold, monitor",
    )
    hours: NameOrNone = Field(default="", description="when; else always")
    pending: Boolean = Field(default=False, description="not accepted yet: nothing is delegated")


class Vip(Section):
    """Who gets through, and what happens to all others (VIP-1 to VIP-10)."""

    contacts: Annotated[list[Contact], OneOrMore()] = Field(
        default_factory=list, description="who gets through: numbers such as +12125550100, users and lines"
    )
    unanswered: Annotated[str, choice("delegates", "stop")] = Field(
        default="delegates", description="when a VIP is not answered: on to the `delegates`, or `stop`"
    )
    others: Annotated[str, choice("all", "delegates_first", "me_first", "delegates_only", "me_only", "voicemail")] = (
        Field(
            default="all",
            description="everybody else: all (I and my delegates), delegates_first, me_first, delegates_only, me_only, "
            "voicemail",
        )
    )
    stage: Annotated[float, whole_seconds(10, 60)] = Field(
        default=20.0, description="how long each stage rings: 10s to 60s, whole seconds"
    )
    attestation: Boolean = Field(
        default=False, description="whether a number from outside counts only when its carrier vouches for it (A)"
    )
    delegates_are_vip: Boolean = Field(default=False, description="whether delegates get through, too")
    after_hours: Boolean = Field(default=False, description="whether VIPs ring outside of `hours`, too")


class User(Placed):
    """Somebody. The user's line has the same name."""

    name: Text = Field(default="", description="shown to those who are called")
    extension: Extension = Field(description="the internal number")
    group: Identifier | None = Field(default=None, description="whose settings hold, too")
    site: Identifier | None = Field(default=None, description="where; else the group's")
    delegates: list[Delegate] = Field(
        default_factory=list, description="who handles calls for this user, in the order in which they ring"
    )
    vip: Vip | None = Field(default=None, description="who gets through, and what happens to all others")
    email: Email | None = Field(default=None, description="the e-mail address")
    address: Identifier | None = Field(
        default=None, description="one of `addresses`: where help is to go; else as the site (EMG-1)"
    )
    licence: Identifier | None = Field(default=None, description="one of `licences`")
    set_up: Boolean = Field(
        default=True,
        description="false: country, time zone and PIN are not given yet; internal and emergency calls only",
    )


class Line(Placed):
    """What is called without being anybody's: a common-area telephone. It may be on several telephones."""

    extension: Extension | None = Field(default=None, description="its internal number")
    name: Text = Field(default="", description="shown to those who are called")
    site: Identifier | None = Field(default=None, description="where it is")


class Device(Section):
    """A telephone: who it is (a digest user name and a secret) and which lines it carries, the default one first."""

    name: Text = Field(default="", description="for people")
    username: Identifier | None = Field(
        default=None, description="digest user name; the device's own name when left out"
    )
    secret: SecretText = Field(description="its password: the text itself, env:NAME or file:PATH")
    lines: Lines = Field(description="the users and lines that it rings for and may call on")
    message_lamp: Annotated[str, choice("subscribed", "unasked")] = Field(
        default="subscribed", description="`unasked`: it is told of its messages although it does not subscribe to that"
    )
    srtp: Annotated[str, choice("answered", "offered", "required")] = Field(
        default="answered",
        description="SRTP with keys in the description: `answered` where the telephone offers it, `offered` besides "
        "when it is called, or `required` then",
    )
    country: Country | None = Field(
        default=None, description="where it stands, for emergency numbers; else as its `site`"
    )
    site: Identifier | None = Field(default=None, description="where it stands; else as its first line")
    address: Identifier | None = Field(
        default=None, description="one of `addresses`: where help is to go; else the user's, or the site's (EMG-4)"
    )


Licences = dict[Identifier, Annotated[int, integer(0, 1000000)]]
