"""Stage timers, ring times that count from the first 18x, and what happens in the very instant of expiry."""

from __future__ import annotations

import pytest

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Branch, Outcome, Ring, Stage
from dialplan.pretend import Phone
from dialplan.simulate import What, simulate
from dialplan.termination import Reason, Result, Termination
from tests.support.plans import branch, plan_of, ring, script, seen


@pytest.mark.parametrize(
    ("ringing_s", "cancelled_s"), [(0.0, 10.0), (1.5, 11.5), (3.9, 13.9), (4.0, 14.0), (6.0, 14.0), (None, 14.0)]
)
def test_fwd_3_the_delay_counts_from_the_first_18x_at_the_latest_from_4_s(
    ringing_s: float | None, cancelled_s: float
) -> None:
    plan = plan_of(ring(branch("anna", 10.0, from_ringing=True)))
    got = simulate(plan, {"line:anna": [Phone(ringing_s=ringing_s)]})
    assert [moment.at_s for moment in got.sent(What.CANCEL)] == [cancelled_s]
    assert got.armed == ()


def test_fwd_3_the_second_18x_does_not_begin_it_again() -> None:
    plan = plan_of(ring(branch("anna", 10.0, from_ringing=True)))
    got = simulate(plan, {"line:anna": [Phone(ringing_s=1.0), Phone(ringing_s=3.0)]})
    assert got.at_s == 11.0


def test_fwd_4_an_outage_does_not_wait_for_the_delay() -> None:
    plan = plan_of(ring(branch("anna", 10.0, from_ringing=True), exits={Outcome.OUTAGE: "on"}), ring(step="on"))
    assert simulate(plan, script("anna=outage")).at_s == 0.0
    assert simulate(plan, script("anna=unreachable")).at_s == 4.0


def test_vip_5_a_stage_ends_by_its_own_time_and_those_that_ring_come_to_no_answer() -> None:
    stages = (Stage((branch("anna", 60.0), branch("ben", 60.0, 8.0)), 20.0), Stage((branch("carl", 60.0),), 10.0))
    got = simulate(plan_of(Ring(id="vip", stages=stages)), script("anna=rings,ben=busy/1s,carl=rings"))
    assert seen(got, What.INVITE, What.CANCEL, What.END) == [
        "0 s invite line:anna",
        "8 s invite line:ben",
        "20 s cancel line:anna",
        "20 s invite line:carl",
        "30 s cancel line:carl",
        "30 s end 480 no_answer",
    ]
    assert got.armed == ()


def test_vip_5_a_stage_ends_earlier_when_everybody_has() -> None:
    stages = (Stage((branch("anna", 60.0),), 20.0), Stage((branch("carl", 60.0),), 10.0))
    got = simulate(plan_of(Ring(id="vip", stages=stages)), script("anna=busy/3s,carl=answers/1s"))
    assert (got.connected, got.at_s, got.armed) == ("line:carl", 4.0, ())


def test_who_was_not_rung_when_the_stage_ends_has_no_say() -> None:
    plan = plan_of(ring(branch("anna", 60.0), branch("ben", 60.0, 30.0), judge="ben", stage_s=20.0))
    got = simulate(plan, script("anna=rings,ben=busy"))
    assert got.rang == ["line:anna"]
    assert got.termination == Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480)
    assert got.armed == ()


def test_at_the_end_of_a_stage_no_exit_of_a_branch_is_followed_any_more() -> None:
    first = branch("anna", 20.0, exits={Outcome.NO_ANSWER: "on"})
    plan = plan_of(ring(first, stage_s=20.0), ring(branch("carl"), step="on"))
    assert simulate(plan, script("anna=rings,carl=rings")).rang == ["line:anna"]


def test_what_a_branch_has_gone_on_to_ends_with_the_stage() -> None:
    first = branch("anna", 5.0, exits={Outcome.NO_ANSWER: "on"})
    plan = plan_of(ring(first, stage_s=20.0), ring(branch("carl", 60.0), step="on", stage_s=50.0))
    got = simulate(plan, script("anna=rings,carl=rings"))
    assert seen(got)[1:] == ["5 s cancel line:anna", "5 s invite line:carl", "20 s cancel line:carl"]
    assert (got.at_s, got.armed) == (20.0, ())


