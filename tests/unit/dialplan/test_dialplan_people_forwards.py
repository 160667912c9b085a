"""Forwarding of a line that is called: conditions and destinations, what users set, locks, loops (FWD, K.8 to K.10)."""

from __future__ import annotations

import datetime

import pytest

from dialplan.destinations import NOWHERE, Destination, To, ring_group, user
from dialplan.draft import MOST_REASONS, MOST_STEPS
from dialplan.facts import Condition, Facts, LineFacts
from dialplan.groups import Attendant, Member, Queue, RingGroup
from dialplan.lines import Delegate, Forwards, Line, Outside, Permission
from dialplan.model import Model
from dialplan.plan import CallRequest, Hop, Outcome, Plan, Reject, Replan, Ring, Trunk, TrunkTarget, Voicemail
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from dialplan.termination import Reason
from tests.support.company import (
    ABROAD,
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

DESK = RingGroup(id="desk", members=(Member(line="carl"), Member(line="dora")))
CONDITIONS = {
    Condition.BUSY: (Outcome.BUSY, 486, Phone(status=486)),
    Condition.NO_ANSWER: (Outcome.NO_ANSWER, 408, Phone()),
    Condition.OUTAGE: (Outcome.OUTAGE, 503, Phone(status=0)),
}
TO = {
    "voicemail": (VOICEMAIL, "voicemail"),
    "attendant": (ATTENDANT, "attendant"),
    "user": (user("ben"), "line:ben"),
    "external": (OUTSIDE, "trunk:carrier"),
    "ring_group": (ring_group("desk"), "line:dora"),
}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", TO)
def test_each_condition_leads_to_each_destination(condition: Condition, kind: str) -> None:
    """FWD-2: fifteen combinations, walked with a telephone that is busy, rings on, or cannot be reached."""
    to, connected = TO[kind]
    model = company(line("anna", forwards=Forwards(**{condition.value: to})), groups=(DESK,))
    made = from_outside(model, "anna")
    outcome, cause, phone = CONDITIONS[condition]
    ring = entry(made)
    assert isinstance(ring, Ring)
    assert set(ring.exits) == {outcome}
    step = made.step(ring.exits[outcome])
    assert step.hops[-1].cause == cause  # type: ignore[union-attr]
    assert step.hops[-1].by == "anna"  # type: ignore[union-attr]
    answers = [Phone(status=200)]
    script = {"line:anna": [phone], "line:ben": answers, "line:dora": answers, "trunk:carrier": answers}
    assert simulate(made, script).connected == connected


def test_the_delay_of_the_rule_for_no_answer_counts_from_the_ringing() -> None:
    """FWD-3; without a rule the line's own ring time holds (K.9)."""
    ruled = entry(from_inside(company(line("anna", forwards=Forwards(no_answer=VOICEMAIL, after_s=10))), "anna"))
    plain = entry(from_inside(company(line("anna", ring_s=40.0)), "anna"))
    assert isinstance(ruled, Ring) and isinstance(plain, Ring)
    first, second = ruled.stages[0].branches[0], plain.stages[0].branches[0]
    assert (first.ring_s, first.from_ringing) == (10.0, True)
    assert (second.ring_s, second.from_ringing) == (40.0, False)


@pytest.mark.parametrize(("own", "counts"), [(25.0, 25.0), (3.0, 10.0), (float("inf"), 60.0), (0.0, 15.0)])
def test_a_user_s_own_delay_stays_within_its_bounds(own: float, counts: float) -> None:
    model = company(line("anna", forwards=Forwards(no_answer=VOICEMAIL)))
    made = entry(from_inside(model, "anna", Facts(lines={"anna": LineFacts(after_s=own)})))
    assert isinstance(made, Ring)
    assert made.stages[0].branches[0].ring_s == counts


def test_always_rings_nobody() -> None:
    made = from_inside(company(line("anna", forwards=Forwards(always=user("ben")))), "anna")
    assert rung(made) == [["ben"]]
    number = line("anna").caller_id
    assert entry(made).hops == (Hop("anna", 302, number, "Anna", number),)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("phone", "status", "reason"),
    [
        (Phone(status=486), 486, Reason.BUSY),
        (Phone(), 480, Reason.NO_ANSWER),
        (Phone(status=0), 480, Reason.OUTAGE),
        (Phone(status=603), 480, Reason.REJECTED),
    ],
)
def test_without_a_rule_each_condition_has_its_status(phone: Phone, status: int, reason: Reason) -> None:
    """FWD-7."""
    got = simulate(from_inside(company(), "anna"), {"line:anna": [phone]})
    assert got.termination is not None
    assert (got.termination.sip_status, got.termination.reason) == (status, reason)


