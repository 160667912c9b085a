"""VIPs, everybody else, and delegates: who rings in which stage, and where the call goes then (VIP, DRC, XRL, K.2)."""

from __future__ import annotations

import pytest

from dialplan.destinations import user
from dialplan.facts import Facts, LineFacts
from dialplan.lines import Announce, Delegate, Forwards, Line, Others, Policy, Vip
from dialplan.plan import CallRequest, LineTarget, Outcome, Plan, Reject, Ring, Voicemail
from dialplan.planner import plan
from dialplan.pretend import Phone
from dialplan.simulate import simulate
from dialplan.vip import policy_of
from tests.support.company import AT, CALLER, VOICEMAIL, company, entry, from_inside, from_outside, line, rung, said

BOTH = (Delegate(line="ben"), Delegate(line="carl"))


def boss(
    others: Others = Others.ALL, *, delegates: tuple[Delegate, ...] = BOTH, mailbox: bool = True, **more: object
) -> Line:
    """Anna, whose VIPs are a number outside and dora; `more` are settings of the VIP list, `rules` her forwards."""
    rules = more.pop("rules", Forwards())
    settings = {"hours": more.pop("hours", ""), "closed": more.pop("closed", None), "forwards": rules}
    vip = Vip(contacts=frozenset({CALLER, "dora"}), others=others, **more)  # type: ignore[arg-type]
    return line("anna", mailbox, delegates=delegates, vip=vip, **settings)


def branches(made: Plan) -> list[object]:
    return [
        branch for step in made.steps if isinstance(step, Ring) for stage in step.stages for branch in stage.branches
    ]


@pytest.mark.parametrize(
    ("others", "stages"),
    [
        (Others.ALL, [["anna", "ben", "carl"]]),
        (Others.DELEGATES_FIRST, [["ben", "carl"], ["anna"]]),
        (Others.ME_FIRST, [["anna"], ["ben", "carl"]]),
        (Others.DELEGATES_ONLY, [["ben", "carl"]]),
        (Others.ME_ONLY, [["anna"]]),
    ],
)
def test_the_six_treatments_of_everybody_else(others: Others, stages: list[list[str]]) -> None:
    """VIP-4a to VIP-4e, with VIP-5's time for each stage, which is not FWD-3's."""
    made = from_outside(company(boss(others, stage_s=25.0, rules=Forwards(no_answer=VOICEMAIL))), "anna", number="+1")
    assert rung(made) == stages
    ring = entry(made)
    assert isinstance(ring, Ring)
    assert {stage.ring_s for stage in ring.stages} == {25.0}
    times = {(branch.ring_s, branch.from_ringing) for stage in ring.stages for branch in stage.branches}
    assert times == {(25.0, False)}


def test_to_voicemail_rings_nobody() -> None:
    """VIP-4f, and VIP-7 where voicemail is not enabled."""
    assert isinstance(entry(from_inside(company(boss(Others.VOICEMAIL)), "anna")), Voicemail)
    end = entry(from_inside(company(boss(Others.VOICEMAIL, mailbox=False)), "anna"))
    assert isinstance(end, Reject)
    assert (end.status, end.announce) == (480, "unavailable")


@pytest.mark.parametrize("others", Others)
def test_a_vip_rings_the_user_and_then_the_delegates_unless_told_to_stop(others: Others) -> None:
    """VIP-3."""
    assert rung(from_outside(company(boss(others)), "anna")) == [["anna"], ["ben", "carl"]]
    assert rung(from_outside(company(boss(others, then_delegates=False)), "anna")) == [["anna"]]


# Who is a VIP


def is_vip(made: Plan) -> bool:
    return bool(branches(made))


@pytest.mark.parametrize(
    ("number", "more", "vip"),
    [
        (CALLER, {}, True),
        ("669 555 0142", {}, True),
        ("0116695550142", {}, False),
        ("+16695550143", {}, False),
        (CALLER, {"anonymous": True}, False),
        ("dora", {}, False),
        ("", {}, False),
        (CALLER, {"caller_name": "somebody"}, True),
        ("+16695550143", {"caller_name": CALLER}, False),
    ],
)
def test_a_caller_outside_counts_by_number_only(number: str, more: dict[str, object], vip: bool) -> None:
    """VIP-9: normalised, never by name, never anonymous."""
    assert is_vip(from_outside(company(boss(Others.VOICEMAIL)), "anna", number=number, **more)) == vip


