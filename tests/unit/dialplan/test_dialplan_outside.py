"""The way out: routes in plans, with hours, the default trunk last, and what the carriers see (issue 4, Outbound)."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dialplan.facts import Facts
from dialplan.hours import Hours
from dialplan.lines import Line, Outside, Permission, Profile
from dialplan.model import Device, Emergency, EmergencyPlace, Model, TrunkRule
from dialplan.plan import CallRequest, Plan, Reject, Trunk
from dialplan.planner import plan
from dialplan.prefixes import MOST_ROWS
from dialplan.routes import RouteRule, Row, table
from dialplan.simulate import Phone, simulate

US = Profile("US", "669")
MORNING = Hours(id="morning", week=(((8 * 60, 12 * 60),),) * 7)
AT = datetime.datetime(2026, 11, 23, 17, 0, tzinfo=datetime.UTC)  # 9:00 in California, 18:00 in Paris
LONDON = "+442079460123"


def house(*rows: Row, default: str | None = "a", **line: Any) -> Model:
    given = {"time_zone": "America/Los_Angeles", "outside": Outside(permission=Permission.INTERNATIONAL)} | line
    return Model(
        profile=US,
        lines={"anna": Line(id="anna", profile=US, **given)},  # type: ignore[arg-type]
        devices={"d": Device(id="d", lines=("anna",), country="US")},
        trunks={name: TrunkRule(id=name, profile=US, caller_id="+16695550100") for name in "abc"},
        routes=table(rows),
        hours={"morning": MORNING},
        default_trunk=default,
        emergency=Emergency(elsewhere=EmergencyPlace(numbers=frozenset({"911"}), main="911"), trunks=("a", "b")),
    )


def rule(*trunks: str, **more: Any) -> RouteRule:
    return RouteRule(id="route:x", trunks=trunks, **more)


def called(model: Model, digits: str = LONDON, **more: Any) -> Plan:
    return plan(model, CallRequest(digits=digits, at=AT, device="d", **more), Facts(draw=0.5))


def routes_of(made: Plan) -> list[tuple[str, str]]:
    step = made.step(made.entry)
    assert isinstance(step, Trunk), step
    return [(route.trunk, route.number) for route in step.routes]


def test_routes_come_first_and_the_default_trunk_last() -> None:
    made = called(house(Row("+44", rule("b", "c"))))
    assert routes_of(made) == [("b", LONDON), ("c", LONDON), ("a", LONDON)]
    assert ("trunk:a", "default trunk") in made.because
    assert routes_of(called(house(Row("+44", rule("a", "b"))))) == [("a", LONDON), ("b", LONDON)]


def test_without_a_matching_route_the_default_trunk_takes_the_call_or_nobody() -> None:
    assert routes_of(called(house(Row("+33", rule("b"))))) == [("a", LONDON)]
    made = called(house(Row("+33", rule("b")), default=None))
    step = made.step(made.entry)
    assert isinstance(step, Reject) and step.status == 404
    assert ("routes", f"none has a prefix of {LONDON}") in made.because


def test_routes_alone_are_a_way_out() -> None:
    """A number that is not whole is asked for the rest (484), as with a default trunk."""
    made = called(house(Row("", rule("b")), default=None), "0119")
    step = made.step(made.entry)
    assert isinstance(step, Reject) and step.status == 484


def test_hours_of_a_route_are_read_where_the_caller_is() -> None:
    """TZ: the same instant is nine in the morning here, and evening there."""
    rows = (Row("+44", rule("b", hours="morning")), Row("+44", rule("c", priority=1)))
    assert routes_of(called(house(*rows, default=None))) == [("b", LONDON), ("c", LONDON)]
    made = called(house(*rows, default=None, time_zone="Europe/Paris"))
    assert routes_of(made) == [("c", LONDON)]
    assert ("route:x", "prefix +44: closed now (hours morning)") in made.because


def test_the_caller_is_the_routes_else_the_lines_else_the_trunks() -> None:
    """CID-1."""
    shown = "+16695550177"

    def caller(model: Model) -> str:
        made = called(model)
        step = made.step(made.entry)
        assert isinstance(step, Trunk)
        return step.routes[0].caller

    assert caller(house(Row("", rule("b")))) == "+16695550100"
    assert caller(house(Row("", rule("b")), caller_id="+16695550101")) == "+16695550101"
    assert caller(house(Row("", rule("b", caller_id=shown)), caller_id="+16695550101")) == shown


def test_who_hides_the_own_number_hides_it_on_every_route() -> None:
    """CID-2."""
    hides = Outside(permission=Permission.INTERNATIONAL, hide_caller_id=True)
    made = called(house(Row("", rule("b")), outside=hides))
    step = made.step(made.entry)
    assert isinstance(step, Trunk) and [each.withheld for each in step.routes] == [True, True]


def test_an_emergency_call_asks_no_route() -> None:
    """OUT-6."""
    model = house(Row("", rule("c", withheld=True, strip=1)))
    made = called(model, "911")
    assert routes_of(made) == [("a", "911"), ("b", "911")]
    step = made.step(made.entry)
    assert isinstance(step, Trunk) and not any(each.withheld for each in step.routes)


def test_one_draw_makes_one_plan() -> None:
    model = house(*(Row("", rule(name, weight=1, priority=0)) for name in "abc"), default=None)
    request = CallRequest(digits=LONDON, at=AT, device="d")
    firsts = {routes_of(plan(model, request, Facts(draw=n / 30)))[0][0] for n in range(30)}
    assert firsts == {"a", "b", "c"}
    assert all(plan(model, request, Facts(draw=d)) == plan(model, request, Facts(draw=d)) for d in (0.0, 0.4, 0.99))


rows_of = st.lists(
    st.builds(
        Row,
        st.sampled_from(["", "+", "+1", "+44", "+4420", "4", "911", "+1669555"]),
        st.builds(
            RouteRule,
            id=st.just("route:x"),
            trunks=st.lists(st.sampled_from(["a", "b", "gone"]), min_size=1, unique=True).map(tuple),
            priority=st.integers(0, 2),
            weight=st.integers(0, 3),
            hours=st.sampled_from(["", "morning", "gone"]),
            strip=st.integers(0, 15),
            prepend=st.sampled_from(["", "9", "+1"]),
        ),
        st.integers(-1, 5),
        st.integers(0, 1),
        st.integers(0, 9),
    ),
    max_size=MOST_ROWS // 10,
)


@given(rows_of, st.text("0123456789+*# ", max_size=18), st.floats(), st.booleans(), st.booleans())
def test_no_dialled_string_and_no_table_brings_the_planner_down(
    rows: list[Row], digits: str, draw: float, least_cost: bool, fall_back: bool
) -> None:
    model = msgspec.structs.replace(house(), routes=table(rows, least_cost=least_cost, fall_back=fall_back))
    made = plan(model, CallRequest(digits=digits, at=AT, device="d"), Facts(draw=draw))
    step = made.step(made.entry)
    if isinstance(step, Trunk):
        assert step.routes and len(step.routes) <= 17
        assert len({(each.trunk, each.number) for each in step.routes}) == len(step.routes)
        assert all(each.trunk in model.trunks and each.number for each in step.routes)


def test_a_simulated_walk_follows_the_causes_of_the_route() -> None:
    """As the live one does: see test_flow_routes."""
    script = {"trunk:b": [Phone(status=404)], "trunk:c": [Phone(status=200, after_s=1.0)]}
    rows = [Row("+44", rule("b", "c", failover=(404,)))]
    assert simulate(called(house(*rows)), script).connected == "trunk:c"
    rows = [Row("+44", rule("b", "c", failover=(503,)))]
    ended = simulate(called(house(*rows)), script).termination
    assert ended is not None and ended.sip_status == 404
