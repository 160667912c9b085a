"""What the exchange does itself, and asking the planner again: a request that could not be known beforehand."""

from __future__ import annotations

import pytest

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import (
    Announce,
    Attendant,
    CallRequest,
    Collect,
    Conference,
    Feature,
    Hop,
    Outcome,
    Park,
    Plan,
    Queue,
    Reject,
    Replan,
    Retrieve,
    Service,
    Voicemail,
)
from dialplan.simulate import What, simulate
from dialplan.stages import MOST_REPLANS
from dialplan.termination import Reason, Result, Termination
from tests.support.plans import branch, plan_of, request, ring, script, seen

SERVICES = [
    Announce(id="s", source="tone:425"),
    Voicemail(id="s", mailbox="anna"),
    Attendant(id="s", attendant="main"),
    Queue(id="s", queue="support"),
    Conference(id="s", room="board"),
    Park(id="s", lot="main"),
    Retrieve(id="s", lot="main", slot="701"),
    Feature(id="s", feature="dnd_on"),
    Collect(id="s", what="account_code", number="+1"),
]


def executing(service: Service) -> walk.WalkState:
    state, commands = walk.step(walk.start(plan_of(service)), v.Begin())
    assert commands == [v.Execute(service)]
    return state


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: type(each).__name__)
def test_a_service_is_executed_and_ends_as_it_says(service: Service) -> None:
    state = executing(service)
    status = 403 if isinstance(service, Feature | Collect) else 480
    result = Result.REFUSED if status == 403 else Result.UNREACHABLE
    for event, ending in (
        (v.StepDone("s"), Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200)),
        (v.StepDone("s", "failed"), Termination(Result.FAILED, Reason.MEDIA_REFUSED, 488)),
        (v.StepDone("s", "unavailable"), Termination(result, Reason.UNAVAILABLE, status)),
        (v.StepDone("s", "failed", ending=GONE), GONE),
        (v.CallerGone(), Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200)),
    ):
        after, commands = walk.step(state, event)
        assert (commands, after.over) == ([v.Finish(ending)], True)
    assert walk.step(state, v.StepDone("another")) == (state, [])


GONE = Termination(Result.FAILED, Reason.NOT_FOUND, 404)


def test_the_choice_in_a_menu_is_asked_of_the_planner_and_the_call_goes_on() -> None:
    menu = Attendant(id="menu", attendant="main", hops=(Hop("desk", 480),))
    plans = {"1": plan_of(ring(branch("anna"), step="menu", hops=(Hop("ben", 486),)))}
    got = simulate(
        plan_of(menu),
        script("anna=answers/3s"),
        replan=lambda what: plans[what.digits],
        served=lambda step: v.StepDone(step.id, "replan", request("1")),
    )
    assert seen(got, *What) == [
        "0 s forward desk cause 480",
        "0 s service menu",
        "0 s ask menu 1",
        "0 s forward ben cause 486",
        "0 s invite line:anna",
        "0 s ringing line:anna",
        "3 s answer line:anna",
    ]
    started = next(command for _, command in got.commands if isinstance(command, v.StartBranch))
    assert started.hops == (Hop("desk", 480), Hop("ben", 486)), "all of them, for History-Info (FWD-9)"


def test_who_leaves_after_a_menu_has_hung_up_and_not_cancelled() -> None:
    state = executing(Attendant(id="menu", attendant="main"))
    state, _ = walk.step(state, v.StepDone("menu", "replan", request()))
    state, _ = walk.step(state, v.Replanned("menu", plan_of(ring(branch("anna")))))
    _, commands = walk.step(state, v.CallerGone())
    assert commands[-1] == v.Finish(Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200))


def test_what_holds_for_the_call_is_the_new_plans() -> None:
    later = Plan(entry="ring", steps=(ring(branch("anna")),), number="+16695550100", account="4711")
    got = simulate(plan_of(Replan(id="ring", request=request())), {}, replan=lambda _: later)
    assert (got.plan.number, got.plan.account) == ("+16695550100", "4711")
    assert [step.id for step in got.plan.steps] == ["ring", "1~ring"]


def test_asking_again_and_again_is_a_loop() -> None:
    asked: list[CallRequest] = []

    def replan(what: CallRequest) -> Plan:
        asked.append(what)
        return plan_of(Replan(id="again", request=what))

    got = simulate(replan(request()), {}, replan=replan)
    assert got.termination == Termination(Result.FAILED, Reason.LOOP, 482)
    assert len(asked) - 1 == MOST_REPLANS


def test_inside_of_branches_asking_again_and_again_counts_as_absent() -> None:
    plan = plan_of(ring(branch("anna", exits={Outcome.BUSY: "r"}), branch("ben")), Replan(id="r", request=request()))
    got = simulate(plan, script("anna=busy,ben=rings"), replan=lambda what: plan_of(Replan(id="r", request=what)))
    assert (got.termination, got.at_s) == (Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480), 20.0)


def test_two_branches_that_ask_at_once_get_names_of_their_own() -> None:
    exits = {Outcome.OUTAGE: "r1"}, {Outcome.OUTAGE: "r2"}
    asks = (Replan(id="r1", request=request("1")), Replan(id="r2", request=request("2")))
    plan = plan_of(ring(branch("anna", exits=exits[0]), branch("ben", exits=exits[1])), *asks)
    got = simulate(plan, script("carl=rings,dora=answers/2s"), replan=lambda what: LATER[what.digits])
    assert seen(got)[-1] == "2 s cancel line:carl completed elsewhere"
    assert len({each.branch.id for _, each in got.commands if isinstance(each, v.StartBranch)}) == 4


LATER = {"1": plan_of(ring(branch("carl"))), "2": plan_of(ring(branch("dora")))}


def test_an_answer_for_a_step_that_did_not_ask_moves_nothing() -> None:
    state, _ = walk.step(walk.start(plan_of(Replan(id="r", request=request()))), v.Begin())
    assert walk.step(state, v.Replanned("s", plan_of(ring(branch("anna"))))) == (state, [])
    assert walk.step(state, v.StepDone("r")) == (state, [])


def test_vip_7_what_the_caller_is_told_before_the_end() -> None:
    plan = plan_of(Reject(id="no", status=480, reason=Reason.NO_ANSWER, announce="unavailable", text="Away"))
    got = simulate(plan, {})
    assert seen(got, *What) == ["0 s announce unavailable", "0 s end 480 no_answer"]
    assert got.commands == [
        (0.0, v.Finish(Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480), "unavailable", "Away"))
    ]
