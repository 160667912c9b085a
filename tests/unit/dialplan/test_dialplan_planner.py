"""The planner: emergency before everything, for every model; plans that can always be walked; reasons with their
place.
"""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from dialplan import walk
from dialplan.countries import COUNTRIES, emergency_numbers
from dialplan.destinations import ring_group, user
from dialplan.groups import Member, RingGroup
from dialplan.model import (
    Device,
    Emergency,
    Line,
    Model,
    Origin,
    Profile,
    Service,
    TrunkRule,
    render,
    versioned,
)
from dialplan.plan import CallRequest, Reject, Route, Trunk
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import simulate

AT = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)

countries = st.sampled_from(sorted(COUNTRIES))
numbers = st.sampled_from(["911", "112", "999", "15", "101", "9", "9911", "5555555", "600", "+12125550100", "061"])
names = st.sampled_from(["a", "b", "c"])


def group(lines: list[str]) -> RingGroup:
    return RingGroup(id="+".join(lines), members=tuple(Member(line=line) for line in lines))


@st.composite
def models(draw: st.DrawFn) -> Model:
    profiles = {n: Profile(draw(countries), draw(st.sampled_from(["", "669"]))) for n in "abc"}
    lines = {n: Line(id=n, profile=profiles[n]) for n in "abc"}
    devices = {
        n: Device(id=n, lines=tuple(draw(st.lists(names, max_size=2, unique=True))), country=draw(countries))
        for n in "abc"
    }
    rings = st.lists(names, min_size=1, max_size=3, unique=True)
    groups = draw(st.dictionaries(names, rings.map(group), max_size=3))
    targets = st.one_of([names.map(user), *([st.sampled_from(sorted(groups)).map(ring_group)] if groups else [])])
    trunks = {n: TrunkRule(id=n, profile=Profile("US")) for n in draw(st.sets(st.sampled_from(["x", "y"])))}
    return Model(
        profile=Profile("US", "669"),
        lines=lines,
        devices=devices,
        extensions=draw(st.dictionaries(numbers, targets)),
        ring_groups=groups,
        services={n: Service(number=n, source="echo") for n in draw(st.sets(numbers, max_size=3))},
        dids=draw(st.dictionaries(numbers, targets, max_size=2)),
        trunks=trunks,
        default_trunk=draw(st.sampled_from([None, *sorted(trunks)])),
        outside_prefix=draw(st.sampled_from(["", "9", "0"])),
        emergency=Emergency(numbers={c: emergency_numbers(c) for c in COUNTRIES}, trunks=tuple(sorted(trunks))),
    )


@given(models(), names, st.none() | names, st.booleans(), st.data())
def test_an_emergency_number_is_an_emergency_call_whatever_else_is_configured(
    model: Model, device: str, line: str | None, prefixed: bool, data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from(sorted(emergency_numbers(model.devices[device].country))))
    dialled = (model.outside_prefix if prefixed else "") + number
    got = plan(model, CallRequest(digits=dialled, at=AT, device=device, line=line))
    assert got.emergency and got.max_duration_s == 0
    step = got.step(got.entry)
    if model.trunks:
        assert isinstance(step, Trunk) and {route.trunk for route in step.routes} == set(model.trunks)
    else:
        assert isinstance(step, Reject) and step.status == 503


@given(models(), st.text(alphabet="0123456789+*#a.", max_size=12), st.none() | names, st.none() | names, st.booleans())
def test_every_call_gets_a_plan_that_can_be_walked_to_its_end(
    model: Model, digits: str, device: str | None, line: str | None, inbound: bool
) -> None:
    request = CallRequest(digits=digits, at=AT, device=device, line=line, trunk="x" if inbound else None)
    got = plan(model, request)
    assert got.because and got.version == model.version
    ended = simulate(got, {f"line:{n}": [Phone()] for n in "abc"})
    assert ended.connected or ended.termination
    assert ended.at_s <= walk.total_s(got)
    if inbound:
        assert not got.emergency and not isinstance(got.step(got.entry), Trunk)


def test_numbers_in_plans_are_e164_and_the_caller_id_is_the_lines_else_the_trunks() -> None:
    """CID-1. How a trunk writes numbers is not the plan's affair."""
    model = Model(
        profile=Profile("US", "669"),
        lines={
            "a": Line(id="a", profile=Profile("US", "669"), caller_id="+16695550101"),
            "b": Line(id="b", profile=Profile("US", "669")),
        },
        devices={"d": Device(id="d", lines=("a", "b"), country="US")},
        trunks={"x": TrunkRule(id="x", caller_id="+16695550100", profile=Profile("US"))},
        default_trunk="x",
        emergency=Emergency(numbers={"US": frozenset({"911"})}, trunks=("x",)),
    )
    for line, caller in (("a", "+16695550101"), ("b", "+16695550100")):
        for dialled, number in (("5555555", "+16695555555"), ("911", "911")):
            got = plan(model, CallRequest(digits=dialled, at=AT, device="d", line=line))
            step = got.step(got.entry)
            rule = "" if number == "911" else "default_trunk"
            assert isinstance(step, Trunk) and step.routes == (Route("x", number, caller, rule=rule),)


def test_reasons_are_shown_with_file_and_line() -> None:
    model = Model(
        profile=Profile("US"),
        emergency=Emergency(numbers={}),
        origins={"extension:101": Origin("a.yaml", 7, "line bob")},
    )
    assert render(model, (("extension:101", "rings bob"), ("number", "no"))) == [
        "extension:101 (a.yaml:7): line bob -> rings bob",
        "number -> no",
    ]


def test_equal_models_have_equal_versions() -> None:
    def made(prefix: str) -> str:
        numbers = {"US": frozenset({"911", "112", "933"}), "GB": frozenset({"999", "112"})}
        return versioned(
            Model(profile=Profile("US"), outside_prefix=prefix, emergency=Emergency(numbers=numbers))
        ).version

    assert made("9") == made("9") != made("8")