def test_a_stage_inside_of_a_branch_has_its_own_time() -> None:
    first = branch("anna", 5.0, exits={Outcome.NO_ANSWER: "on"})
    inner = Ring(id="on", stages=(Stage((branch("carl", 60.0),), 3.0), Stage((branch("dora"),))))
    got = simulate(
        plan_of(ring(first, branch("ben")), inner), script("anna=rings,ben=rings,carl=rings,dora=answers/1s")
    )
    assert (got.connected, got.at_s, got.armed) == ("line:dora", 9.0, ())


def test_k_12_in_the_very_instant_of_expiry_expiry_wins() -> None:
    plan = plan_of(ring(branch("anna", 20.0), exits={Outcome.NO_ANSWER: "on"}), ring(branch("ben"), step="on"))
    got = simulate(plan, script("anna=answers/20s,ben=answers/1s"))
    assert seen(got, What.CANCEL, What.ANSWER, What.BYE) == [
        "20 s cancel line:anna",
        "20 s bye line:anna",
        "21 s answer line:ben",
    ]
    assert simulate(plan, script("anna=answers/19.999s")).connected == "line:anna"


def test_the_walk_takes_events_as_they_come() -> None:
    plan = plan_of(ring(branch("anna", 20.0)))
    state, _ = walk.step(walk.start(plan), v.Begin())
    state, _ = walk.step(state, v.Contacts("b/anna", 1))
    first, _ = walk.step(state, v.TimerDue("ring:b/anna"))
    assert walk.step(first, v.Answered("b/anna", 0)) == (first, [])
    second, commands = walk.step(state, v.Answered("b/anna", 0))
    assert commands == [v.Disarm("ring:b/anna"), v.Connect("b/anna", 0)]
    assert walk.step(second, v.TimerDue("ring:b/anna")) == (second, [])


def test_k_10_a_cancel_at_a_timer_or_when_the_caller_gives_up_has_no_reason_and_vip_6_one_after_an_answer_has() -> None:
    plan = plan_of(ring(branch("anna", 10.0), branch("ben", 20.0)))
    got = simulate(plan, script("anna=rings,ben=rings"), caller_gone_after_s=15.0)
    assert seen(got, What.CANCEL) == ["10 s cancel line:anna", "15 s cancel line:ben"]
    got = simulate(plan, script("anna=rings,ben=answers/5s"))
    assert seen(got, What.CANCEL) == ["5 s cancel line:anna completed elsewhere"]


def test_who_answers_in_the_same_instant_as_another_is_hung_up() -> None:
    plan = plan_of(ring(branch("anna"), branch("ben")))
    got = simulate(plan, script("anna=answers/5s,ben=answers/5s+rings"))
    assert seen(got, What.ANSWER, What.CANCEL, What.BYE) == [
        "5 s answer line:anna",
        "5 s cancel line:ben completed elsewhere",
        "5 s cancel line:ben #2 completed elsewhere",
        "5 s bye line:ben",
    ]


@pytest.mark.parametrize(
    ("stage", "longest_s"),
    [
        (Stage((branch("a", 20.0, 5.0), branch("b", 10.0))), 25.0),
        (Stage((branch("a", 20.0, 5.0, from_ringing=True),)), 29.0),
        (Stage((branch("a", 20.0, 5.0),), 12.0), 12.0),
        (Stage(()), 0.0),
    ],
)
def test_the_longest_time_of_a_plan_knows_every_timer(stage: Stage, longest_s: float) -> None:
    assert walk.total_s(plan_of(Ring(id="ring", stages=(stage,)))) == longest_s


def test_a_branch_inside_may_take_its_time_besides() -> None:
    first: Branch = branch("anna", 5.0, exits={Outcome.NO_ANSWER: "on"})
    assert walk.total_s(plan_of(ring(first), ring(branch("carl", 60.0), step="on"))) == 65.0
