"""Companies, calls and facts by chance, as Hypothesis strategies: for whatever must hold of all of them."""

from __future__ import annotations

import datetime

from hypothesis import strategies as st
from msgspec.structs import replace

from dialplan.destinations import NOWHERE, Destination, To, ring_group, user
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards, Line, Others, Outside, Permission, Vip
from dialplan.model import Model
from dialplan.plan import CallRequest
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