def test_a_rejected_call_follows_the_rule_for_no_answer_at_once() -> None:
    """FWD-8."""
    model = company(line("anna", forwards=Forwards(no_answer=VOICEMAIL, busy=user("ben"))))
    got = simulate(from_inside(model, "anna"), {"line:anna": [Phone(status=603, after_s=2)]})
    assert (got.connected, got.at_s) == ("voicemail", 2.0)


# What users set


def with_forwards(own: dict[Condition, Destination], **more: object) -> Facts:
    return Facts(lines={"anna": LineFacts(forwards=own, **more)})  # type: ignore[arg-type]


def test_what_the_user_has_set_replaces_what_is_configured() -> None:
    model = company(line("anna", forwards=Forwards(no_answer=VOICEMAIL, busy=VOICEMAIL)))
    made = from_inside(model, "anna", with_forwards({Condition.NO_ANSWER: user("ben"), Condition.BUSY: NOWHERE}))
    ring = entry(made)
    assert isinstance(ring, Ring)
    assert set(ring.exits) == {Outcome.NO_ANSWER}
    assert rung(made, ring.exits[Outcome.NO_ANSWER]) == [["ben"]]
    assert said(made, "user:anna.forward.busy") == ["switched off by the user"]
    assert made.consulted == ("anna", "ben")


def test_a_lock_keeps_what_is_configured() -> None:
    locked = frozenset({Condition.NO_ANSWER, Condition.ALWAYS})
    model = company(line("anna", forwards=Forwards(no_answer=VOICEMAIL, locked=locked, after_locked=True)))
    own = {Condition.NO_ANSWER: user("ben"), Condition.ALWAYS: user("carl"), Condition.BUSY: user("dora")}
    made = from_inside(model, "anna", with_forwards(own, after_s=50.0))
    ring = entry(made)
    assert isinstance(ring, Ring)
    assert ring.stages[0].branches[0].ring_s == 15.0
    assert isinstance(made.step(ring.exits[Outcome.NO_ANSWER]), Voicemail)
    assert rung(made, ring.exits[Outcome.BUSY]) == [["dora"]]
    assert said(made, "user:anna.forward.always") == ["is locked: what the user has set (user:carl) does not count"]


def test_do_not_disturb_follows_the_rule_for_no_answer_without_ringing() -> None:
    """FWD-8, FWD-7."""
    facts = Facts(lines={"anna": LineFacts(dnd=True)})
    ruled = from_inside(company(line("anna", forwards=Forwards(no_answer=VOICEMAIL))), "anna", facts)
    assert isinstance(entry(ruled), Voicemail)
    plain = entry(from_inside(company(), "anna", facts))
    assert isinstance(plain, Reject)
    assert plain.status == 480


@pytest.mark.parametrize(
    ("settings", "active", "busy"),
    [
        ({"call_waiting": False}, 1, True),
        ({"call_waiting": False}, 0, False),
        ({"calls": 2}, 1, False),
        ({"calls": 2}, 2, True),
        ({}, 9, False),
    ],
)
def test_a_line_at_its_limit_is_busy(settings: dict[str, object], active: int, busy: bool) -> None:
    """FWD-5: with call waiting the rule does not fire before the limit."""
    facts = Facts(lines={"anna": LineFacts(active=active)})
    plain = entry(from_inside(company(line("anna", **settings)), "anna", facts))
    assert isinstance(plain, Reject) == busy
    if isinstance(plain, Reject):
        assert (plain.status, plain.reason) == (486, Reason.BUSY)
    ruled = line("anna", forwards=Forwards(busy=user("ben")), **settings)
    assert rung(from_inside(company(ruled), "anna", facts)) == [["ben"] if busy else ["anna"]]


# Refusals


def test_a_forward_outside_needs_the_permission_of_who_forwards() -> None:
    """FWD-11, K.8: refused counts as absent, and is told; the ring time is then that without a rule (K.9)."""
    anna = line("anna", ring_s=33.0, forwards=Forwards(no_answer=ABROAD))
    made = from_outside(company(anna), "anna")
    ring = entry(made)
    assert isinstance(ring, Ring)
    assert (ring.exits, ring.stages[0].branches[0].ring_s) == ({}, 33.0)
    assert (
        said(made, "user:anna.forward.no_answer")[-1]
        == "to external:+442079460000 cannot be followed: counts as absent"
    )
    may = line("anna", forwards=Forwards(no_answer=ABROAD), outside=Outside(permission=Permission.INTERNATIONAL))
    ring = entry(from_outside(company(may), "anna"))
    assert isinstance(ring, Ring)
    assert set(ring.exits) == {Outcome.NO_ANSWER}


