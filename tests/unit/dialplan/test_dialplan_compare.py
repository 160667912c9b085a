"""What differs between two plans is told whole, and once where it is the same of many calls (`ringplan diff`)."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from dialplan import plan as p
from dialplan.compare import CALLED, Change, Kind, compare, describe, shape
from dialplan.destinations import user
from dialplan.hours import CLOSED, Hours
from dialplan.lines import Forwards, Outside, Permission, Policy
from dialplan.plan import Outcome
from dialplan.planner import plan
from dialplan.sample import instants, requests
from dialplan.termination import Reason
from tests.support.company import AT, ATTENDANT, VOICEMAIL, company, from_inside, line

POLICY = Policy(owner="anna", limit_s=60.0, record=frozenset(("inbound",)))
HOP = p.Hop("anna", 486, "+16695550101", "Anna")
OUT = p.TrunkTarget("carrier", "+12125550100", "+16695550101", False, (503,))
WHOLE = p.Plan(
    entry="ring",
    number="201",
    max_duration_s=7200.0,
    policy=POLICY,
    account="4711",
    address="desk",
    notify=("ben",),
    emergency=True,
    steps=(
        p.Ring(
            id="ring",
            stages=(
                p.Stage(
                    (
                        p.Branch(id="a", target=p.LineTarget("anna"), for_="ben", exits={Outcome.BUSY: "mail"}),
                        p.Branch(id="b", target=OUT, policy=POLICY, delay_s=5.0, skip=Outcome.BUSY),
                    ),
                    20.0,
                ),
                p.Stage((p.Branch(id="c", target=p.LineTarget("anna"), from_ringing=True),)),
            ),
            exits={Outcome.NO_ANSWER: "out", Outcome.BUSY: "refusal", Outcome.OUTAGE: "later", Outcome.REJECTED: "who"},
            judge="anna",
            group="desk",
            hops=(HOP,),
        ),
        p.Voicemail(id="mail", mailbox="anna", hops=(HOP,)),
        p.Trunk(
            id="out",
            routes=(p.Route("carrier", "+33155501000", "+16695550101", True, (486,), "route:x"),),
            policy=POLICY,
            hops=(HOP,),
        ),
        p.Reject(id="refusal", status=486, reason=Reason.BUSY, text="Busy", announce="busy"),
        p.Replan(id="later", request=p.CallRequest(digits="1", at=AT, hops=2), hops=(HOP,)),
        p.Collect(id="who", what="account_code", number="1", account="47"),
    ),
)
NO_DIFFERENCE = {
    "id", "entry", "because", "version", "consulted", "dialled", "entity",  # how it was come to
    "rule", "given", "number of Collect", "steps",  # each step has its own turn
    *(f"{name} of CallRequest" for name in p.CallRequest.__struct_fields__ if name not in ("digits", "to", "hops")),
}  # fmt: skip


def otherwise(value: object) -> object:
    """Another value of that type."""
    match value:
        case bool():
            return not value
        case enum.Enum():
            return next(each for each in type(value) if each is not value)
        case str():
            return value + "x"
        case int() | float():
            return value + 1
        case frozenset():
            return value | {"outbound"}
        case tuple():
            return value[:-1] if value else ("x",)
        case dict():
            return dict(list(value.items())[1:]) if value else {Outcome.BUSY: "mail"}
        case datetime.datetime():
            return value + datetime.timedelta(hours=1)
    return None


EMPTY = {"policy": POLICY, "skip": Outcome.OUTAGE, "to": user("x")}
"""What stands instead of None."""


def mutants(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The struct with each of its fields changed in turn, and those of the structs in it."""
    for name, inner in asdict(value).items():
        label = f"{path}{type(value).__name__}.{name}"
        skipped = name in NO_DIFFERENCE or f"{name} of {type(value).__name__}" in NO_DIFFERENCE
        if isinstance(inner, msgspec.Struct):
            yield from ((where, replace(value, **{name: each})) for where, each in mutants(inner, f"{label}."))
        elif isinstance(inner, tuple) and inner and isinstance(inner[0], msgspec.Struct):
            for at, each in enumerate(inner):
                for where, other in mutants(each, f"{label}[{at}]."):
                    yield where, replace(value, **{name: (*inner[:at], other, *inner[at + 1 :])})
        if not skipped and not isinstance(inner, msgspec.Struct):
            yield label, replace(value, **{name: EMPTY[name] if inner is None else otherwise(inner)})