def test_a_caller_without_a_number_is_told_as_that() -> None:
    made = from_outside(company(boss(Others.VOICEMAIL)), "anna", number="")
    assert said(made, "user:anna.vip.contacts") == ["a caller without a number is no VIP"]


@pytest.mark.parametrize(("attested", "vip"), [(True, True), (False, False)])
def test_attestation_may_be_asked_for(attested: bool, vip: bool) -> None:
    """VIP-9. A colleague is known without."""
    model = company(boss(Others.VOICEMAIL, attested=True))
    assert is_vip(from_outside(model, "anna", attested=attested)) == vip
    assert is_vip(from_inside(model, "anna", by="dora"))


def test_a_colleague_counts_by_who_it_is() -> None:
    """VIP-9. One whose number outside is listed is meant, too."""
    model = company(boss(Others.VOICEMAIL), dids={"+16695550101": user("anna"), CALLER: user("eve")})
    assert is_vip(from_inside(model, "anna", by="dora"))
    assert is_vip(from_inside(model, "anna", by="eve"))
    assert not is_vip(from_inside(model, "anna", by="stranger"))
    assert not is_vip(from_inside(model, "anna", by="dora", anonymous=True))


def test_delegates_are_no_vips_unless_the_option_says_so() -> None:
    """VIP-10."""
    assert not is_vip(from_inside(company(boss(Others.VOICEMAIL)), "anna", by="ben"))
    made = from_inside(company(boss(Others.VOICEMAIL, delegates_are_vip=True)), "anna", by="ben")
    assert rung(made) == [["anna"], ["carl"]]  # K.9: a calling delegate is not rung in their own stage


def test_a_delegate_who_calls_on_the_shared_line_is_not_rung_either() -> None:
    """K.9: the telephone's first line tells whose it is."""
    eve = line("eve", delegates=(Delegate(line="ben"), Delegate(line="carl")))
    model = company(boss(), eve)
    assert rung(from_inside(model, "eve", by="ben", line="anna")) == [["eve", "carl"]]


# Who of the delegates rings


@pytest.mark.parametrize(
    ("delegate", "facts", "verdict"),
    [
        (Delegate(line="ben", pending=True), LineFacts(), "has not accepted yet"),
        (Delegate(line="ben", answer=False), LineFacts(), "may not answer calls"),
        (Delegate(line="ben", hours="night"), LineFacts(), "outside of their hours"),
        (Delegate(line="ben"), LineFacts(out_of=frozenset({"anna"})), "has opted out"),
        (Delegate(line="ben"), LineFacts(dnd=True), "does not want to be disturbed"),
        (Delegate(line="ben"), LineFacts(active=2), "has 2 calls, and takes no more than 2"),
    ],
)
def test_only_eligible_delegates_ring(delegate: Delegate, facts: LineFacts, verdict: str) -> None:
    """VIP-12; it is told why not."""
    model = company(boss(Others.DELEGATES_FIRST, delegates=(delegate, Delegate(line="carl"))), line("ben", calls=2))
    made = from_inside(model, "anna", Facts(lines={"ben": facts}))
    assert rung(made) == [["carl"], ["anna"]]
    assert said(made, "user:anna.delegates.ben") == [verdict]
    assert said(made, "user:anna.delegates.carl") == ["rings for the line"]


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_nobody_is_a_delegate_of_the_own_line_or_without_one(name: str) -> None:
    """`config` refuses both; the planner does not depend on it."""
    made = from_inside(company(boss(Others.DELEGATES_FIRST, delegates=(Delegate(line=name),))), "anna")
    assert rung(made) == [["anna"]]
    assert said(made, f"user:anna.delegates.{name}") == ["is no other line"]


def test_an_empty_stage_is_skipped() -> None:
    """VIP-12."""
    away = Facts(lines={"ben": LineFacts(dnd=True), "carl": LineFacts(dnd=True)})
    assert rung(from_inside(company(boss(Others.DELEGATES_FIRST)), "anna", away)) == [["anna"]]