def test_a_call_that_is_forwarded_outside_is_the_forwarding_user_s() -> None:
    """FWD-11, LIM-10."""
    anna = line("anna", forwards=Forwards(always=OUTSIDE))
    model = company(anna)
    step = entry(from_outside(model, "anna"))
    assert isinstance(step, Trunk)
    assert step.policy == anna.policy
    assert [(hop.by, hop.cause) for hop in step.hops] == [("anna", 302)]
    assert [TrunkTarget(r.trunk, r.number).number for r in step.routes] == ["+16695550177"]


def test_voicemail_that_is_not_enabled_counts_as_absent() -> None:
    """FWD-12 is refused by `config`; a user can set it nevertheless."""
    made = from_inside(company(line("anna", mailbox=False)), "anna", with_forwards({Condition.ALWAYS: VOICEMAIL}))
    assert rung(made) == [["anna"]]
    assert "voicemail is not enabled: counts as absent" in said(made, "user:anna.forward.always")


@pytest.mark.parametrize("to", ["user:nobody", "ring_group:none", "attendant:none", "voicemail:none", "queue:none"])
def test_what_does_not_exist_counts_as_absent(to: str) -> None:
    kind, _, name = to.partition(":")
    made = from_inside(company(line("anna", forwards=Forwards(always=Destination(To(kind), name)))), "anna")
    assert rung(made) == [["anna"]]
    assert f"to {to} cannot be followed: counts as absent" in said(made, "user:anna.forward.always")


# Who calls


@pytest.mark.parametrize("condition", ["busy", "no_answer", "outage"])
def test_a_forward_to_who_calls_counts_as_absent(condition: str) -> None:
    """FWD-9, K.8: Dora calls Anna, who sends calls to Dora; others are sent there."""
    model = company(line("anna", forwards=Forwards(**{condition: user("dora")})))
    asked = from_inside(model, "anna", by="dora")
    assert rung(asked) == [["anna"]] and len(asked.steps) == 1
    assert said(asked, f"user:anna.forward.{condition}")[-1].startswith("user:dora makes this call, and is left out")
    assert Outcome(condition) in entry(from_inside(model, "anna", by="ben")).exits  # type: ignore[union-attr]


def test_who_sends_all_calls_to_somebody_is_rung_by_that_one() -> None:
    model = company(line("anna", forwards=Forwards(always=user("dora"))))
    assert rung(from_inside(model, "anna", by="dora")) == [["anna"]]
    assert rung(from_inside(model, "anna", by="ben")) == rung(from_outside(model, "anna")) == [["dora"]]


def test_a_delegate_who_calls_on_a_line_is_rung_by_no_forward_nor_is_the_line() -> None:
    """SLN-1: Ben calls on Dora's line."""
    dora = line("dora", delegates=(Delegate(line="ben"),))
    for to in ("ben", "dora"):
        model = company(line("anna", forwards=Forwards(always=user(to))), dora)
        assert rung(from_inside(model, "anna", by="ben", line="dora")) == [["anna"]]


def test_a_call_to_oneself_is_nobody_else_s_affair() -> None:
    """By one's own choice it rings; what comes back to it is a loop."""
    model = company(line("carl", forwards=Forwards(always=user("dora"))))
    assert rung(from_inside(model, "dora", by="dora")) == [["dora"]]
    there = company(
        line("carl", forwards=Forwards(always=user("dora"))), line("dora", forwards=Forwards(always=user("carl")))
    )
    end = entry(from_inside(there, "dora", by="dora"))
    assert isinstance(end, Voicemail) and end.loop


# Chains and loops


def test_a_forward_to_a_user_applies_that_user_s_own_plan() -> None:
    """FWD-9; the mailbox at the end is that of who forwards there."""
    model = company(line("anna", forwards=Forwards(always=user("ben"))), line("ben", forwards=Forwards(busy=VOICEMAIL)))
    ring = entry(from_inside(model, "anna"))
    assert isinstance(ring, Ring)
    step = from_inside(model, "anna").step(ring.exits[Outcome.BUSY])
    assert isinstance(step, Voicemail)
    assert (step.mailbox, [(hop.by, hop.cause) for hop in step.hops]) == ("ben", [("anna", 302), ("ben", 486)])