@pytest.mark.parametrize("mutant", [pytest.param(each, id=where) for where, each in mutants(WHOLE)])
def test_nothing_that_differs_is_passed_over(mutant: p.Plan) -> None:
    assert compare(WHOLE, mutant), mutant


def test_how_it_was_come_to_is_no_difference() -> None:
    other = replace(WHOLE, because=(("x", "y"),), version="2", consulted=("anna",))
    assert compare(WHOLE, other) == ()
    renamed = replace(
        WHOLE, entry="r", steps=tuple(replace(each, id="r") if each.id == "ring" else each for each in WHOLE.steps)
    )
    assert compare(WHOLE, renamed) == ()


def test_each_kind_of_change_has_its_word() -> None:
    plain = company(line("anna"))
    before = from_inside(plain, "anna")

    def after(**settings: Any) -> tuple[Change, ...]:
        return compare(before, from_inside(company(line("anna", **settings)), "anna"))

    (change,) = after(forwards=Forwards(busy=ATTENDANT))
    assert change == Change(Kind.FORWARD, "the call ends", "attendant main", "on busy")
    assert after(ring_s=20.0) == (Change(Kind.RING_TIME, "30 s", "20 s"),)
    assert {change.kind for change in after(policy=Policy(owner="anna", limit_s=60.0))} >= {Kind.LIMIT}
    (change,) = after(forwards=Forwards(always=user("ben")))
    assert (change.kind, change.old, change.new) == (Kind.TARGET, "rings anna", "rings ben")
    nobody = compare(before, from_inside(plain, "nobody"))
    assert [change.kind for change in nobody] == [Kind.NOW_REFUSED]
    assert [change.kind for change in compare(from_inside(plain, "nobody"), before)] == [Kind.NOW_REACHES]


def test_the_same_change_of_many_has_one_shape() -> None:
    names = ("anna", "ben", "carl")
    old = company(*(line(name) for name in names))
    new = company(*(line(name, forwards=Forwards(busy=VOICEMAIL)) for name in names))
    changes = {name: compare(from_inside(old, name), from_inside(new, name)) for name in names}
    shapes = {shape(each, from_inside(old, name)) for name, each in changes.items()}
    assert shapes == {(Change(Kind.FORWARD, "the call ends", f"voicemail of {CALLED}", "on busy"),)}
    sent = Change(Kind.SENT, "+12125550100", "0012125550100")
    assert shape((sent,), WHOLE) == (Change(Kind.SENT, "+…", "00…"),)


def test_the_sample_asks_between_the_edges_of_both_configurations() -> None:
    def hours(end: int) -> Hours:
        return Hours(id="office", week=(((480, end),),) * 5 + (CLOSED,) * 2)

    old, new = company(hours={"office": hours(1080)}), company(hours={"office": hours(1020)})
    assert any(at.weekday() == 0 and 17 <= at.hour < 18 for at in instants((old, new), AT.date()))
    asked = requests((old, new), AT.date())
    assert {request.digits for request in asked} >= {"911", "anna", "+16695550101"}
    assert len(set(asked)) == len(asked)


def test_a_permission_less_is_a_refusal_more() -> None:
    def rights(permission: Permission) -> p.Plan:
        made = company(line("stranger", outside=Outside(permission=permission)))
        return plan(made, p.CallRequest(digits="2125550100", at=AT, device="stranger"))

    before, after = rights(Permission.DOMESTIC), rights(Permission.EMERGENCY)
    assert describe(before) == "trunk carrier"
    (change,) = compare(before, after)
    assert change.kind is Kind.NOW_REFUSED
