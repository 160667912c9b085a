"""What holds for every company: a plan ends, is small, is the same each time, and VIP-13's invariants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dialplan import walk
from dialplan.draft import MOST_STEPS
from dialplan.facts import Facts
from dialplan.lines import Others, Vip
from dialplan.model import Model
from dialplan.plan import MOST_FORWARDS, Branch, CallRequest, LineTarget, Plan, Replan, Ring
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from tests.support.drawn import callers, calling, companies, names, requests, states
from tests.support.examples import examples


def branches(made: Plan) -> list[Branch]:
    return [
        branch for step in made.steps if isinstance(step, Ring) for stage in step.stages for branch in stage.branches
    ]


@examples(30)
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


@examples(30)
@given(companies(), states, requests, callers)
def test_a_plan_is_the_same_each_time_and_from_what_it_asked_for_alone(
    model: Model, facts: Facts, request: CallRequest, by: str
) -> None:
    asked = calling(request, by)
    made = plan(model, asked, facts)
    assert plan(model, asked, facts) == made
    assert plan(model, asked, facts.of(made.consulted)) == made


phones = st.sampled_from([Phone(), Phone(status=486, after_s=1), Phone(status=603), Phone(status=0, after_s=2)])


@examples(30)
@given(companies(), states, requests, callers, st.dictionaries(names, phones))
def test_a_call_that_nobody_takes_comes_to_an_end(
    model: Model, facts: Facts, request: CallRequest, by: str, house: dict[str, Phone]
) -> None:
    """VIP-13: whatever the telephones do, the walk is over in finite time."""
    made = plan(model, calling(request, by), facts)
    got = simulate(made, {f"line:{name}": [phone] for name, phone in house.items()})
    assert got.connected or got.termination or any(isinstance(step, Replan) for step in made.steps)


@pytest.mark.parametrize("others", [Others.DELEGATES_ONLY, Others.VOICEMAIL, Others.ME_ONLY])
@examples(30)
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
