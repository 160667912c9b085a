"""Ring groups: who rings when by each strategy, and what a member's own forwards do there (FWD-10, K.9)."""

from __future__ import annotations

import pytest

from dialplan.destinations import Destination, ring_group, user
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Delegate, Forwards, Line, Others, Quotas, Vip
from dialplan.plan import Branch, LineTarget, Outcome, Plan, Reject, Ring, Trunk, Voicemail
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from tests.support.company import (
    AT,
    ATTENDANT,
    OUTSIDE,
    VOICEMAIL,
    company,
    entry,
    from_inside,
    from_outside,
    line,
    rung,
    said,
)

NAMES = ("ben", "carl", "dora", "eve")


def group(*members: Member | str, **settings: object) -> RingGroup:
    made = tuple(Member(line=each) if isinstance(each, str) else each for each in members or NAMES)
    return RingGroup(id="desk", name="Desk", members=made, **settings)  # type: ignore[arg-type]


def call(called: RingGroup, *lines: Line, facts: Facts | None = None, **more: object) -> Plan:
    return from_outside(company(*lines, groups=(called,)), "*desk", facts or Facts(), **more)  # type: ignore[arg-type]


def branches(made: Plan) -> dict[str, Branch]:
    ring = entry(made)
    assert isinstance(ring, Ring)
    return {branch.target.line: branch for branch in ring.stages[0].branches}  # type: ignore[union-attr]


def starts(made: Plan) -> dict[str, float]:
    return {name: branch.delay_s for name, branch in branches(made).items()}


# Who calls


@pytest.mark.parametrize("forward", [{"always": user("dora")}, {"busy": user("dora")}])
def test_no_member_s_forward_rings_who_calls_the_group(forward: dict[str, Destination]) -> None:
    """FWD-10: Dora calls a group whose member Carl forwards to her; Carl rings, and then nobody."""
    model = company(line("carl", forwards=Forwards(**forward)), groups=(group("ben", "carl"),))
    made = from_inside(model, "*desk", by="dora")
    assert rung(made) == [["ben", "carl"]]
    assert not any(
        each.target == LineTarget("dora")
        for step in made.steps
        if isinstance(step, Ring)
        for stage in step.stages
        for each in stage.branches
    )
    assert not any(branch.exits for branch in branches(made).values())


def test_a_group_of_the_caller_alone_rings_when_it_is_called_and_not_by_a_forward() -> None:
    model = company(line("anna", forwards=Forwards(busy=ring_group("desk"))), groups=(group("dora"),))
    assert rung(from_inside(model, "*desk", by="dora")) == [["dora"]]
    made = from_inside(model, "anna", by="dora")
    rings = [rung(made, step.id) for step in made.steps if isinstance(step, Ring)]
    assert rings == [[["anna"]]]


# Strategies


def test_all_ring_together_each_after_its_own_delay() -> None:
    made = call(group("ben", Member(line="carl", delay_s=5.0, ring_s=12.0), ring_s=40.0))
    assert starts(made) == {"ben": 0.0, "carl": 5.0}
    assert [branch.ring_s for branch in branches(made).values()] == [40.0, 12.0]
    assert entry(made).stages[0].ring_s == 40.0  # type: ignore[union-attr]


def test_in_order_each_has_a_turn() -> None:
    made = call(group(strategy=Strategy.ORDER, turn_s=12.0))
    assert starts(made) == {"ben": 0.0, "carl": 12.0, "dora": 24.0, "eve": 36.0}
    assert {branch.ring_s for branch in branches(made).values()} == {12.0}
    got = simulate(made, {"line:ben": [Phone(status=486, after_s=2)], "line:carl": [Phone(status=200, after_s=3)]})
    assert (got.rang, got.connected, got.at_s) == (["line:ben", "line:carl"], "line:carl", 5.0)


@pytest.mark.parametrize(("cursor", "order"), [(0, "bcde"), (1, "cdeb"), (6, "debc"), (-1, "ebcd")])
def test_rotating_begins_with_the_next_one(cursor: int, order: str) -> None:
    made = call(group(strategy=Strategy.ROTATING), facts=Facts(cursors={"desk": cursor}))
    assert "".join(name[0] for name in starts(made)) == order
    assert entry(made).group == "desk"  # type: ignore[union-attr]
    assert "cursor:desk" in made.consulted


