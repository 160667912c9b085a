"""The walk: every rule of FWD-4 to FWD-8 on pretended telephones, one step after the other."""

from __future__ import annotations

import pytest

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import (
    Announce,
    Branch,
    Echo,
    LineTarget,
    Outcome,
    Plan,
    Reject,
    Ring,
    Route,
    Stage,
    Step,
    Trunk,
)
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from dialplan.termination import Reason, Result, Termination


def branch(line: str, ring_s: float = 20.0, delay_s: float = 0.0) -> Branch:
    return Branch(id=f"b/{line}", target=LineTarget(line), ring_s=ring_s, delay_s=delay_s)


def plan_of(*steps: Step, emergency: bool = False) -> Plan:
    return Plan(entry=steps[0].id, steps=steps, number="101", emergency=emergency)


def ring(*lines: str, exits: dict[Outcome, str] | None = None) -> Ring:
    return Ring(id="ring", stages=(Stage(tuple(branch(line) for line in lines)),), exits=exits or {})


RINGS = Phone()
BUSY = Phone(status=486, after_s=1.0)
UNREACHABLE = Phone(status=0, after_s=4.0)
DECLINES_HERE = Phone(status=480, after_s=2.0)


@pytest.mark.parametrize(
    ("phones", "status", "reason", "at_s"),
    [
        ([], 480, Reason.OUTAGE, 0.0),
        ([UNREACHABLE, UNREACHABLE], 480, Reason.OUTAGE, 4.0),
        ([RINGS, BUSY], 480, Reason.NO_ANSWER, 20.0),
        ([UNREACHABLE, BUSY], 486, Reason.BUSY, 4.0),
        ([BUSY, DECLINES_HERE], 486, Reason.BUSY, 2.0),
        ([DECLINES_HERE, UNREACHABLE], 480, Reason.REJECTED, 4.0),
        ([RINGS, Phone(status=600, after_s=3.0)], 486, Reason.BUSY, 3.0),
        ([RINGS, BUSY, Phone(status=603, after_s=3.0)], 480, Reason.REJECTED, 3.0),
    ],
)
def test_a_fork_ends_as_fwd_6_says(phones: list[Phone], status: int, reason: Reason, at_s: float) -> None:
    """FWD-6."""
    got = simulate(plan_of(ring("bob")), {"line:bob": phones})
    assert got.termination is not None
    assert (got.termination.sip_status, got.termination.reason, got.at_s) == (status, reason, at_s)


def test_the_users_word_ends_the_users_branch_only() -> None:
    got = simulate(
        plan_of(ring("bob", "carol")),
        {"line:bob": [RINGS, Phone(status=603, after_s=1.0)], "line:carol": [Phone(status=200, after_s=9.0)]},
    )
    assert got.connected == "line:carol"
    assert (1.0, v.StopBranch("b/bob", False, Outcome.REJECTED)) in got.commands


def test_the_first_answer_wins_and_the_others_hear_that_it_was_elsewhere() -> None:
    got = simulate(
        plan_of(ring("bob", "carol")),
        {"line:bob": [Phone(status=200, after_s=5.0)], "line:carol": [Phone(status=200, after_s=5.0)]},
    )
    assert got.connected == "line:bob"
    assert [c for _, c in got.commands if isinstance(c, v.Connect)] == [v.Connect("b/bob", 0)]
    assert (5.0, v.StopBranch("b/carol", True, None)) in got.commands


def test_a_late_answer_moves_nothing() -> None:
    state, _ = walk.step(walk.start(plan_of(ring("bob"))), v.Begin())
    state, _ = walk.step(state, v.Contacts("b/bob", 2))
    state, _ = walk.step(state, v.Answered("b/bob", 1))
    after, commands = walk.step(state, v.Answered("b/bob", 0))
    assert commands == [] and after is state


def test_a_failure_told_twice_counts_once() -> None:
    state, _ = walk.step(walk.start(plan_of(ring("bob"))), v.Begin())
    state, _ = walk.step(state, v.Contacts("b/bob", 2))
    for _ in range(2):
        state, commands = walk.step(state, v.Failed("b/bob", 0, Outcome.BUSY, 486))
        assert commands == []
    state, commands = walk.step(state, v.Failed("b/bob", 1, Outcome.BUSY, 486))
    assert commands[-1] == v.Finish(Termination(Result.BUSY, Reason.BUSY, 486))


def test_a_failure_before_the_number_of_contacts_is_known_waits_for_it() -> None:
    state, _ = walk.step(walk.start(plan_of(ring("bob"))), v.Begin())
    state, commands = walk.step(state, v.Failed("b/bob", 0, Outcome.BUSY, 486))
    assert commands == []
    _, commands = walk.step(state, v.Contacts("b/bob", 1))
    assert isinstance(commands[-1], v.Finish)


def test_the_caller_hangs_up_while_it_rings() -> None:
    got = simulate(plan_of(ring("bob", "carol")), {"line:bob": [RINGS], "line:carol": [RINGS]}, caller_gone_after_s=3.0)
    assert got.termination == Termination(Result.CANCELLED, Reason.CALLER_CANCELLED, 487)
    assert {c.branch for _, c in got.commands if isinstance(c, v.StopBranch) and not c.elsewhere} == {
        "b/bob",
        "b/carol",
    }


