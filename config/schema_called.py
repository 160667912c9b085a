"""What is called besides people: ring groups, attendants, queues, mailboxes, conferences, park lots; feature codes and
account codes."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from config.schema_mailbox import MailboxKeys
from config.schema_people import Lines
from config.section import Section
from config.times import TimeZone
from config.types import Boolean, Extension, File, Identifier, OneOrMore, SecretText, Text, choice, duration, integer
from config.words import (
    AccountNumber,
    ChoiceKey,
    DestinationWord,
    DirectoryKey,
    FeatureCode,
    NameOrNone,
    Slots,
    Spoken,
)
from dialplan.codes import CALL_KEYS, FEATURES

RingTime = Annotated[float, duration(5, 300)]
CallKeys = dict[FeatureCode, Annotated[str, choice(*CALL_KEYS)]]
Features = dict[FeatureCode, Annotated[str, choice(*FEATURES)]]
Dids = Annotated[list[DestinationWord], OneOrMore()]


class RingList(Section):
    """An internal number that rings several lines at once: a ring group without a name."""

    name: Text = Field(default="", description="for people")
    lines: Lines = Field(min_length=1, description="the users and lines that ring")
    ring: RingTime | None = Field(default=None, description="how long; else every line's own time")


class Called(Section):
    """What is open at times only."""

    name: Text = Field(default="", description="for people")
    extension: Extension | None = Field(default=None, description="its internal number")
    site: Identifier | None = Field(default=None, description="whose time zone its hours are read in")
    time_zone: TimeZone | None = Field(default=None, description="else that of its `site`, else `time_zone`")
    hours: NameOrNone = Field(default="", description="business hours, by name; else always open")
    closed: DestinationWord | None = Field(default=None, description="where calls go outside of `hours`")


class Member(Section):
    """Somebody in a ring group. The name alone will do."""

    shorthand: ClassVar[str] = "user"

    user: Identifier = Field(description="a user, or a line")
    delay: Annotated[float, duration(0, 300)] = Field(default=0.0, description="how much later than the group it rings")
    ring: RingTime | None = Field(default=None, description="how long; else as the group, or its own time")
    weight: Annotated[int, integer(1, 1000)] = Field(default=1, description="with `random`: how often it is the first")


class RingGroup(Called):
    """Lines that ring together, or one after the other."""

    strategy: Annotated[str, choice("all", "order", "rotating", "longest_idle", "random")] = Field(
        default="all",
        description="all at once; in order; rotating (each call begins with the next one); longest_idle first; random "
        "by weights",
    )
    members: Annotated[list[Member], OneOrMore()] = Field(min_length=1, description="who rings")
    ring: RingTime | None = Field(default=None, description="how long in all; else as its members do")
    turn: RingTime = Field(default=15.0, description="how long each one's turn is, in every strategy but `all`")
    skip_busy: Boolean = Field(default=False, description="whether members in a call are passed over")
    external: Boolean = Field(default=False, description="whether a member's forward to a number outside is followed")
    otherwise: DestinationWord | None = Field(default=None, description="where calls go that nobody answers")


class Attendant(Called):
    """An auto attendant: a menu."""

    greeting: File | None = Field(default=None, description="the file that is played")
    say: Spoken | None = Field(
        default=None,
        description="what is said in its place, as text; needs espeak-ng. Without either the choices are read out",
    )
    choices: dict[ChoiceKey, DestinationWord] = Field(
        default_factory=dict,
        description="where each key leads; also `timeout` and `invalid`, when it was asked `tries` times in vain",
    )
    timeout: Annotated[float, duration(1, 60)] = Field(
        default=5.0, description="how long a key is waited for when all is said"
    )
    tries: Annotated[int, integer(1, 10)] = Field(default=3, description="how often it asks in all")
    dial_extension: Boolean = Field(
        default=False, description="whether callers may dial the internal number of whom they want"
    )
    directory: DirectoryKey | None = Field(
        default=None, description="the key for dialling by name; it finds those who are `listed`"
    )


class Queue(Called):
    """A call queue."""

    members: Lines = Field(default_factory=list, description="who answers")
    overflow: DestinationWord | None = Field(default=None, description="where calls go that cannot wait")


class Mailbox(MailboxKeys):
    """A mailbox that is nobody's own. Users have theirs by `voicemail: true`. What is not said here is as `account` has
    it under `mailbox`."""

    name: Text = Field(default="", description="for people")
    extension: Extension | None = Field(default=None, description="the internal number that leads there")
    members: Lines = Field(
        default_factory=list, description="users and lines who fetch its messages with their own PINs, and see its lamp"
    )


class Conference(Section):
    """A room to meet in by telephone."""

    name: Text = Field(default="", description="for people")
    extension: Extension | None = Field(default=None, description="its internal number")
    pin: SecretText | None = Field(
        default=None, description="3 to 12 digits that members are asked for: the text itself, env:NAME or file:PATH"
    )
    chair_pin: SecretText | None = Field(
        default=None, description="likewise; who gives these instead is a chair, who can mute all and lock the room"
    )
    announce: Annotated[str, choice("none", "tone", "name")] = Field(
        default="tone", description="how the others hear that somebody comes or goes"
    )
    muted: Boolean = Field(default=False, description="whether members enter muted; chairs never do")
    most: Annotated[int, integer(2, 500)] = Field(default=50, description="how many may be in it at once")
    chair_leaves: Annotated[str, choice("end", "stay")] = Field(
        default="stay", description="end: when the last chair leaves, everybody does"
    )


class ParkLot(Section):
    """Where calls are parked: who dials a slot's number gets the call."""

    name: Text = Field(default="", description="for people")
    extension: Extension | None = Field(default=None, description="calls transferred to it are parked")
    slots: Slots = Field(description="the numbers of its slots, such as 701-709")
    timeout: Annotated[float, duration(10, 3600)] = Field(
        default=120.0, description="how long a call stays before it rings at the telephone again that has parked it"
    )
    fallback: DestinationWord | None = Field(
        default=None, description="where it rings next when nobody answers there; else it is parked once more"
    )
    music: File | None = Field(
        default=None, description="what the parked hear; else the hold music of whoever has parked them"
    )
    retrieve: Annotated[list[Identifier], OneOrMore()] = Field(
        default_factory=list, description="the groups whose users may take calls out of it; left out: everybody here"
    )


class AccountCode(Section):
    """A customer who is charged."""

    name: Text = Field(default="", description="for people")
    password: SecretText | None = Field(
        default=None, description="asked for with the code: the text itself, env:NAME or file:PATH"
    )


AccountCodes = dict[AccountNumber, AccountCode]