def test_rotating_keeps_its_places_when_somebody_is_left_out() -> None:
    facts = Facts(cursors={"desk": 1}, lines={"carl": LineFacts(out_of=frozenset({"desk"}))})
    assert list(starts(call(group(strategy=Strategy.ROTATING), facts=facts))) == ["dora", "eve", "ben"]


def test_longest_idle_first_and_those_on_a_call_last() -> None:
    lines = {
        "ben": LineFacts(idle_since=300.0),
        "carl": LineFacts(idle_since=100.0, active=1),
        "dora": LineFacts(idle_since=200.0),
    }
    made = call(group(strategy=Strategy.LONGEST_IDLE), facts=Facts(lines=lines))
    assert list(starts(made)) == ["eve", "dora", "ben", "carl"]


def test_random_goes_by_weights_and_is_decided_by_the_draw() -> None:
    called = group(Member(line="ben", weight=3), Member(line="carl", weight=1), strategy=Strategy.RANDOM)
    first = [next(iter(starts(call(called, facts=Facts(draw=n / 100))))) for n in range(100)]
    assert (first.count("ben"), first.count("carl")) == (75, 25)
    assert call(called, facts=Facts(draw=0.7)) == call(called, facts=Facts(draw=0.7))


# Who takes part


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (LineFacts(out_of=frozenset({"desk"})), "has opted out"),
        (LineFacts(dnd=True), "does not want to be disturbed"),
        (LineFacts(active=1), "is on a call, and skipped"),
    ],
)
def test_who_does_not_take_part_is_told_why(facts: LineFacts, verdict: str) -> None:
    made = call(group(skip_busy=True), facts=Facts(lines={"carl": facts}))
    assert list(branches(made)) == ["ben", "dora", "eve"]
    assert said(made, "ring_group:desk.members.carl") == [verdict]


def test_a_member_with_call_waiting_rings_unless_busy_ones_are_skipped() -> None:
    facts = Facts(lines={"carl": LineFacts(active=1)})
    assert list(branches(call(group(), facts=facts))) == list(NAMES)
    full = line("carl", call_waiting=False)
    assert list(branches(call(group(), full, facts=facts))) == ["ben", "dora", "eve"]


def test_who_calls_the_group_is_left_out() -> None:
    made = from_inside(company(groups=(group(),)), "*desk", by="ben")
    assert list(branches(made)) == ["carl", "dora", "eve"]
    assert said(made, "ring_group:desk.members.ben") == ["makes this call, and is left out"]


def test_delegates_of_a_member_do_not_ring_and_its_screening_is_for_direct_calls() -> None:
    """VIP-1: who may ring a user directly."""
    screened = line("ben", vip=Vip(others=Others.VOICEMAIL), delegates=(Delegate(line="anna"),))
    assert list(branches(call(group("ben", "carl"), screened))) == ["ben", "carl"]


# The end of it


@pytest.mark.parametrize("phone", [Phone(), Phone(status=486), Phone(status=0), Phone(status=603)])
def test_nobody_takes_it(phone: Phone) -> None:
    """K.9: the group's own exit, else 480."""
    script = {f"line:{name}": [phone] for name in NAMES}
    plain = simulate(call(group()), script).termination
    assert plain is not None
    assert plain.sip_status == 480
    assert simulate(call(group(otherwise=ATTENDANT)), script).connected == "attendant"


def test_a_group_of_nobody_goes_on_at_once() -> None:
    facts = Facts(lines={name: LineFacts(dnd=True) for name in NAMES})
    assert rung(call(group(otherwise=user("anna")), facts=facts)) == [["anna"]]
    end = entry(call(group(), facts=facts))
    assert isinstance(end, Reject)
    assert end.status == 480


def test_a_group_is_closed_by_its_own_hours_only() -> None:
    assert rung(call(group(hours="night", closed=user("anna")))) == [["anna"]]
    end = entry(call(group(hours="night")))
    assert isinstance(end, Reject)
    assert (end.status, end.announce) == (480, "closed")
    closed = line("ben", hours="night", closed=user("anna"))
    assert list(branches(call(group("ben"), closed))) == ["ben"]


