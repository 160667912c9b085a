"""FWD-10: a branch goes on with another step inside its stage, while the others ring."""

from __future__ import annotations

import pytest

from dialplan import vocabulary as v
from dialplan import walk
from dialplan.plan import Hop, LineTarget, Outcome, Reject, Replan, Ring, Route, Stage, Step, Trunk, Voicemail
from dialplan.simulate import What, simulate
from dialplan.stages import DEEPEST
from dialplan.termination import Reason, Result, Termination
from tests.support.plans import branch, plan_of, request, ring, script, seen

NO_ANSWER = Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480)
FORWARDS = {Outcome.OUTAGE: "then"}


def group(then: Step, exits: dict[Outcome, str] | None = None, stage_s: float = 0.0) -> tuple[Ring, Step]:
    """Anna, whose calls go on, and Ben, who just rings."""
    first = branch("anna", exits=FORWARDS if exits is None else exits)
    return ring(first, branch("ben"), step="group", stage_s=stage_s), then


def test_fwd_10_a_members_outage_goes_on_while_the_others_ring() -> None:
    plan = plan_of(*group(ring(branch("carl"), step="then", hops=(Hop("anna", 503),))))
    got = simulate(plan, script("anna=outage,ben=rings,carl=answers/7s"))
    assert got.connected == "line:carl"
    assert seen(got, What.INVITE, What.FORWARD, What.CANCEL, What.ANSWER) == [
        "0 s invite line:ben",
        "0 s forward anna cause 503",
        "0 s invite line:carl",
        "7 s answer line:carl",
        "7 s cancel line:ben completed elsewhere",
    ]


def test_fwd_10_who_answers_the_group_ends_what_a_branch_has_gone_on_to() -> None:
    plan = plan_of(*group(ring(branch("carl"), step="then", stage_s=30.0)))
    got = simulate(plan, script("anna=outage,ben=answers/3s,carl=rings"))
    assert seen(got) == [
        "0 s invite line:ben",
        "0 s invite line:carl",
        "3 s cancel line:carl completed elsewhere",
    ]


@pytest.mark.parametrize(("carl", "reason"), [("busy", Reason.BUSY), ("rings", Reason.NO_ANSWER)])
def test_fwd_10_what_is_inside_comes_to_is_what_the_branch_comes_to(carl: str, reason: Reason) -> None:
    plan = plan_of(*group(ring(branch("carl"), step="then")))
    got = simulate(plan, script(f"anna=outage,ben=outage,carl={carl}"))
    assert got.termination is not None and got.termination.reason is reason


def test_fwd_10_forwards_follow_each_other_inside_a_branch() -> None:
    carl = Ring(id="then", stages=(Stage((branch("carl", 5.0),)),), exits={Outcome.NO_ANSWER: "on"})
    plan = plan_of(*group(carl), ring(branch("dave", exits={Outcome.BUSY: "out"}), step="on"), OUT)
    got = simulate(plan, script("anna=outage,ben=rings,carl=rings,dave=busy,trunk:carrier=answers/2s"))
    assert seen(got, What.INVITE) == [
        "0 s invite line:ben",
        "0 s invite line:carl",
        "5 s invite line:dave",
        "5 s invite trunk:carrier",
    ]
    assert (got.connected, got.at_s) == ("trunk:carrier", 7.0)


OUT = Trunk(id="out", routes=(Route("first", "+331"), Route("carrier", "+331")), ring_s=60.0)


def test_fwd_10_a_forward_to_outside_tries_its_routes_inside_the_branch() -> None:
    plan = plan_of(*group(OUT, {Outcome.OUTAGE: "out"}))
    got = simulate(plan, script("anna=outage,ben=rings,trunk:first=503/1s,trunk:carrier=404/1s"))
    assert got.rang == ["line:anna", "line:ben", "trunk:first", "trunk:carrier"]
    assert (got.termination, got.at_s) == (NO_ANSWER, 20.0), "the carrier's 404 is no word about the group"


@pytest.mark.parametrize(
    ("then", "ends"),
    [
        (Voicemail(id="then", mailbox="anna"), Reason.BUSY),
        (Reject(id="then", status=480, reason=Reason.NO_ANSWER), Reason.NO_ANSWER),
        (Reject(id="then", status=403, reason=Reason.NOT_PERMITTED), Reason.REJECTED),
        (ring(step="then"), Reason.OUTAGE),
    ],
)
def test_fwd_10_nothing_but_a_telephone_answers_the_caller_out_of_a_branch(then: Step, ends: Reason) -> None:
    plan = plan_of(*group(then, {Outcome.BUSY: "then"}))
    got = simulate(plan, script("anna=busy,ben=outage"))
    assert got.termination is not None and (got.termination.reason, got.connected) == (ends, "")


def test_fwd_9_a_step_that_was_entered_is_not_entered_again_out_of_a_branch() -> None:
    plan = plan_of(ring(branch("anna", exits={Outcome.BUSY: "ring"}), branch("ben"), step="ring"))
    got = simulate(plan, script("anna=busy,ben=outage"))
    assert got.termination == Termination(Result.BUSY, Reason.BUSY, 486)
    assert got.rang == ["line:anna", "line:ben"]


