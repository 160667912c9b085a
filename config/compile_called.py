"""From ring groups, attendants, queues and the like to the dialplan's, and where each internal number and DID leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.compile_people import destination
from config.inherit import Levels
from config.schema import Configuration
from config.schema_called import Called
from dialplan.destinations import Destination, To, ring_group
from dialplan.groups import (
    AccountCode,
    Attendant,
    Conference,
    Member,
    ParkLot,
    Queue,
    RingGroup,
    Strategy,
)

SECTIONS = {
    "users": To.USER,
    "lines": To.USER,
    "ring_groups": To.RING_GROUP,
    "attendants": To.ATTENDANT,
    "queues": To.QUEUE,
    "mailboxes": To.VOICEMAIL,
    "conferences": To.CONFERENCE,
    "park_lots": To.PARK,
}
"""What has a name and may have an internal number, and what it is as a destination."""


def numbered(settings: Configuration) -> Iterator[tuple[str, str, str]]:
    """(section, name, internal number) of all that has one, `extensions` and `services` left out."""
    for section in SECTIONS:
        for name, each in getattr(settings, section).items():
            if each.extension:
                yield section, name, each.extension


def extensions(settings: Configuration) -> dict[str, Destination]:
    """Where each internal number leads."""
    found = {number: Destination(SECTIONS[section], name) for section, name, number in numbered(settings)}
    return found | {number: ring_group(number) for number in settings.extensions}


def dids(settings: Configuration) -> dict[str, Destination]:
    """Where each outside number leads. Several lines make a group under the number itself."""
    found = {}
    for number, to in settings.dids.items():
        if to:
            found[number] = ring_group(number) if len(to) > 1 else to[0]
    return found


def ring_groups(settings: Configuration, levels: Levels) -> dict[str, RingGroup]:
    """Those with a name, and those that stand behind a number alone."""
    groups = {}
    for name, each in settings.ring_groups.items():
        members = tuple(
            Member(line=one.user, delay_s=one.delay, ring_s=one.ring or 0.0, weight=one.weight) for one in each.members
        )
        groups[name] = RingGroup(
            **_named(name, each, levels),
            strategy=Strategy(each.strategy),
            members=members,
            ring_s=each.ring or 0.0,
            turn_s=each.turn,
            skip_busy=each.skip_busy,
            external=each.external,
            otherwise=destination(each.otherwise),
        )
    for number, ring_list in settings.extensions.items():
        members = tuple(Member(line=line, ring_s=ring_list.ring or 0.0) for line in ring_list.lines)
        groups[number] = RingGroup(id=number, name=ring_list.name, extension=number, members=members)
    for number, to in settings.dids.items():
        if len(to) > 1:
            groups[number] = RingGroup(id=number, members=tuple(Member(line=one.name) for one in to))
    return groups


def _named(name: str, each: Called, levels: Levels) -> dict[str, Any]:
    zone = each.time_zone or levels.shared(each.site or "").get("time_zone") or "UTC"
    return {
        "id": name,
        "name": each.name,
        "extension": each.extension or "",
        "time_zone": zone,
        "hours": each.hours,
        "closed": destination(each.closed),
    }


def attendants(settings: Configuration, levels: Levels) -> dict[str, Attendant]:
    """The menus."""
    return {
        name: Attendant(
            **_named(name, each, levels),
            greeting=each.greeting or "",
            say=each.say or "",
            timeout_s=each.timeout,
            tries=each.tries,
            dial_extension=each.dial_extension,
            directory=each.directory or "",
            choices={key: to for key, to in each.choices.items() if destination(to) is not None},
        )
        for name, each in settings.attendants.items()
    }


def queues(settings: Configuration, levels: Levels) -> dict[str, Queue]:
    """The call queues."""
    return {
        name: Queue(**_named(name, each, levels), members=tuple(each.members), overflow=destination(each.overflow))
        for name, each in settings.queues.items()
    }


def conferences(settings: Configuration) -> dict[str, Conference]:
    """The rooms. No PIN comes along."""
    return {
        name: Conference(
            id=name,
            name=each.name,
            extension=each.extension or "",
            pin=each.pin is not None,
            chair_pin=each.chair_pin is not None,
            announce=each.announce,
            muted=each.muted,
            most=each.most,
            chair_ends=each.chair_leaves == "end",
        )
        for name, each in settings.conferences.items()
    }


def park_lots(settings: Configuration) -> dict[str, ParkLot]:
    """The park lots."""
    return {
        name: ParkLot(
            id=name,
            name=each.name,
            extension=each.extension or "",
            first=each.slots[0],
            last=each.slots[1],
            timeout_s=each.timeout,
            fallback=destination(each.fallback),
            music=each.music or "",
            retrieve=tuple(each.retrieve),
        )
        for name, each in settings.park_lots.items()
    }


def account_codes(settings: Configuration) -> dict[str, AccountCode]:
    """Who can be charged. No password comes along (CST-4)."""
    return {
        code: AccountCode(code=code, name=each.name, password=each.password is not None)
        for code, each in settings.account_codes.items()
    }