def test_delegates_only_with_nobody_goes_on_without_ringing_the_user() -> None:
    """VIP-12, VIP-8."""
    away = Facts(lines={"ben": LineFacts(dnd=True), "carl": LineFacts(dnd=True)})
    assert isinstance(entry(from_inside(company(boss(Others.DELEGATES_ONLY)), "anna", away)), Voicemail)
    ruled = boss(Others.DELEGATES_ONLY, rules=Forwards(no_answer=user("eve")))
    assert rung(from_inside(company(ruled), "anna", away)) == [["eve"]]
    end = entry(from_inside(company(boss(Others.DELEGATES_ONLY, mailbox=False)), "anna", away))
    assert isinstance(end, Reject)
    assert end.status == 480


def test_delegates_of_a_line_without_a_vip_list_ring_with_it() -> None:
    """DRC-1, DRC-3: on their own lines, for anna; XRL-8, LIM-10: by their own rules."""
    ben = line("ben", policy=Policy(owner="ben", limit_s=60.0, announce=Announce.CALLER))
    anna = line("anna", delegates=BOTH, policy=Policy(owner="anna", announce=Announce.CALLEE))
    made = from_outside(company(anna, ben), "anna")
    assert rung(made) == [["anna", "ben", "carl"]]
    ring = entry(made)
    assert isinstance(ring, Ring)
    first, second, _ = ring.stages[0].branches
    assert (first.for_, first.policy, ring.judge) == ("", anna.policy, "anna")
    assert (second.for_, second.target) == ("anna", LineTarget("ben"))
    assert second.policy == Policy(owner="ben", limit_s=60.0, announce=Announce.ALL)


# What comes after the last stage


RULES = Forwards(busy=user("dora"), no_answer=user("eve"))


@pytest.mark.parametrize(
    ("others", "anna", "ends_at"),
    [
        (Others.ME_FIRST, Phone(status=486), "line:dora"),
        (Others.ME_FIRST, Phone(), "line:eve"),
        (Others.ME_FIRST, Phone(status=0), "voicemail"),
        (Others.ALL, Phone(status=603), "line:eve"),
        (Others.DELEGATES_FIRST, Phone(status=486), "line:dora"),
        (Others.DELEGATES_ONLY, Phone(status=486), "line:eve"),
    ],
)
def test_the_condition_at_the_end_is_the_user_s_own(others: Others, anna: Phone, ends_at: str) -> None:
    """K.2: whatever the delegates did; a condition without a rule leads to voicemail."""
    made = from_outside(company(boss(others, rules=RULES)), "anna", number="+1")
    answers = [Phone(status=200)]
    script = {"line:anna": [anna], "line:ben": [Phone()], "line:dora": answers, "line:eve": answers}
    assert simulate(made, script).connected == ends_at


def test_a_busy_user_does_not_keep_the_delegates_from_ringing() -> None:
    """The condition is then busy, also without a rule for it."""
    facts = Facts(lines={"anna": LineFacts(active=1)})
    shared = line("anna", call_waiting=False, delegates=BOTH, forwards=RULES)
    made = from_outside(company(shared), "anna", facts)
    assert rung(made) == [["ben", "carl"]]
    nobody = simulate(made, {"line:ben": [Phone()], "line:dora": [Phone(status=200)]})
    assert nobody.connected == "line:dora"
    plain = from_outside(company(line("anna", call_waiting=False, delegates=BOTH)), "anna", facts)
    end = simulate(plain, {"line:ben": [Phone()]}).termination
    assert end is not None
    assert end.sip_status == 486


def test_a_user_who_is_not_to_be_disturbed_leaves_the_call_to_the_delegates() -> None:
    facts = Facts(lines={"anna": LineFacts(dnd=True)})
    made = from_outside(company(boss(Others.ME_FIRST, rules=RULES)), "anna", facts)
    assert rung(made) == [["ben", "carl"]]
    ring = entry(made)
    assert isinstance(ring, Ring)
    assert {outcome: rung(made, step) for outcome, step in ring.exits.items()} == {Outcome.NO_ANSWER: [["eve"]]}


def test_a_delegate_s_own_forwards_never_apply() -> None:
    """XRL-6, XRL-7: neither those of a busy one, nor `always`, nor the mailbox."""
    ben = line("ben", forwards=Forwards(busy=VOICEMAIL, no_answer=VOICEMAIL, outage=VOICEMAIL, always=VOICEMAIL))
    made = from_outside(company(boss(Others.DELEGATES_ONLY), ben), "anna", number="+1")
    assert rung(made) == [["ben", "carl"]]
    assert all(not branch.exits for branch in branches(made))  # type: ignore[attr-defined]
    assert [step.mailbox for step in made.steps if isinstance(step, Voicemail)] == ["anna"]