def test_branches_that_go_on_without_end_are_left_alone() -> None:
    steps = [ring(branch(f"l{n}", exits={Outcome.OUTAGE: f"s{n + 1}"}), step=f"s{n}") for n in range(30)]
    got = simulate(plan_of(*steps, Reject(id="s30", status=480, reason=Reason.OUTAGE)), {})
    assert len(got.rang) == DEEPEST + 1


def test_fwd_10_a_member_who_is_skipped_is_not_rung_and_his_exit_counts() -> None:
    away = branch("anna", skip=Outcome.BUSY, exits={Outcome.BUSY: "then"})
    plan = plan_of(ring(away, branch("ben")), ring(branch("carl"), step="then"))
    got = simulate(plan, script("anna=answers,ben=rings,carl=answers/1s"))
    assert (got.connected, got.rang) == ("line:carl", ["line:carl", "line:ben"])


def test_whoever_is_skipped_waits_for_his_turn_and_counts_like_his_telephones() -> None:
    away = branch("anna", delay_s=5.0, skip=Outcome.BUSY, exits={Outcome.BUSY: "then"})
    plan = plan_of(ring(branch("ben", 20.0), away), ring(branch("carl"), step="then"))
    assert seen(simulate(plan, script("ben=rings,carl=rings")), What.INVITE)[1] == "5 s invite line:carl"
    assert seen(simulate(plan, script("ben=busy/2s,carl=rings")), What.INVITE)[1] == "2 s invite line:carl"
    everybody = plan_of(Ring(id="ring", stages=(Stage((branch("anna", skip=Outcome.BUSY),)),) * 300))
    assert simulate(everybody, {}).termination == Termination(Result.BUSY, Reason.BUSY, 486)


def test_fwd_8_a_rejected_branch_follows_its_exit_for_no_answer_at_once() -> None:
    plan = plan_of(*group(ring(branch("carl"), step="then"), {Outcome.NO_ANSWER: "then"}))
    got = simulate(plan, script("anna=rejects/2s,ben=rings,carl=answers/1s"))
    assert (got.connected, got.at_s) == ("line:carl", 3.0)


def test_fwd_6_the_users_word_ends_the_users_other_telephones_and_one_telephones_word_does_not() -> None:
    plan = plan_of(*group(ring(branch("carl"), step="then"), {Outcome.BUSY: "then", Outcome.NO_ANSWER: "then"}))
    word = simulate(plan, script("anna=rings+600/1s,ben=rings,carl=rings"))
    assert seen(word)[3:5] == ["1 s cancel line:anna", "1 s invite line:carl"]
    one = simulate(plan, script("anna=rings+busy/1s+dnd,ben=rings,carl=rings"))
    assert seen(one, What.INVITE)[-1] == "20 s invite line:carl"


def test_a_branch_asks_the_planner_again_while_the_others_ring() -> None:
    plan = plan_of(*group(Replan(id="then", request=request("7"), hops=(Hop("anna", 503),))))
    later = plan_of(ring(branch("carl"), step="group", hops=(Hop("carl", 486),)))
    asked = []

    def replan(what: object) -> object:
        asked.append(what)
        return later

    got = simulate(plan, script("anna=outage,ben=rings,carl=answers/4s"), replan=replan)  # type: ignore[arg-type]
    assert asked == [request("7")]
    assert (got.connected, got.at_s) == ("line:carl", 4.0)
    assert seen(got, What.FORWARD) == ["0 s forward anna cause 503", "0 s forward carl cause 486"]


def test_k_2_the_judge_is_the_principal_whoever_else_rang() -> None:
    stages = (Stage((branch("anna"), branch("ben"))), Stage((branch("dora"),)))
    plan = plan_of(Ring(id="vip", stages=stages, judge="anna"))
    got = simulate(plan, script("anna=busy,ben=rings,dora=rings"))
    assert got.termination == Termination(Result.BUSY, Reason.BUSY, 486)


def test_k_2_a_principal_who_was_not_rung_did_not_answer() -> None:
    plan = plan_of(ring(branch("ben"), judge="anna", exits={Outcome.NO_ANSWER: "mail", Outcome.BUSY: "no"}), *ENDS)
    got = simulate(plan, script("ben=busy"))
    assert got.connected == "mail"
    assert simulate(plan_of(Ring(id="vip", stages=(), judge="anna")), {}).termination == NO_ANSWER  # VIP-12


ENDS = (Voicemail(id="mail", mailbox="anna"), Reject(id="no", status=486, reason=Reason.BUSY))


def test_the_policy_of_who_pays_is_on_the_branch_of_a_trunk() -> None:
    got = simulate(plan_of(OUT), script("trunk:first=answers"))
    assert got.branch is not None and got.branch.policy is OUT.policy
    assert not isinstance(got.branch.target, LineTarget)


def test_whether_there_is_another_way_is_asked_of_the_step_that_the_branch_belongs_to() -> None:
    state, _ = walk.step(walk.start(plan_of(*group(OUT, {Outcome.OUTAGE: "out"}))), v.Begin())
    state, _ = walk.step(state, v.Contacts("b/anna", 0))
    assert walk.more(state, "out/0")
    assert not walk.more(state, "b/ben")
    state, _ = walk.step(state, v.Contacts("out/0", 0))
    assert not walk.more(state, "out/1")
    assert not walk.more(state, "out/0")