def test_groups_that_end_in_each_other_are_a_loop() -> None:
    """FWD-9: no user was called at first, so it ends with 482."""
    other = RingGroup(id="other", members=(Member(line="anna"),), otherwise=ring_group("desk"))
    made = from_outside(company(groups=(group(otherwise=ring_group("other")), other)), "*desk")
    assert [step.status for step in made.steps if isinstance(step, Reject)] == [482]


# Forwards of members


def test_a_member_s_forward_to_a_user_runs_in_its_branch() -> None:
    """FWD-10, each condition."""
    ruled = line("ben", forwards=Forwards(busy=user("anna"), no_answer=user("stranger"), outage=user("anna")))
    made = call(group("ben", "carl", ring_s=60.0), ruled)
    ben = branches(made)["ben"]
    assert {outcome: rung(made, step) for outcome, step in ben.exits.items()} == {
        Outcome.BUSY: [["anna"]],
        Outcome.NO_ANSWER: [["stranger"]],
        Outcome.OUTAGE: [["anna"]],
    }
    assert (ben.ring_s, ben.from_ringing) == (15.0, True)
    got = simulate(
        made, {"line:ben": [Phone(status=0)], "line:carl": [Phone()], "line:anna": [Phone(status=200, after_s=3)]}
    )
    assert (got.connected, got.at_s) == ("line:anna", 3.0)


@pytest.mark.parametrize("to", [VOICEMAIL, ATTENDANT, ring_group("other"), OUTSIDE])
def test_other_forwards_of_a_member_are_not_followed(to: Destination) -> None:
    """FWD-10: the group's own plan goes on."""
    other = RingGroup(id="other", members=(Member(line="anna"),))
    model = company(
        line("ben", forwards=Forwards(busy=to, no_answer=to, outage=to)), groups=(group("ben", "carl"), other)
    )
    made = from_outside(model, "*desk")
    assert branches(made)["ben"].exits == {}
    assert not [step for step in made.steps if isinstance(step, Voicemail | Trunk)]


def test_an_external_forward_is_followed_where_the_group_allows_it() -> None:
    """FWD-10, with the hop of who forwards."""
    made = call(group("ben", external=True), line("ben", forwards=Forwards(outage=OUTSIDE)))
    step = made.step(branches(made)["ben"].exits[Outcome.OUTAGE])
    assert isinstance(step, Trunk)
    assert [(hop.by, hop.cause) for hop in step.hops] == [("ben", 503)]


@pytest.mark.parametrize(
    ("ben", "facts", "outcome"),
    [
        (line("ben", forwards=Forwards(no_answer=user("anna"))), LineFacts(dnd=True), Outcome.NO_ANSWER),
        (line("ben", call_waiting=False, forwards=Forwards(busy=user("anna"))), LineFacts(active=1), Outcome.BUSY),
        (line("ben", forwards=Forwards(always=user("anna"))), LineFacts(), Outcome.NO_ANSWER),
        (line("ben"), LineFacts(forwards={Condition.ALWAYS: user("anna")}), Outcome.NO_ANSWER),
    ],
)
def test_a_member_who_takes_no_call_now_is_passed_over_for_the_forward(
    ben: Line, facts: LineFacts, outcome: Outcome
) -> None:
    """FWD-10: as if the member had been called directly."""
    made = call(group("ben", "carl"), ben, facts=Facts(lines={"ben": facts}))
    assert rung(made) == [["(ben)", "carl"]]
    assert branches(made)["ben"].skip is outcome
    assert rung(made, branches(made)["ben"].exits[outcome]) == [["anna"]]


def test_who_sends_all_calls_to_voicemail_does_not_ring_in_a_group() -> None:
    made = call(group("ben", "carl"), line("ben", forwards=Forwards(always=VOICEMAIL)))
    assert rung(made) == [["carl"]]


def test_a_refused_forward_of_all_calls_leaves_the_member_ringing() -> None:
    """K.8."""
    abroad = line("ben", forwards=Forwards(always=user("nobody")))
    assert rung(call(group("ben", "carl"), abroad)) == [["ben", "carl"]]