@pytest.mark.parametrize("way", [(), ("ben",), ("ben", "carl"), ("ben", "carl", "dora")])
def test_a_loop_ends_in_the_first_one_s_voicemail(way: tuple[str, ...]) -> None:
    """FWD-9, also for a forward to oneself."""
    names = ("anna", *way)
    lines = [line(n, forwards=Forwards(always=user(names[(at + 1) % len(names)]))) for at, n in enumerate(names)]
    made = from_outside(company(*lines), "anna")
    end = entry(made)
    assert isinstance(end, Voicemail)
    assert (end.mailbox, end.loop) == ("anna", True)
    assert len(end.hops) == len(names)
    assert said(made, "forwards") == ["user:anna has had this call already: ends in the voicemail of anna"]


def test_a_loop_without_voicemail_ends_with_482() -> None:
    ben = line("ben", forwards=Forwards(always=user("anna")))
    made = from_outside(company(line("anna", mailbox=False, forwards=Forwards(always=user("ben"))), ben), "anna")
    end = entry(made)
    assert isinstance(end, Reject)
    assert (end.status, end.reason) == (482, Reason.LOOP)


def test_a_loop_through_our_own_number_outside_is_one() -> None:
    """A number of the house is reached without leaving it."""
    out = Destination(To.EXTERNAL, "+16695550101")
    made = from_outside(company(line("anna", forwards=Forwards(always=out))), "anna")
    assert isinstance(entry(made), Voicemail)
    assert not [step for step in made.steps if isinstance(step, Trunk)]


def chain(length: int) -> list[object]:
    names = ["anna", *(f"n{n}" for n in range(1, length + 1))]
    ends = [*(Forwards(always=user(name)) for name in names[1:]), Forwards()]
    return [line(name, forwards=forward) for name, forward in zip(names, ends, strict=True)]


def test_five_forwards_are_allowed_and_a_sixth_ends_like_a_loop() -> None:
    """K.10."""
    assert rung(from_outside(company(*chain(5)), "anna")) == [["n5"]]  # type: ignore[arg-type]
    made = from_outside(company(*chain(6)), "anna")  # type: ignore[arg-type]
    end = entry(made)
    assert isinstance(end, Voicemail)
    assert end.mailbox == "anna"
    assert said(made, "forwards")[0].startswith("to user:n6 would be one more than 5 forwards")


def test_forwards_that_were_made_elsewhere_count() -> None:
    assert rung(from_outside(company(*chain(2)), "anna", hops=3)) == [["n2"]]  # type: ignore[arg-type]
    assert isinstance(entry(from_outside(company(*chain(2)), "anna", hops=4)), Voicemail)  # type: ignore[arg-type]


def test_who_has_forwarded_the_call_before_is_not_rung_again() -> None:
    """A request that is made again carries whom the call was at."""
    made = from_outside(company(), "anna", visited=("user:anna", "user:ben"))
    assert isinstance(entry(made), Voicemail)


# Closed, and called back


def test_outside_of_the_hours_the_call_goes_where_the_line_says() -> None:
    """XRL-1; without a word about it to voicemail, else 480."""
    made = from_outside(company(line("anna", hours="night", closed=user("ben"))), "anna")
    assert rung(made) == [["ben"]]
    assert [hop.cause for hop in entry(made).hops] == [480]  # type: ignore[union-attr]
    assert said(made, "hours:night") == ["closed: mon"]
    assert isinstance(entry(from_outside(company(line("anna", hours="night")), "anna")), Voicemail)
    end = entry(from_outside(company(line("anna", mailbox=False, hours="night")), "anna"))
    assert isinstance(end, Reject)
    assert (end.status, end.announce) == (480, "closed")
    assert rung(from_outside(company(line("anna", hours="day", closed=user("ben"))), "anna")) == [["anna"]]


def test_the_hours_are_those_of_the_line_s_own_zone() -> None:
    """TZ-2: 09:30 in Chicago is before 08:00 in Los Angeles."""
    west = line("anna", hours="day", time_zone="America/Los_Angeles", closed=user("ben"))
    at = datetime.datetime(2026, 7, 6, 14, 30, tzinfo=datetime.UTC)
    assert rung(from_outside(company(west), "anna", at=at)) == [["ben"]]
    assert rung(from_outside(company(west), "anna", at=at + datetime.timedelta(minutes=30))) == [["anna"]]


