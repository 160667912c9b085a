"""What holds for every company: a plan ends, is small, is the same each time, and VIP-13's invariants."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialplan import walk
from dialplan.destinations import NOWHERE, Destination, To, ring_group, user
from dialplan.draft import MOST_STEPS
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards, Line, Others, Outside, Permission, Vip
from dialplan.model import Model
from dialplan.plan import MOST_FORWARDS, Branch, CallRequest, LineTarget, Plan, Replan, Ring
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from tests.support.company import ABROAD, AT, ATTENDANT, CALLER, OUTSIDE, VOICEMAIL, company, line

NAMES = ("anna", "ben", "carl", "dora", "eve")
GROUPS = ("desk", "sales")
OWN = Destination(To.EXTERNAL, "+16695550101")

names = st.sampled_from(NAMES)
destinations = st.one_of(
    names.map(user),
    st.sampled_from(GROUPS).map(ring_group),
    st.sampled_from(
        [VOICEMAIL, ATTENDANT, OUTSIDE, ABROAD, OWN, NOWHERE, user("nobody"), Destination(To.QUEUE, "support")]
    ),
)
maybe = st.none() | destinations
hours = st.sampled_from(["", "", "day", "night", "unknown"])
delegates = st.lists(
    st.builds(Delegate, line=names, answer=st.booleans(), pending=st.booleans(), hours=hours), max_size=3
).map(tuple)
lists = st.builds(
    Vip,
    contacts=st.frozensets(st.sampled_from([CALLER, "ben", "stranger"])),
    then_delegates=st.booleans(),
    others=st.sampled_from(Others),
    delegates_are_vip=st.booleans(),
    after_hours=st.booleans(),
)
forwards = st.builds(
    Forwards, busy=maybe, no_answer=maybe, outage=maybe, always=st.none() | st.none() | destinations,
    locked=st.frozensets(st.sampled_from(Condition)),
)  # fmt: skip


@st.composite
def people(draw: st.DrawFn, name: str) -> Line:
    return line(
        name,
        draw(st.booleans()),
        forwards=draw(forwards),
        delegates=draw(delegates),
        vip=draw(st.none() | lists),
        hours=draw(hours),
        closed=draw(maybe),
        call_waiting=draw(st.booleans()),
        calls=draw(st.integers(0, 2)),
        outside=Outside(permission=draw(st.sampled_from(Permission))),
    )


members = st.builds(
    Member,
    line=names,
    delay_s=st.sampled_from([0.0, 5.0]),
    ring_s=st.sampled_from([0.0, 9.0]),
    weight=st.integers(0, 3),
)


@st.composite
def groups(draw: st.DrawFn, name: str) -> RingGroup:
    return RingGroup(
        id=name,
        strategy=draw(st.sampled_from(Strategy)),
        members=tuple(draw(st.lists(members, max_size=5))),
        ring_s=draw(st.sampled_from([0.0, 40.0])),
        skip_busy=draw(st.booleans()),
        external=draw(st.booleans()),
        hours=draw(hours),
        closed=draw(maybe),
        otherwise=draw(maybe),
    )


@st.composite
def companies(draw: st.DrawFn) -> Model:
    lines = [draw(people(name)) for name in NAMES]
    return company(*lines, groups=tuple(draw(groups(name)) for name in GROUPS))


line_facts = st.builds(
    LineFacts,
    dnd=st.booleans(),
    forwards=st.dictionaries(st.sampled_from(Condition), destinations, max_size=2),
    after_s=st.sampled_from([0.0, 20.0, -1.0, float("inf"), float("nan")]),
    active=st.integers(0, 2),
    idle_since=st.floats(0, 100),
    out_of=st.frozensets(st.sampled_from([*NAMES, *GROUPS]), max_size=2),
    helped_at=st.sampled_from([None, None, None, AT]),
)
states = st.builds(
    Facts,
    lines=st.dictionaries(names, line_facts, max_size=5),
    cursors=st.dictionaries(st.sampled_from(GROUPS), st.integers(-3, 9)),
    draw=st.floats(0, 1, exclude_max=True),
)
requests = st.builds(
    CallRequest,
    digits=st.just("1"),
    at=st.sampled_from([AT, AT + datetime.timedelta(hours=12)]),
    to=names.map(user) | st.sampled_from(GROUPS).map(ring_group),
    caller_number=st.sampled_from([CALLER, "+1", None]),
    anonymous=st.booleans(),
    hops=st.integers(0, 6),
    visited=st.lists(st.sampled_from(["user:anna", "ring_group:desk"]), max_size=1).map(tuple),
)


def calling(request: CallRequest, by: str) -> CallRequest:
    return replace(request, device=by) if by else replace(request, trunk="carrier")


callers = st.sampled_from(["", "", "stranger", "anna", "ben"])


def branches(made: Plan) -> list[Branch]:
    return [
        branch for step in made.steps if isinstance(step, Ring) for stage in step.stages for branch in stage.branches
    ]


@given(companies(), states, requests, callers)
def test_a_plan_ends_is_small_and_leads_to_its_own_steps(
    model: Model, facts: Facts, request: CallRequest, by: str
) -> None:
    """VIP-13, FWD-9, K.10: no input raises; each step is led to once at the most, so that a walk has to end."""
    made = plan(model, calling(request, by), facts)
    ids = [step.id for step in made.steps]
    assert len(set(ids)) == len(ids) <= MOST_STEPS + 40
    led_to = [made.entry]
    for step in made.steps:
        if isinstance(step, Ring):
            assert step.stages
            assert all(stage.branches for stage in step.stages)
            led_to += set(step.exits.values())
        # The last one is that of a loop, or into the mailbox.
        assert len(getattr(step, "hops", ())) <= max(MOST_FORWARDS - request.hops, 0) + 1
    for branch in branches(made):
        assert 0 < branch.ring_s <= 60
        led_to += branch.exits.values()
    assert sorted(led_to) == sorted(ids)
    assert walk.total_s(made) < 60 * 60 * 2
    names = [branch.id for branch in branches(made)]
    assert len(set(names)) == len(names)


@given(companies(), states, requests, callers)
def test_a_plan_is_the_same_each_time_and_from_what_it_asked_for_alone(
    model: Model, facts: Facts, request: CallRequest, by: str
) -> None:
    asked = calling(request, by)
    made = plan(model, asked, facts)
    assert plan(model, asked, facts) == made
    assert plan(model, asked, facts.of(made.consulted)) == made


phones = st.sampled_from([Phone(), Phone(status=486, after_s=1), Phone(status=603), Phone(status=0, after_s=2)])


@given(companies(), states, requests, callers, st.dictionaries(names, phones))
def test_a_call_that_nobody_takes_comes_to_an_end(
    model: Model, facts: Facts, request: CallRequest, by: str, house: dict[str, Phone]
) -> None:
    """VIP-13: whatever the telephones do, the walk is over in finite time."""
    made = plan(model, calling(request, by), facts)
    got = simulate(made, {f"line:{name}": [phone] for name, phone in house.items()})
    assert got.connected or got.termination or any(isinstance(step, Replan) for step in made.steps)


@pytest.mark.parametrize("others", [Others.DELEGATES_ONLY, Others.VOICEMAIL, Others.ME_ONLY])
@given(companies(), states, requests, callers)
def test_who_is_screened_is_never_rung_directly(
    others: Others, model: Model, facts: Facts, request: CallRequest, by: str
) -> None:
    """VIP-13: with VIP-4d and VIP-4f the user's line has no branch in a call of somebody who is no VIP, and with VIP-4e
    no delegate has one. Calls of groups to their members, and to somebody else's delegates, are not the user's."""
    screen = Vip(contacts=frozenset({"nobody"}), others=others)
    model = replace(model, lines={name: replace(each, vip=screen) for name, each in model.lines.items()})
    facts = replace(facts, lines={name: replace(each, helped_at=None) for name, each in facts.lines.items()})
    made = plan(model, calling(request, by), facts)
    rings = [step for step in made.steps if isinstance(step, Ring) and not step.group]
    direct = [branch for ring in rings for stage in ring.stages for branch in stage.branches]
    if others is Others.ME_ONLY:
        assert not [each for each in direct if each.for_]
    else:
        assert not [each for each in direct if isinstance(each.target, LineTarget) and not each.for_]