@pytest.mark.parametrize(
    ("others", "first"),
    [
        (Others.ALL, [["eve"]]),
        (Others.ME_FIRST, [["eve"]]),
        (Others.ME_ONLY, [["eve"]]),
        (Others.DELEGATES_FIRST, [["ben", "carl"]]),
        (Others.DELEGATES_ONLY, [["ben", "carl"]]),
    ],
)
def test_a_forward_of_every_call_takes_the_user_s_place(others: Others, first: list[list[str]]) -> None:
    """With delegates first it follows them; where the user is not to ring, it lets nobody through."""
    made = from_outside(company(boss(others, rules=Forwards(always=user("eve")))), "anna", number="+1")
    assert rung(made) == first
    ring = entry(made)
    assert isinstance(ring, Ring)
    if others is Others.DELEGATES_FIRST:
        assert rung(made, ring.exits[Outcome.NO_ANSWER]) == [["eve"]]


# Hours and emergencies


def test_outside_of_the_hours_vips_ring_only_where_the_user_says_so() -> None:
    """XRL-3."""
    model = company(boss(hours="night", closed=user("eve")))
    assert rung(from_outside(model, "anna")) == [["eve"]]
    always = company(boss(hours="night", closed=user("eve"), after_hours=True))
    assert rung(from_outside(always, "anna")) == [["anna"], ["ben", "carl"]]
    assert rung(from_outside(always, "anna", number="+1")) == [["eve"]]


def test_a_call_back_is_not_screened() -> None:
    """EMG-8."""
    made = from_outside(
        company(boss(Others.VOICEMAIL)), "anna", Facts(lines={"anna": LineFacts(helped_at=AT)}), number="+1"
    )
    assert rung(made) == [["anna"]]


def test_who_hides_the_caller_for_this_call_is_no_vip() -> None:
    """VIP-9: anonymous is never VIP, in the house either."""
    model = company(boss(Others.VOICEMAIL), features={"*67": "hide_caller_id"}, extensions={"201": user("anna")})
    shown = plan(model, CallRequest(digits="201", at=AT, device="dora"))
    hidden = plan(model, CallRequest(digits="*67201", at=AT, device="dora"))
    assert (is_vip(shown), is_vip(hidden)) == (True, False)


@pytest.mark.parametrize(
    ("own", "theirs", "counts"),
    [
        (Announce.NONE, Announce.NONE, Announce.NONE),
        (Announce.NONE, Announce.CALLER, Announce.CALLER),
        (Announce.CALLER, Announce.NONE, Announce.CALLER),
        (Announce.CALLER, Announce.CALLER, Announce.CALLER),
        (Announce.CALLER, Announce.CALLEE, Announce.ALL),
        (Announce.CALLEE, Announce.ALL, Announce.ALL),
        (Announce.ALL, Announce.CALLER, Announce.ALL),
    ],
)
def test_of_two_announcements_the_stricter_counts(own: Announce, theirs: Announce, counts: Announce) -> None:
    """XRL-8: all else is the speaker's."""
    speaker = line("ben", policy=Policy(owner="ben", announce=own))
    assert policy_of(speaker, line("anna", policy=Policy(owner="anna", announce=theirs))) == Policy(
        owner="ben", announce=counts
    )


@pytest.mark.parametrize("phone", [Phone(), Phone(status=486), Phone(status=0), Phone(status=603)])
def test_after_a_vip_plan_without_any_rule_comes_voicemail(phone: Phone) -> None:
    """VIP-8, K.2; without a mailbox it ends by FWD-7."""
    made = from_outside(company(boss(Others.ME_ONLY)), "anna", number="+1")
    assert simulate(made, {"line:anna": [phone]}).connected.startswith("voicemail")
    end = simulate(from_outside(company(boss(Others.ME_ONLY, mailbox=False)), "anna"), {"line:anna": [phone]})
    assert end.termination is not None
    assert end.termination.sip_status == (486 if phone.status == 486 else 480)