@pytest.mark.parametrize(("minutes", "through"), [(0, True), (60, True), (61, False), (-1, False)])
def test_a_call_back_within_the_hour_of_an_emergency_call_gets_through(minutes: int, through: bool) -> None:
    """EMG-8: do-not-disturb, forwards, hours and the limit of calls are ignored."""
    helped = AT - datetime.timedelta(minutes=minutes)
    anna = line("anna", hours="night", call_waiting=False, forwards=Forwards(always=user("ben")), closed=user("carl"))
    facts = Facts(lines={"anna": LineFacts(dnd=True, active=1, helped_at=helped)})
    made = from_outside(company(anna), "anna", facts)
    assert rung(made) == [["anna" if through else "carl"]]
    if through:
        assert entry(made).exits == {}  # type: ignore[union-attr]


def tree(deep: int, **settings: object) -> list[Line]:
    """Each user forwards each condition to another one, and so do they: 3 to the power of `deep` ends."""
    lines = []
    for level in range(deep + 1):
        for n in range(3**level):
            ways = [user(f"n{level + 1}.{n * 3 + way}") for way in range(3)]
            rules = Forwards(busy=ways[0], no_answer=ways[1], outage=ways[2]) if level < deep else Forwards()
            lines.append(line("anna" if not level else f"n{level}.{n}", mailbox=False, forwards=rules, **settings))
    return lines


def test_stages_of_very_many_lines_are_cut_too() -> None:
    many = tuple(Delegate(line=f"d{n}") for n in range(15))
    made = from_outside(company(*tree(5, delegates=many), *(line(each.line) for each in many)), "anna")
    assert any(isinstance(step, Replan) for step in made.steps)
    assert len(made.because) <= MOST_REASONS + 400


def test_a_plan_without_measure_is_cut_and_asked_again() -> None:
    """No configuration makes planning slow; where it was cut, the walk asks again, and hops go on counting (K.10)."""
    model = company(*tree(5))
    made = from_outside(model, "anna")
    assert len(made.steps) <= MOST_STEPS + 20
    asked = []

    def replan(request: CallRequest) -> Plan:
        asked.append(request)
        return plan(model, request)

    last = "n5.242"  # by outage each time
    got = simulate(made, {f"line:{last}": [Phone(status=200)]}, replan=replan)
    assert got.connected == f"line:{last}"
    assert len(asked) == 1
    assert asked[0].hops == len(asked[0].visited) > 0
    assert asked[0].visited[0] == "user:anna"


# Attendants and queues


def reception(closed: dict[str, Destination | None], **more: object) -> Model:
    """Attendants and queues that are closed now, each with where it sends calls then."""
    attendants = {name: Attendant(id=name, hours="night", closed=to) for name, to in closed.items()}
    queues = {name: Queue(id=name, hours="night", closed=to) for name, to in closed.items()}
    return company(attendants=attendants, queues=queues, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [To.ATTENDANT, To.QUEUE])
def test_attendants_and_queues_have_hours(kind: To) -> None:
    """XRL-1, TZ-1: the same three settings as for people."""
    at_main = Destination(kind, "main")
    open_now = company(queues={"main": Queue(id="main", hours="day")}, attendants={"main": Attendant(id="main")})
    assert entry(from_outside(open_now, at_main)).id == kind.value
    made = from_outside(reception({"main": user("ben")}), at_main)
    assert rung(made) == [["ben"]]
    assert [(hop.by, hop.cause) for hop in entry(made).hops] == [(f"{kind.value}:main", 480)]  # type: ignore[union-attr]
    end = entry(from_outside(reception({"main": None}), at_main))
    assert isinstance(end, Reject)
    assert (end.status, end.announce) == (480, "closed")


def test_attendants_that_are_closed_into_each_other_are_a_loop() -> None:
    """FWD-9; nobody's voicemail is that of a menu."""
    other = Destination(To.ATTENDANT, "other")
    end = entry(from_outside(reception({"main": other, "other": ATTENDANT}), ATTENDANT))
    assert isinstance(end, Reject)
    assert end.status == 482


def test_the_owner_of_a_mailbox_is_who_forwards_to_it_or_who_is_named() -> None:
    named = company(line("anna", forwards=Forwards(always=Destination(To.VOICEMAIL, "desk"))))
    step = entry(from_inside(named, "anna"))
    assert isinstance(step, Voicemail)
    assert step.mailbox == "desk"
    theirs = company(line("anna", forwards=Forwards(always=Destination(To.VOICEMAIL, "ben"))))
    step = entry(from_inside(theirs, "anna"))
    assert isinstance(step, Voicemail)
    assert step.mailbox == "ben"
