"""A small company as a model, for tests of what happens when somebody is called. Who it is about is called anna."""

from __future__ import annotations

import datetime
from typing import Any

from msgspec.structs import replace

from dialplan.destinations import Destination, To, ring_group, user
from dialplan.facts import NO_FACTS, Facts
from dialplan.groups import Attendant, Mailbox, Queue, RingGroup
from dialplan.hours import CLOSED, Hours
from dialplan.lines import Line, Outside, Permission, Profile
from dialplan.model import Device, Emergency, EmergencyPlace, Model, TrunkRule
from dialplan.plan import CallRequest, LineTarget, Plan, Ring, Step
from dialplan.planner import plan

US = Profile("US", "669")
AT = datetime.datetime(2026, 3, 2, 9, 30, tzinfo=datetime.UTC)  # a Monday
VOICEMAIL = Destination(To.VOICEMAIL)
ATTENDANT = Destination(To.ATTENDANT, "main")
ABROAD = Destination(To.EXTERNAL, "+442079460000")
OUTSIDE = Destination(To.EXTERNAL, "+16695550177")
CALLER = "+16695550142"
BY_DAY = Hours(id="day", week=(((480, 1020),),) * 5 + (CLOSED, CLOSED))
BY_NIGHT = Hours(id="night", week=(((0, 480), (1020, 1440)),) * 7)


def line(name: str, mailbox: bool = True, **settings: Any) -> Line:
    """A user with voicemail, who may call within the country."""
    values: dict[str, Any] = {
        "outside": Outside(permission=Permission.DOMESTIC),
        "caller_id": f"+1669555{1000 + sum(name.encode()) % 1000}",
        "name": name.title(),
    }
    return Line(id=name, profile=US, mailbox=name if mailbox else "", **(values | settings))


def company(*lines: Line, groups: tuple[RingGroup, ...] = (), **settings: Any) -> Model:
    """Those lines, and others without any rule for each name that they mention; each has a telephone of its own."""
    known = {each.id: each for each in lines}
    for name in ("anna", "ben", "carl", "dora", "eve", "stranger"):
        known.setdefault(name, line(name))
    serves: dict[str, tuple[str, ...]] = {}
    for each in known.values():
        for delegate in each.delegates:
            serves[delegate.line] = (*serves.get(delegate.line, ()), each.id)
    values: dict[str, Any] = {
        "extensions": {name: user(name) for name in known} | {f"*{each.id}": ring_group(each.id) for each in groups},
        "attendants": {"main": Attendant(id="main")},
        "queues": {"support": Queue(id="support")},
        "mailboxes": {"desk": Mailbox(id="desk")},
        "hours": {"day": BY_DAY, "night": BY_NIGHT},
        "dids": {"+16695550101": user("anna")},
    }
    return Model(
        profile=US,
        lines=known,
        devices={name: Device(id=name, lines=(name, *serves.get(name, ())), country="US") for name in known},
        ring_groups={each.id: each for each in groups},
        serves=serves,
        trunks={"carrier": TrunkRule(id="carrier", profile=US, extensions=True)},
        default_trunk="carrier",
        emergency=Emergency(elsewhere=EmergencyPlace(numbers=frozenset({"911"}), main="911")),
        **(values | settings),
    )


def from_inside(
    model: Model, to: str | Destination, facts: Facts = NO_FACTS, by: str = "stranger", **more: Any
) -> Plan:
    """The plan of a call from a colleague."""
    request = CallRequest(digits="1", at=AT, device=by, to=destination(to))
    return plan(model, replace(request, **more), facts)


def from_outside(
    model: Model, to: str | Destination, facts: Facts = NO_FACTS, number: str = CALLER, **more: Any
) -> Plan:
    """The plan of a call from the carrier."""
    request = CallRequest(digits="1", at=AT, trunk="carrier", caller_number=number, to=destination(to))
    return plan(model, replace(request, **more), facts)


def destination(name: str | Destination) -> Destination:
    if isinstance(name, Destination):
        return name
    return ring_group(name[1:]) if name.startswith("*") else user(name)


def rung(made: Plan, step: str | None = None) -> list[list[str]]:
    """Who rings in the stages of a step, by default the first; a line that is skipped stands in brackets."""
    ring = made.step(step or made.entry)
    assert isinstance(ring, Ring), ring
    return [[_shown(each) for each in stage.branches] for stage in ring.stages]


def _shown(branch: object) -> str:
    target = branch.target  # type: ignore[attr-defined]
    assert isinstance(target, LineTarget)
    return f"({target.line})" if branch.skip is not None else target.line  # type: ignore[attr-defined]


def entry(made: Plan) -> Step:
    return made.step(made.entry)


def said(made: Plan, rule: str) -> list[str]:
    """The verdicts of a rule."""
    return [verdict for name, verdict in made.because if name == rule]
