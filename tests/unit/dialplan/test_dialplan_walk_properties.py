"""Properties of every walk (VIP-13, FWD-9): random plans of every shape, with telephones that answer, are busy, reject,
ignore, are unreachable or answer in the same instant, and callers who give up.

A history comes out of one seed, which Hypothesis prints when it fails. `script/properties` walks 100,000 of them.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Outcome, Ring
from dialplan.simulate import simulate
from tests.support.examples import examples
from tests.support.histories import check
from tests.support.plans import Company, request

HISTORIES = 20
"""Of each seed."""

seeds = st.integers(0, 2**48 - 1)


@examples(150)
@given(seeds)
def test_every_walk_ends_once_in_time_and_leaves_nothing_behind(seed: int) -> None:
    random = Random(seed)
    for _ in range(HISTORIES):
        one = Company(random)
        check(simulate(one.plans[0], one.script, caller_gone_after_s=one.gone_s, replan=one.replan, served=one.served))


@examples(100)
@given(seeds)
def test_whatever_is_said_to_it_the_walk_stands(seed: int) -> None:
    """Events that no driver would send in that order, of branches, timers and steps that may not be there."""
    random = Random(seed)
    for _ in range(5):
        one = Company(random)
        state = walk.start(one.plans[0])
        names = ["?"] + [b.id for s in one.plans[0].steps if isinstance(s, Ring) for g in s.stages for b in g.branches]
        names += [f"{step.id}/{n}" for step in one.plans[0].steps for n in (0, 1)]
        rung: set[str] = set()
        ringing: set[str] = set()
        for event in (*(_event(random, one, names) for _ in range(40)), v.Begin(), v.CallerGone()):
            was_over = state.over
            state, commands = walk.step(state, event)
            assert not (was_over and commands)
            for command in commands:
                if isinstance(command, v.StartBranch):
                    assert command.branch.id not in rung
                    rung.add(command.branch.id)
                    ringing.add(command.branch.id)
                elif isinstance(command, v.StopBranch | v.Connect):
                    ringing.remove(command.branch)
        assert state.over and not ringing


def _event(random: Random, one: Company, names: list[str]) -> v.WalkEvent:
    name, contact = random.choice(names), random.randrange(3)
    match random.randrange(40):
        case 0:
            return v.CallerGone()
        case 1:
            return v.Answered(name, contact)
        case n if n < 8:
            return v.Contacts(name, contact, random.random() < 0.2)
        case n if n < 12:
            return v.Ringing(name, contact)
        case n if n < 20:
            return v.Failed(name, contact, random.choice(list(Outcome)), 480, random.random() < 0.2)
        case n if n < 32:
            return v.TimerDue(f"{random.choice(('ring', 'delay', 'silent', 'stage', '?'))}:{name}")
        case n if n < 35:
            exits = ("done", "failed", "unavailable", "replan", "?")
            return v.StepDone(name.partition("/")[0], random.choice(exits), request())
        case n if n < 38:
            return v.Replanned(name.partition("/")[0], random.choice(one.plans))
        case _:
            return v.Begin()
