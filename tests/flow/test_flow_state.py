"""What users set at run time, on live calls and over crashes; and the facts that follow from the calls themselves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan import planner
from dialplan.destinations import Destination, To, user
from dialplan.facts import Condition, LineFacts
from dialplan.groups import Mailbox
from dialplan.lines import Forwards, Outside, Permission, Policy
from dialplan.plan import CallRequest, Plan, Replan
from records import events as e
from switch.control import Refused
from switch.decided import facts_of
from tests.support.exchange import changed, house
from tests.support.raw_phone import RawDialog
from tests.support.scene import Scene


def facts(scene: Scene, line: str) -> LineFacts:
    return scene.exchange.core.facts.at(scene.clock.at()).line(line)


def locked() -> m.Model:
    model = changed(
        house(),
        bob={"forwards": Forwards(busy=user("carol"), locked=frozenset((Condition.BUSY,))), "mailbox": "bob"},
        carol={"mailbox": "", "outside": Outside(permission=Permission.DOMESTIC)},
    )
    origin = m.Origin("company.yaml", 12, "site paris")
    return m.versioned(
        msgspec.structs.replace(
            model, mailboxes={"bob": Mailbox(id="bob")}, origins={"user:bob.forward.busy.lock": origin}
        )
    )


@pytest.mark.parametrize("crash", ["no", "journal", "state file"])
def test_do_not_disturb_and_a_forward_hold_from_the_next_call_on_and_outlive_a_crash(crash: str) -> None:
    scene = Scene()
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    assert scene.exchange.set("102", "dnd on").dnd, "by extension, too"
    scene.exchange.set("bob", "forward no_answer user:carol")
    if crash == "state file":
        scene.exchange.save_facts()
    if crash != "no":
        scene.exchange.crash_and_restart()
    call = alice.call("102")
    scene.wait()
    assert not bob.calls
    carol.last.answer()
    scene.wait()
    call.hang_up()
    scene.exchange.set("bob", "reset")
    alice.call("102")
    scene.wait()
    assert len(bob.calls) == 1
    alice.last.cancel()
    scene.finish()
    said = [event for event in scene.exchange.events if isinstance(event, e.LineSet)]
    assert [(each.key, each.value, each.by) for each in said] == [
        ("dnd", "on", "operator:test"),
        ("forward.no_answer", "user:carol", "operator:test"),
        ("dnd", "", "operator:test"),
        ("forward.no_answer", "", "operator:test"),
    ]


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        ("dnd on", "dnd", "on"),
        ("forward busy carol", "forward.busy", "user:carol"),
        ("forward no-answer 103", "forward.no_answer", "user:carol"),
        ("forward no_answer voicemail", "forward.no_answer", "voicemail"),
        ("forward outage ring_group:110", "forward.outage", "ring_group:110"),
        ("forward always (212) 555-5555".replace(" 555", "555"), "forward.always", "external:+12125555555"),
        ("forward always off", "forward.always", "nowhere"),
        ("forward delay 20s", "forward.after", "20"),
        ("group 110 out", "out.110", "out"),
    ],
)
def test_what_can_be_set(words: str, key: str, value: str) -> None:
    scene = Scene(model=changed(house(), bob={"mailbox": "bob"}))
    scene.exchange.set("bob", words)
    assert scene.exchange.core.facts.settings("bob") == {key: value}
    scene.exchange.set("bob", words)
    assert len([event for event in scene.exchange.events if isinstance(event, e.LineSet)]) == 1, "nothing was new"
    scene.finish()


@pytest.mark.parametrize(
    ("line", "words", "message", "hint"),
    [
        ("bobb", "dnd on", "there is no user and no line “bobb”", "did you mean `bob`?"),
        ("bob", "dnd maybe", "“dnd maybe” says nothing that can be set", "  dnd on|off"),
        ("bob", "forward buzy carol", "calls are not forwarded on “buzy”", "did you mean `busy`?"),
        ("bob", "forward no_answer user:carl", "there is no user “carl”", "did you mean `carol`?"),
        ("bob", "forward no_answer ring_group:desk", "there is no ring group “desk”", "possible: `110`"),
        ("bob", "forward always bob", "bob would forward to itself", ""),
        ("bob", "forward no_answer +12", "“+12” is no extension and no whole number", "such as +16695550100"),
        ("carol", "forward no_answer voicemail", "voicemail is not enabled for carol", ""),
        ("carol", "forward always +442079460999", "carol may not forward to +442079460999: Domestic Calls Only", ""),
        ("bob", "forward delay 61s", "“61s” is no delay: 10s to 60s, in whole seconds, or default", ""),
        ("bob", "forward delay 9s", "“9s” is no delay: 10s to 60s, in whole seconds, or default", ""),
        ("bob", "group sales out", "bob is in no group “sales”", "possible: `110`"),
        ("bob", "forward busy off", "forward busy of bob is locked by the site paris (company.yaml:12)", ""),
    ],
)
def test_what_cannot_be_set_is_refused_with_what_was_meant(line: str, words: str, message: str, hint: str) -> None:
    """FWD-3's bounds, FWD-12, PRO-3's locks."""
    scene = Scene(model=locked())
    with pytest.raises(Refused) as refused:
        scene.exchange.set(line, words)
    assert refused.value.message == message
    assert refused.value.details[:1] == ((hint,) if hint else ())
    assert not scene.exchange.events


def test_a_lock_wins_over_what_was_set_before_it() -> None:
    scene = Scene()
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    scene.exchange.set("bob", "forward busy off")
    scene.exchange.use_model(locked())
    view = scene.exchange.set("bob", "")
    busy = next(each for each in view.forwards if each.condition == "busy")
    assert (busy.to, busy.set_by_user, busy.locked) == ("user:carol", False, True)
    bob.refuses = 486
    alice.call("102")
    scene.wait()
    assert carol.calls
    alice.last.cancel()
    scene.finish()


# Feature codes


FEATURES = {
    "*78": "dnd_on",
    "*79": "dnd_off",
    "*72": "forward_always",
    "*73": "forward_always_off",
    "*80": "group_out",
    "*97": "voicemail",
}


def with_codes() -> m.Model:
    return m.versioned(msgspec.structs.replace(house(), features=FEATURES))


def test_a_feature_code_sets_the_same_and_a_tone_confirms_it() -> None:
    scene = Scene(model=with_codes())
    bob = scene.phone("bob")
    steps: tuple[tuple[str, dict[str, str]], ...] = (
        ("*78", {"dnd": "on"}),
        ("*79", {}),
        ("*72103", {"forward.always": "user:carol"}),
        ("*72 (212) 555-5555", {"forward.always": "external:+12125555555"}),
        ("*73", {"forward.always": "nowhere"}),
        ("*80110", {"forward.always": "nowhere", "out.110": "out"}),
    )
    for code, wanted in steps:
        call = bob.call(code.replace(" ", ""))
        scene.wait()
        assert call.up, code
        assert scene.exchange.core.facts.settings("bob") == wanted
        call.hang_up()
        scene.wait()
    assert [record.service for record in scene.exchange.records] == ["tone:440"] * len(steps)
    said = [event for event in scene.exchange.events if isinstance(event, e.LineSet)]
    assert {event.by for event in said} == {"device:bob"}
    scene.finish()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("*72999", "'999' is no extension and no whole number"),
        ("*72", "No Number Dialled Behind the Code"),
        ("*97", "No Such Mailbox"),
    ],
)
def test_a_feature_code_that_cannot_be_done_is_refused_with_the_reason(code: str, why: str) -> None:
    scene = Scene(model=with_codes())
    bob = scene.raw("bob")
    RawDialog.authenticated(bob, code, scene.wait)
    scene.wait(0.1)
    assert bob.take(403).get("Reason") == f'SIP;cause=403;text="{why}"'
    scene.clock.advance(64)
    assert scene.exchange.core.facts.settings("bob") == {}
    scene.exchange.check_over()


# What follows from the calls


def test_the_decision_can_be_made_again_from_the_record() -> None:
    scene = Scene()
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    scene.exchange.set("bob", "forward always carol")
    scene.exchange.set("carol", "dnd on")
    scene.exchange.set("dave", "dnd on")
    call = alice.call("102")
    scene.wait()
    assert call.refused == 480
    assert not bob.calls
    assert not carol.calls
    record = scene.exchange.record
    kept = facts_of(record.call, record.facts)
    assert sorted(kept.lines) == ["bob", "carol"], "nobody asked for Dave"
    request = CallRequest(
        digits=record.dialled,
        at=record.started_at,
        device=record.device,
        line=record.line,
        caller_number=record.caller_number,
        caller_name=record.caller_name,
    )
    again = planner.plan(scene.exchange.model, request, kept)
    assert again.because == record.because
    scene.finish()


def test_a_call_without_facts_keeps_none() -> None:
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    call.hang_up()
    scene.finish()
    assert scene.exchange.record.facts == ""


def test_active_and_external_calls_are_counted_while_they_are_up_over_a_crash() -> None:
    scene = Scene()
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("6692223333")
    scene.wait(0.1)
    scene.taken(itsp, "c")
    scene.wait(90)
    assert (facts(scene, "alice").active, facts(scene, "alice").external) == (1, 1)
    assert facts(scene, "alice").minutes_hour == pytest.approx(1.5, abs=0.02)
    scene.exchange.crash_and_restart()
    assert (facts(scene, "alice").active, facts(scene, "alice").external) == (1, 1)
    scene.wait(30)
    scene.over(call, itsp)
    after = facts(scene, "alice")
    assert (after.active, after.external) == (0, 0)
    assert after.minutes_day == pytest.approx(2.0, abs=0.01)
    scene.finish()


@pytest.mark.parametrize("saved", [False, True])
def test_an_emergency_call_is_remembered_for_an_hour_so_that_the_call_back_rings(saved: bool) -> None:
    """EMG-8: do-not-disturb and forwards do not stand in its way."""
    scene = Scene()
    alice, bob, itsp = scene.phone("alice"), scene.phone("bob"), scene.carrier()
    scene.exchange.set("bob", "dnd on")
    scene.exchange.set("bob", "forward always alice")
    help_ = bob.call("911")
    scene.wait(0.1)
    scene.taken(itsp, "e")
    assert facts(scene, "bob").helped_at is not None
    scene.over(help_, itsp)
    if saved:
        scene.exchange.save_facts()
    scene.exchange.crash_and_restart()
    back = alice.call("102")
    scene.wait()
    assert len(bob.calls) == 2, "the call back rings"
    back.cancel()
    scene.wait(3600)
    bob.register()
    scene.wait()
    alice.call("102")
    scene.wait()
    assert len(bob.calls) == 2
    assert facts(scene, "bob").helped_at is None
    scene.finish()


def test_what_holds_after_the_answer_is_in_the_record() -> None:
    """LIM-10: that of whoever answers, and of the caller."""
    alices = Policy(owner="alice", limit_s=60.0)
    bobs = Policy(owner="bob", record=frozenset(("inbound",)))
    scene = Scene(model=changed(house(), alice={"policy": alices}, bob={"policy": bobs}))
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(alice, bob)
    call.hang_up()
    scene.finish()
    (started,) = [event for event in scene.exchange.events if isinstance(event, e.CallStarted)]
    (joined,) = [event for event in scene.exchange.events if isinstance(event, e.Connected)]
    assert started.terms == e.Terms("alice", 60.0)
    assert joined.terms == e.Terms("bob", record=("inbound",))


def test_the_planner_is_asked_again_with_the_facts_of_then() -> None:
    """A plan that is too large goes on with `Replan`: the record has both decisions."""
    scene = Scene()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.exchange.decides = False
    core = scene.exchange.core
    real = core.calls.plan

    def plan(request: CallRequest, known: Any) -> Plan:
        if request.to is not None or request.digits != "102":
            return real(request, known)
        again = msgspec.structs.replace(request, to=Destination(To.USER, "bob"))
        step = Replan(id="later", request=again)
        return Plan(entry="later", steps=(step,), number="102", because=(("plan", "is full"),))

    core.calls.plan = core.calls.context.plan = plan
    call = alice.call("102")
    scene.wait()
    bob.last.answer()
    scene.wait()
    assert call.up
    call.hang_up()
    scene.finish()
    because = scene.exchange.record.because
    assert because[0] == ("plan", "is full")
    assert any(rule == "user:bob" for rule, _ in because)
