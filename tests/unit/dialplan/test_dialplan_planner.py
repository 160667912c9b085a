"""The planner: emergency before everything, for every model; plans that can always be walked; reasons with their
place.
"""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan import emergency, walk
from dialplan.countries import COUNTRIES, emergency_numbers
from dialplan.destinations import ring_group, user
from dialplan.facts import Facts, LineFacts
from dialplan.groups import Member, RingGroup
from dialplan.model import (
    Device,
    Emergency,
    EmergencyPlace,
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
from dialplan.termination import Reason, Result, Termination

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
    prefix = draw(st.sampled_from(["", "9", "0"]))
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
        outside_prefix=prefix,
        emergency=Emergency(places=emergency.places(devices, lines), trunks=tuple(sorted(trunks)), prefix=prefix),
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
        emergency=Emergency(
            places={"d": EmergencyPlace(numbers=frozenset({"911"}), caller_id="+16695550101")},
            trunks=("x",),
            caller_ids={"x": "+16695550100"},
        ),
    )
    for line, caller in (("a", "+16695550101"), ("b", "+16695550100")):
        got = plan(model, CallRequest(digits="5555555", at=AT, device="d", line=line))
        step = got.step(got.entry)
        assert isinstance(step, Trunk) and step.routes == (Route("x", "+16695555555", caller, rule="default_trunk"),)


def test_who_calls_for_help_is_shown_by_the_devices_own_number_on_any_line() -> None:
    """EMG-4, XRL-5."""
    places = {"d": EmergencyPlace(numbers=frozenset({"911"}), caller_id="+16695550101"), "e": EmergencyPlace()}
    table = Emergency(places=places, elsewhere=places["d"], trunks=("x",), caller_ids={"x": "+16695550100"})
    model = Model(profile=Profile("US", "669"), emergency=table)
    for line in ("a", "b", None):
        step = plan(model, CallRequest(digits="911", at=AT, device="d", line=line)).steps[0]
        assert isinstance(step, Trunk) and step.routes == (Route("x", "911", "+16695550101", rule="emergency"),)
    assert not plan(model, CallRequest(digits="911", at=AT, device="e")).emergency
    assert plan(model, CallRequest(digits="911", at=AT, device="unknown")).emergency


class Nothing:
    """A model of which only the emergency table may be read."""

    def __init__(self, table: Emergency) -> None:
        self.emergency, self.version = table, "1"

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"an emergency call has read `{name}`")


IN_NEED = ["911", "9911", "+911", "+1911", "9-1-1", "911#", "urn:service:sos", "urn:service:sos.police"]
BEHIND_CODES = ["*67911", "*679911", "*6712911", "*201#911", "*11*4711*1234#9911", "*67*201#911", "*201#*67911"]


@pytest.mark.parametrize("digits", IN_NEED + BEHIND_CODES)
def test_an_emergency_call_reads_nothing_but_the_emergency_table(digits: str) -> None:
    """OUT-6: by construction."""
    place = EmergencyPlace(numbers=frozenset({"911", "112"}), main="911", address="hq", notify=("anna",))
    only: Any = Nothing(Emergency(places={"d": place}, trunks=("x", "y"), prefix="9", codes=("*6712", "*67")))
    locked = Facts(lines={"device:d": LineFacts(locked=True, external=99)})
    got = plan(only, CallRequest(digits=digits, at=AT, device="d", line="anybody"), locked)
    assert got.emergency and got.number == "911" and (got.address, got.notify) == ("hq", ("anna",))
    assert got.policy is None and not got.consulted
    with pytest.raises(AssertionError):
        plan(only, CallRequest(digits="5555555", at=AT, device="d"))


@pytest.mark.parametrize("digits", ["*72911", "*911", "911*", "1911", "*201#1911", "#*911"])
def test_a_code_that_is_followed_by_something_else_is_no_call_for_help(digits: str) -> None:
    """Such as `*72911`, which would send every call on."""
    place = EmergencyPlace(numbers=frozenset({"911"}), main="911")
    table = Emergency(places={"d": place}, trunks=("x",), prefix="9", codes=("*67",))
    assert emergency.dialled(table, digits, "d") == ""


def test_before_it_is_known_who_calls_every_number_of_the_house_calls_for_help() -> None:
    """EMG-6: so that a ban does not stop 999 from a telephone in London of a company in the US."""
    london = EmergencyPlace(numbers=frozenset({"999", "112"}), main="999")
    table = Emergency(
        places={"d": london}, elsewhere=EmergencyPlace(numbers=frozenset({"911"})), numbers=london.numbers
    )
    assert emergency.dialled(table, "999", None) == "999" and emergency.dialled(table, "911", None) == "911"
    assert emergency.dialled(table, "999", "unknown") == ""


def test_reasons_are_shown_with_file_and_line() -> None:
    model = Model(
        profile=Profile("US"),
        emergency=Emergency(),
        origins={"extension:101": Origin("a.yaml", 7, "line bob")},
    )
    assert render(model, (("extension:101", "rings bob"), ("number", "no"))) == [
        "extension:101 (a.yaml:7): line bob -> rings bob",
        "number -> no",
    ]


def test_equal_models_have_equal_versions() -> None:
    def made(prefix: str) -> str:
        numbers = frozenset({"911", "112", "933", "999"})
        table = Emergency(elsewhere=EmergencyPlace(numbers=numbers))
        return versioned(Model(profile=Profile("US"), outside_prefix=prefix, emergency=table)).version

    assert made("9") == made("9") != made("8")


OFFICE = Model(
    profile=Profile("US", "669"),
    lines={"a": Line(id="a", extension="101", profile=Profile("US", "669"))},
    devices={"a-phone": Device(id="a-phone", lines=("a",), country="US")},
    extensions={"101": user("a")},
    dids={"+16695550101": user("a")},
    trunks={"first": TrunkRule(id="first", profile=Profile("US"))},
    emergency=Emergency(elsewhere=EmergencyPlace(numbers=frozenset({"911", "112"})), trunks=("first",)),
)


@pytest.mark.parametrize(
    "request_",
    [
        CallRequest(digits="101", at=AT, device="stranger"),
        CallRequest(digits="+16695550101", at=AT, trunk="third"),
    ],
    ids=["telephone", "trunk"],
)
def test_a_telephone_or_trunk_that_is_not_known_may_not_call(request_: CallRequest) -> None:
    """IDN-2, IDN-3. No test in YAML can say this: there such a name is an error."""
    got = plan(OFFICE, request_)
    assert simulate(got, {}).termination == Termination(Result.REFUSED, Reason.NOT_PERMITTED, 403)


def test_a_telephone_that_the_configuration_no_longer_has_may_call_for_help() -> None:
    """OUT-6."""
    assert plan(OFFICE, CallRequest(digits="112", at=AT, device="forgotten")).emergency