def test_a_line_that_rings_is_not_rung_a_second_time() -> None:
    """By the forward of another member, as a delegate of who is forwarded to, or by two members who forward at once."""
    made = call(group("ben", "carl"), line("ben", forwards=Forwards(outage=user("carl"), busy=user("anna"))))
    assert set(branches(made)["ben"].exits) == {Outcome.BUSY}
    assert said(made, "user:carl") == ["rings already"]
    shared = line("anna", delegates=(Delegate(line="carl"), Delegate(line="dora")))
    made = call(group("ben", "carl"), line("ben", forwards=Forwards(busy=user("anna"))), shared)
    assert rung(made, branches(made)["ben"].exits[Outcome.BUSY]) == [["anna", "dora"]]
    both = Forwards(always=user("anna"))
    made = call(group("ben", "carl", "dora"), line("ben", forwards=both), line("carl", forwards=both))
    assert rung(made) == [["(ben)", "dora"]]


def test_a_user_who_is_forwarded_to_is_called_by_that_user_s_own_rules() -> None:
    """FWD-9, FWD-10: screening and hours too; what leads to voicemail ends the branch."""
    screened = line("anna", vip=Vip(others=Others.DELEGATES_ONLY), delegates=(Delegate(line="eve"),))
    made = call(group("ben"), line("ben", forwards=Forwards(busy=user("anna"))), screened)
    assert rung(made, branches(made)["ben"].exits[Outcome.BUSY]) == [["eve"]]
    for away in (line("anna", vip=Vip(others=Others.VOICEMAIL)), line("anna", hours="night")):
        made = call(group("ben"), line("ben", forwards=Forwards(busy=user("anna"))), away)
        assert branches(made)["ben"].exits == {}


def test_a_loop_in_a_branch_ends_the_branch() -> None:
    """FWD-9: nobody's voicemail gets a group's call."""
    back = line("anna", forwards=Forwards(no_answer=user("ben")))
    made = call(group("ben", "carl"), line("ben", forwards=Forwards(busy=user("anna"))), back)
    step = made.step(branches(made)["ben"].exits[Outcome.BUSY])
    assert isinstance(step, Ring)
    assert step.exits == {}
    assert said(made, "forwards") == ["user:ben has had this call already: not followed"]


@pytest.mark.parametrize(("delay_s", "at"), [(0.0, 3.0), (5.0, 8.0)])
def test_a_member_who_is_passed_over_is_not_rung_while_the_forward_is(delay_s: float, at: float) -> None:
    """The walk: after the member's own delay, in the member's branch, while the others ring on."""
    ben = Member(line="ben", delay_s=delay_s)
    made = call(group(ben, "carl"), line("ben", forwards=Forwards(always=user("anna"))))
    answers = [Phone(status=200, after_s=3)]
    got = simulate(made, {"line:ben": answers, "line:anna": answers, "line:carl": [Phone()]})
    assert (sorted(got.rang), got.connected, got.at_s) == (["line:anna", "line:carl"], "line:anna", at)


def test_turns_pass_at_once_over_who_leads_nowhere() -> None:
    """Nobody rings for ben, whose forward has no telephone: carl's turn begins without waiting."""
    called = group("ben", "carl", strategy=Strategy.ORDER, otherwise=user("eve"))
    made = call(called, line("ben", forwards=Forwards(always=user("anna"))))
    got = simulate(made, {"line:carl": [Phone(status=200)]})
    assert (got.connected, got.at_s) == ("line:carl", 0.0)
    nobody = simulate(made, {"line:eve": [Phone(status=200)]})
    assert (nobody.connected, nobody.at_s) == ("line:eve", 0.0)


def test_two_members_who_fail_into_the_same_user_ring_that_user_once() -> None:
    """FWD-10: only the walk can know; whoever comes second adds nothing, and the first one's branch decides."""
    both = Forwards(outage=user("anna"))
    made = call(group("ben", "carl"), line("ben", forwards=both), line("carl", forwards=both))
    got = simulate(made, {"line:anna": [Phone(status=200, after_s=5)]})
    assert (got.rang, got.connected) == (["line:ben", "line:carl", "line:anna"], "line:anna")
    further = line("anna", forwards=Forwards(no_answer=user("eve"), outage=user("dora"), after_s=10.0))
    made = call(group("ben", "carl"), line("ben", forwards=both), line("carl", forwards=both), further)
    got = simulate(made, {"line:anna": [Phone()], "line:eve": [Phone(status=200)], "line:dora": [Phone(status=200)]})
    assert (got.rang[2:], got.at_s) == (["line:anna", "line:eve"], 10.0)