def test_outage_takes_its_exit_at_once_and_a_rejected_call_that_of_no_answer() -> None:
    steps = (ring("bob", exits={Outcome.OUTAGE: "echo", Outcome.NO_ANSWER: "tone"}), Echo(id="echo"))
    plan = plan_of(*steps, Announce(id="tone", source="tone:425"))
    assert (simulate(plan, {}).connected, simulate(plan, {}).at_s) == ("echo", 0.0)
    rejected = simulate(plan, {"line:bob": [Phone(status=603, after_s=2.0)]})
    assert (rejected.connected, rejected.at_s) == ("tone", 2.0)


def test_stages_follow_each_other_and_a_stage_of_nobody_does_not_wait() -> None:
    stages = (Stage((branch("bob"),)), Stage((branch("carol", 10.0),)), Stage((branch("dave", 5.0),)))
    got = simulate(plan_of(Ring(id="ring", stages=stages)), {"line:bob": [RINGS], "line:dave": [RINGS]})
    starts = [(at, c.branch.id) for at, c in got.commands if isinstance(c, v.StartBranch)]
    assert starts == [(0.0, "b/bob"), (20.0, "b/carol"), (20.0, "b/dave")]
    assert got.termination == Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480) and got.at_s == 25.0


def test_a_delayed_branch_starts_at_its_time_or_as_soon_as_nobody_rings() -> None:
    stages = (Stage((branch("bob"), branch("carol", delay_s=8.0), branch("dave", delay_s=9.0))),)
    plan = plan_of(Ring(id="ring", stages=stages))
    phones = {"line:bob": [RINGS], "line:carol": [RINGS], "line:dave": [RINGS]}

    def starts(script: dict[str, list[Phone]]) -> list[tuple[float, str]]:
        timeline = simulate(plan, script).commands
        return [(at, c.branch.id) for at, c in timeline if isinstance(c, v.StartBranch)]

    assert starts(phones) == [(0.0, "b/bob"), (8.0, "b/carol"), (9.0, "b/dave")]
    assert starts(phones | {"line:bob": [BUSY]}) == [(0.0, "b/bob"), (1.0, "b/carol"), (9.0, "b/dave")]


TWO_ROUTES = Trunk(id="out", routes=(Route("first", "+331"), Route("second", "+331")), ring_s=60.0)


@pytest.mark.parametrize("status", [0, 408, 500, 503])
def test_a_carrier_in_trouble_gives_way_to_the_next(status: int) -> None:
    script = {"trunk:first": [Phone(status=status, after_s=1.0)], "trunk:second": [Phone(status=200, after_s=2.0)]}
    got = simulate(plan_of(TWO_ROUTES), script)
    assert (got.connected, got.at_s) == ("trunk:second", 3.0)


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (486, Termination(Result.BUSY, Reason.BUSY, 486)),
        (404, Termination(Result.REJECTED, Reason.NOT_FOUND, 404)),
        (484, Termination(Result.REJECTED, Reason.INCOMPLETE_NUMBER, 484)),
        (603, Termination(Result.REJECTED, Reason.REJECTED, 603)),
    ],
)
def test_a_carriers_word_about_the_number_is_final(status: int, ending: Termination) -> None:
    got = simulate(plan_of(TWO_ROUTES), {"trunk:first": [Phone(status=status, after_s=1.0)]})
    assert got.termination == ending and got.rang == ["trunk:first"]


@pytest.mark.parametrize("status", [486, 403, 404, 603, 500, 0])
def test_an_emergency_call_tries_every_route_whatever_the_first_says(status: int) -> None:
    script = {"trunk:first": [Phone(status=status, after_s=1.0)], "trunk:second": [Phone(status=200, after_s=2.0)]}
    assert simulate(plan_of(TWO_ROUTES, emergency=True), script).connected == "trunk:second"


def test_trunks_that_cannot_be_reached_end_the_call_with_480_and_an_emergency_call_with_503() -> None:
    ends = [simulate(plan_of(TWO_ROUTES, emergency=e), {}).termination for e in (False, True)]
    assert [e.sip_status for e in ends if e is not None] == [480, 503]


def test_a_step_that_was_tried_is_a_loop() -> None:
    got = simulate(plan_of(ring("bob", exits={Outcome.OUTAGE: "ring"})), {})
    assert got.termination == Termination(Result.FAILED, Reason.LOOP, 482)


def test_a_refusal_ends_the_call_with_its_status() -> None:
    plan = plan_of(Reject(id="no", status=404, reason=Reason.NOT_FOUND))
    assert simulate(plan, {}).termination == Termination(Result.REFUSED, Reason.NOT_FOUND, 404)


def test_a_tone_that_ends_and_a_caller_who_leaves_it() -> None:
    state, commands = walk.step(walk.start(plan_of(Echo(id="echo"))), v.Begin())
    assert commands == [v.Execute(Echo(id="echo"))]
    done = walk.step(state, v.StepDone("echo"))[1]
    left = walk.step(state, v.CallerGone())[1]
    assert done == [v.Finish(Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200))]
    assert left == [v.Finish(Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200))]
