"""Service numbers outside (K.5): domestic, unless the rates say premium; also as the target of a forward (OUT-5)."""

from __future__ import annotations

import datetime

import msgspec
import pytest

from dialplan.destinations import Destination, To, user
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.lines import Line, Outside, Permission, Profile
from dialplan.model import Device, Emergency, Model, TrunkRule
from dialplan.plan import CallRequest, Plan, Reject, Trunk
from dialplan.planner import plan
from dialplan.prefixes import pack
from dialplan.rates import RateDeck, RateTable

AT = datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC)
ROWS = {"118": [(5, 0, 1, 1, 0, 0, 2)], "118712": [(9, 0, 1, 1, 1, 0, 3)], "+33": [(1, 0, 1, 1, 2, 0, 4)]}
DECK = RateDeck("seine.csv", "EUR", pack(ROWS, 6), ("Directory", "Directory, Premium rate", "France premium"))


def house(rates: RateTable = RateTable({"seine": DECK}), **outside: object) -> Model:
    """Alain calls, Benoît forwards; both in France."""
    settings = Outside(**outside)  # type: ignore[arg-type]
    lines = {
        name: Line(id=name, extension=number, profile=Profile("FR"), outside=settings)
        for name, number in (("alain", "201"), ("benoit", "202"))
    }
    return Model(
        profile=Profile("FR"),
        lines=lines,
        devices={"desk": Device(id="desk", lines=("alain",), country="FR")},
        extensions={"202": user("benoit")},
        trunks={"seine": TrunkRule(id="seine", profile=Profile("FR"))},
        default_trunk="seine",
        emergency=Emergency(),
        rates=rates,
    )


def call(model: Model, digits: str, facts: Facts = Facts()) -> Plan:
    return plan(model, CallRequest(digits=digits, at=AT, device="desk"), facts)


def said(made: Plan) -> str:
    step = made.step(made.entry)
    return step.text if isinstance(step, Reject) else type(step).__name__


@pytest.mark.parametrize(
    ("digits", "outside", "expected"),
    [
        ("118712", {}, "Number Denied"),
        ("118712", {"permission": Permission.INTERNATIONAL}, "Number Denied"),
        ("118218", {}, "Trunk"),
        ("118712", {"allow": ("+33118712",)}, "Trunk"),
        ("118712", {"allow": ("+33118",)}, "Trunk"),
        ("118712", {"allow": ("+33",)}, "Number Denied"),
        ("118712", {"allow": ("+33118218",)}, "Number Denied"),
        ("118712", {"permission": Permission.EMERGENCY, "allow": ("+33118",)}, "Emergency Calls Only"),
        ("0123456789", {}, "Trunk"),
    ],
)
def test_the_rates_say_which_service_number_is_premium(digits: str, outside: dict[str, object], expected: str) -> None:
    made = call(house(**outside), digits)
    assert said(made) == expected
    if expected == "Number Denied":
        why = "118712 is denied until it is named: 118712 Directory, Premium rate"
        assert made.because[-1] == ("user:alain.allow", why)


def test_without_rates_they_are_domestic() -> None:
    assert said(call(house(RateTable()), "118712")) == "Trunk"


@pytest.mark.parametrize(
    ("number", "outside", "goes_out"),
    [
        ("118218", {}, True),
        ("118712", {}, False),
        ("118712", {"allow": ("+33118",)}, True),
        ("+33123456789", {}, True),
        ("+13125550100", {}, False),
        ("+13125550100", {"permission": Permission.INTERNATIONAL}, True),
        ("+33899123456", {"permission": Permission.INTERNATIONAL}, False),
        ("118218", {"permission": Permission.EMERGENCY}, False),
    ],
)
def test_a_forward_to_outside_is_permitted_anew(number: str, outside: dict[str, object], goes_out: bool) -> None:
    """OUT-5, FWD-11: by the rights of the one who forwards, and a service number is one there, too."""
    model = house(**outside)
    free = msgspec.structs.replace(
        model.lines["alain"], outside=Outside(permission=Permission.INTERNATIONAL, allow=("+33118", "+3389"))
    )
    model = msgspec.structs.replace(model, lines={**model.lines, "alain": free})
    forward = {Condition.ALWAYS: Destination(To.EXTERNAL, number)}
    made = call(model, "202", Facts(lines={"benoit": LineFacts(forwards=forward)}))
    out = [step for step in made.steps if isinstance(step, Trunk)]
    assert bool(out) is goes_out
    assert all(step.routes[0].number == number for step in out)