def test_a_line_that_has_rung_in_vain_may_be_rung_again_by_a_later_forward() -> None:
    both = Forwards(outage=user("anna"))
    carl = Member(line="carl", delay_s=20.0)
    made = call(group("ben", carl), line("ben", forwards=both), line("carl", forwards=both))
    got = simulate(made, {"line:anna": [Phone(status=486, after_s=1)]})
    assert got.rang == ["line:ben", "line:anna", "line:carl", "line:anna"]


def test_a_group_that_is_open_rings() -> None:
    made = call(group("ben", hours="day", closed=user("anna")))
    assert rung(made) == [["ben"]]
    assert said(made, "hours:day") == ["open: mon 08:00-17:00"]


def test_a_member_who_has_called_for_help_rings_whatever_is_set() -> None:
    """EMG-8: the call back may come by way of a group, whose number was shown."""
    ruled = line("ben", call_waiting=False, forwards=Forwards(busy=user("anna"), always=user("anna")))
    facts = Facts(lines={"ben": LineFacts(dnd=True, active=1, helped_at=AT)})
    made = call(group("ben", "carl", skip_busy=True), ruled, facts=facts)
    assert rung(made) == [["ben", "carl"]]
    assert branches(made)["ben"].exits == {}


@pytest.mark.parametrize(
    ("member", "strategy", "ring_s", "from_ringing"),
    [
        (Member(line="ben"), Strategy.ALL, 20.0, True),
        (Member(line="ben", ring_s=9.0), Strategy.ALL, 9.0, False),
        (Member(line="ben"), Strategy.ORDER, 12.0, False),
        (Member(line="ben", ring_s=9.0), Strategy.ORDER, 9.0, False),
    ],
)
def test_how_long_a_member_with_a_rule_for_no_answer_rings(
    member: Member, strategy: Strategy, ring_s: float, from_ringing: bool
) -> None:
    """FWD-3 and FWD-10: its own delay, unless the group says how long."""
    ruled = line("ben", forwards=Forwards(no_answer=user("anna"), after_s=20.0))
    ben = branches(call(group(member, "carl", strategy=strategy, turn_s=12.0), ruled))["ben"]
    assert (ben.ring_s, ben.from_ringing) == (ring_s, from_ringing)


def test_a_delegate_who_calls_the_group_on_the_shared_line_is_left_out_and_so_is_that_line() -> None:
    anna = line("anna", delegates=(Delegate(line="ben"),))
    made = from_inside(company(anna, groups=(group("anna", "ben", "carl"),)), "*desk", by="ben", line="anna")
    assert rung(made) == [["carl"]]


def test_who_has_sent_a_call_to_the_group_does_not_get_it_back() -> None:
    """VIP-13, FWD-9: so that VIP-4d never rings the user, whatever the user's own rules lead to."""
    rules_ = Forwards(no_answer=ring_group("desk"))
    anna = line("anna", forwards=rules_, vip=Vip(others=Others.DELEGATES_ONLY), delegates=(Delegate(line="ben"),))
    model = company(anna, groups=(group("anna", "carl"),))
    made = from_outside(model, "anna")
    step = entry(made)
    assert isinstance(step, Ring) and rung(made) == [["ben"]]
    assert rung(made, step.exits[Outcome.NO_ANSWER]) == [["carl"]]
    assert said(made, "ring_group:desk.members.anna") == ["has had this call already"]
    assert rung(from_outside(model, "*desk")) == [["anna", "carl"]], "nobody has sent this one"


@pytest.mark.parametrize(("up", "status"), [(1, 0), (2, 480)])
def test_what_a_group_sends_outside_is_within_the_quotas_of_the_account(up: int, status: int) -> None:
    """OUT-5: nobody's permission is asked, since the operator wrote the number."""
    model = company(groups=(group("ben", otherwise=OUTSIDE),), quotas=Quotas(calls=2))
    facts = Facts(account=LineFacts(external=up))
    made = from_outside(model, "*desk", facts)
    ring = entry(made)
    assert isinstance(ring, Ring)
    after = made.step(ring.exits[Outcome.NO_ANSWER])
    assert isinstance(after, Reject if status else Trunk) and getattr(after, "status", 0) == status
