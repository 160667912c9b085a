"""The plan says what is called (`Plan.entity`), whatever becomes of the call: what records and reports count by
(RRP-22)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from dialplan.destinations import Destination, To, ring_group, user
from dialplan.facts import Facts, Helped
from dialplan.groups import Member, ParkLot, RingGroup
from dialplan.hours import CLOSED, Hours
from dialplan.lines import Forwards
from dialplan.model import Service, Site
from dialplan.plan import CallRequest, Plan
from dialplan.planner import plan
from tests.support.company import ABROAD, AT, ATTENDANT, company, from_inside, from_outside, line

ALWAYS = line("anna", forwards=Forwards(always=user("ben")), site="north")
NEVER = Hours(id="never", week=(CLOSED,) * 7)
MODEL = company(
    ALWAYS,
    line("stranger", site="north"),
    groups=(RingGroup(id="front", members=(Member(line="ben"),)),),
    extensions={"201": user("anna"), "300": ring_group("front")},
    services={"600": Service(number="600", source="echo"), "601": Service(number="601", source="file:hours.wav")},
    park_lots={"desk": ParkLot(id="desk", name="Desk", first="701", last="705")},
    features={"*4": "park", "*11": "account_code", "*67": "hide_caller_id"},
    sites={"north": Site(id="north", operator=ATTENDANT)},
)
MODEL = replace(MODEL, dids={**MODEL.dids, "+16695550102": ABROAD})


def dialled(digits: str, **more: object) -> Plan:
    return plan(MODEL, replace(CallRequest(digits=digits, at=AT, device="stranger"), **more))


@pytest.mark.parametrize(
    ("digits", "entity"),
    [
        ("201", "user:anna"),  # though every call goes on to ben
        ("300", "ring_group:front"),
        ("600", "service:600"),
        ("601", "service:601"),
        ("701", "park:desk"),
        ("*4", "feature:park"),
        ("*11", "feature:account_code"),
        ("0", "attendant:main"),
        ("6695550142", "external"),
        ("+442079460000", "external"),  # which stranger may not call
        ("*676695550142", "external"),
        ("+16695550101", "user:anna"),
        ("911", "emergency"),
        ("nobody", ""),
        ("*99", ""),
    ],
)
def test_what_a_telephone_calls_is_named(digits: str, entity: str) -> None:
    assert dialled(digits).entity == entity


def test_a_call_from_outside_is_for_what_is_behind_the_number() -> None:
    request = CallRequest(digits="+16695550101", at=AT, trunk="carrier")
    assert plan(MODEL, request).entity == "user:anna"
    assert plan(MODEL, replace(request, digits="+16695550102")).entity == str(ABROAD)
    assert plan(MODEL, replace(request, digits="600")).entity == "service:600"
    assert plan(MODEL, replace(request, digits="+16695550109")).entity == ""


def test_help_that_calls_back_is_for_the_line_that_called_it() -> None:
    facts = Facts(shown={"+16695550101": Helped("ben", AT)})
    request = CallRequest(digits="+16695550101", at=AT, trunk="carrier")
    assert plan(MODEL, request, facts).entity == "user:ben"


@pytest.mark.parametrize("to", [user("anna"), ATTENDANT, Destination(To.VOICEMAIL, "desk"), user("nobody")])
def test_a_call_under_way_is_for_where_it_goes_to(to: Destination) -> None:
    assert from_inside(MODEL, to).entity == str(to)
    assert from_outside(MODEL, to).entity == str(to)


def test_what_is_closed_was_called_all_the_same() -> None:
    closed = company(line("anna", hours="never", closed=ATTENDANT), hours={"never": NEVER})
    assert from_outside(closed, "anna").entity == "user:anna"


def test_a_transfer_to_a_slot_goes_there() -> None:
    assert dialled("702", transferor="anna").entity == "park:desk"
