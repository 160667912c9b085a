"""Subscriptions (RFC 6665) on the virtual clock: begun, refreshed, polled, ended, refused, and over a crash."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.lines import BusyLamp, Delegate
from records import events as e
from switch.presence import subscriptions
from tests.support.exchange import boxes_of, changed, house
from tests.support.killer import Killer
from tests.support.raw_phone import RawPhone
from tests.support.scene import Scene
from tests.support.subscriber import Subscriber, dialogs, remotes, state_of

IDLE = ["terminated"]


def watcher(scene: Scene, user: str = "102", event: str = "dialog", by: str = "alice", **more: Any) -> Subscriber:
    """A telephone watches a number; the first NOTIFY waits."""
    made = Subscriber(scene.raw(by, **more), user, scene.wait, event)
    made.ask()
    return made


def lamp_of(scene: Scene, user: str = "102", **more: Any) -> Subscriber:
    """The same, and its first NOTIFY, which says idle, is taken."""
    made = watcher(scene, user, **more)
    assert dialogs(made.take()) == IDLE
    return made


def gone(*subs: Subscriber) -> None:
    """They unsubscribe, so that nothing is left."""
    for sub in subs:
        sub.ask(0)
        assert state_of(sub.take()) == ("terminated", "timeout")


# -- what a lamp shows ------------------------------------------------------------------------------------------------


def test_a_busy_lamp_follows_a_call(scene: Scene) -> None:
    lamp = watcher(scene)
    first = lamp.take()
    assert state_of(first) == ("active", "600")
    assert dialogs(first) == IDLE
    bob, carol = scene.phone("bob"), scene.phone("carol")
    call = carol.call("102")
    assert lamp.states() == ["recipient early"]
    bob.last.answer()
    assert lamp.states() == ["recipient confirmed"]
    call.hang_up()
    assert lamp.states() == IDLE
    other = bob.call("103")
    assert lamp.states() == ["initiator early"]
    other.cancel()
    assert lamp.states() == IDLE
    gone(lamp)


def test_a_line_is_named_by_extension_or_by_its_own_name(scene: Scene) -> None:
    by_name = lamp_of(scene, "bob")
    bob, carol = scene.phone("bob"), scene.phone("carol")
    call = carol.call("102")
    assert by_name.states() == ["recipient early"]
    bob.last.answer()
    by_name.told()
    call.hang_up()
    assert by_name.states() == IDLE
    gone(by_name)


def test_two_calls_of_one_line_are_told_together(scene: Scene) -> None:
    lamp = lamp_of(scene)
    bob, carol = scene.phone("bob"), scene.phone("carol")
    first = bob.call("103")
    lamp.told()
    carol.last.answer()
    lamp.told()
    second = carol.call("102")
    assert lamp.states() == ["initiator confirmed", "recipient early"]
    second.cancel()
    assert lamp.states() == ["initiator confirmed"]
    first.hang_up()
    assert lamp.states() == IDLE
    gone(lamp)


def test_held_is_told_as_not_rendering(scene: Scene) -> None:
    lamp = lamp_of(scene)
    bob, carol = scene.phone("bob"), scene.phone("carol")
    call = bob.call("103")
    scene.wait(0.1)
    carol.last.answer()
    (told,) = lamp.told()
    assert "+sip.rendering" not in told.body
    call.hold()
    (told,) = lamp.told()
    assert '<param pname="+sip.rendering" pval="no"/>' in told.body
    call.resume()
    (told,) = lamp.told()
    assert "+sip.rendering" not in told.body
    call.hang_up()
    lamp.told()
    gone(lamp)


def test_only_the_lines_own_telephones_and_its_delegates_are_told_with_whom(scene: Scene) -> None:
    """IDN-2, DEL-9."""
    stranger, own = lamp_of(scene), lamp_of(scene, by="bob", address="192.0.2.32")
    carol = scene.phone("carol")
    call = carol.call("102")
    assert [remotes(each) for each in stranger.told()] == [[""]]
    assert [remotes(each) for each in own.told(0.05)] == [["sip:103@pbx.example.com"]]
    scene.exchange.use_model(changed(house(), bob={"delegates": (Delegate(line="alice"),)}))
    scene.exchange.core.subscriptions.prune(scene.clock.now())
    assert [remotes(each) for each in stranger.told()] == [["sip:103@pbx.example.com"]]
    own.told(0.05)
    call.cancel()
    stranger.told(), own.told(0.05)
    gone(stranger, own)


def test_a_line_may_be_shown_to_delegates_alone_or_to_nobody(scene: Scene) -> None:
    """IDN-2; its own telephones see it always."""
    lamp = lamp_of(scene)
    helper = {"delegates": (Delegate(line="alice"),)}
    for shown, more, seen in (
        (BusyLamp.DELEGATES, helper, True),
        (BusyLamp.DELEGATES, {"delegates": (Delegate(line="alice", pending=True),)}, False),
        (BusyLamp.NOBODY, helper, False),
    ):
        scene.exchange.use_model(changed(house(), bob={"busy_lamp": shown, **more}))
        if not seen:
            Subscriber(lamp.phone, "102", scene.wait).refused(403)
            continue
        scene.exchange.core.prune(lambda bound: True, scene.clock.now())
        assert [state_of(each)[0] for each in lamp.told()] == ["active"]
    scene.exchange.core.prune(lambda bound: True, scene.clock.now())
    assert [state_of(each) for each in lamp.told()] == [("terminated", "noresource")]
    gone(lamp_of(scene, "102", by="bob", address="192.0.2.32"))


def test_a_call_for_help_is_only_busy(scene: Scene) -> None:
    """OUT-6: nobody is told whom a line calls for help, not even its own telephones."""
    lamp = lamp_of(scene, "101", by="alice", address="192.0.2.31")
    alice, carrier = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    (told,) = lamp.told()
    assert dialogs(told) == ["initiator trying"]
    assert remotes(told) == [""]
    assert "911" not in told.body
    call.cancel()
    scene.wait(0.1)
    carrier.inbox.clear()
    lamp.told()
    gone(lamp)


def test_a_hidden_caller_from_outside_is_anonymous(scene: Scene) -> None:
    """CID-2."""
    lamp = lamp_of(scene, "102", by="bob", address="192.0.2.32")
    carrier = scene.carrier()
    text = carrier.outside("INVITE", "sip:102@pbx.example.com", ("Privacy: id",))
    (told,) = lamp.told()
    assert dialogs(told) in (["recipient early"], ["recipient trying"])
    assert "anonymous.invalid" in remotes(told)[0]
    carrier.send(text.replace("INVITE", "CANCEL"))
    lamp.told()
    gone(lamp)
    carrier.inbox.clear()


# -- the protocol -----------------------------------------------------------------------------------------------------


def test_the_answer_says_how_long_and_what_else_there_is(scene: Scene) -> None:
    phone = scene.raw("alice")
    lamp = Subscriber(phone, "102", scene.wait)
    answer = lamp.ask(100_000)
    assert answer.get("Expires") == "3600"
    assert answer.contact.startswith("sip:192.0.2.10")
    assert "message-summary" in answer.get("Allow-Events")
    assert state_of(lamp.take()) == ("active", "3600")
    assert lamp.ask(-1).get("Expires") == "3600"
    lamp.take()
    gone(lamp)


def test_a_refresh_keeps_it_and_is_answered_with_a_notify(scene: Scene) -> None:
    lamp = lamp_of(scene)
    for _ in range(4):
        scene.wait(500.0)
        assert lamp.ask().get("Expires") == "600"
        assert state_of(lamp.take()) == ("active", "600")
    scene.wait(700.0)
    assert len(scene.exchange.core.subscriptions) == 0


def test_without_a_refresh_it_ends_and_says_so(scene: Scene) -> None:
    lamp = lamp_of(scene)
    scene.wait(599.0)
    (last,) = lamp.told(2.0)
    assert state_of(last) == ("terminated", "timeout")
    assert len(scene.exchange.core.subscriptions) == 0
    lamp._send(600, ())
    scene.wait(0.1)
    lamp.phone.take(481)


def test_polling_tells_once_and_keeps_nothing(scene: Scene) -> None:
    """RFC 6665 section 4.4.3."""
    poll = Subscriber(scene.raw("alice"), "102", scene.wait)
    assert poll.ask(0).get("Expires") == "0"
    told = poll.take()
    assert state_of(told) == ("terminated", "timeout")
    assert dialogs(told) == IDLE
    scene.wait(0.1)
    assert len(scene.exchange.core.subscriptions) == 0
    assert not [event for event in scene.exchange.events if isinstance(event, e.Subscribed)]


@pytest.mark.parametrize(
    ("user", "event", "expires", "headers", "status"),
    [
        ("102", "dialog", 59, (), 423),
        ("102", "dialog", 600, ("Accept: text/plain",), 406),
        ("999", "dialog", 600, (), 404),
        ("110", "dialog", 600, (), 404),
        ("102", "message-summary", 600, (), 404),
        ("999", "message-summary", 600, (), 404),
    ],
)
def test_what_is_refused(
    scene: Scene, user: str, event: str, expires: int, headers: tuple[str, ...], status: int
) -> None:
    sub = Subscriber(scene.raw("alice"), user, scene.wait, event)
    answer = sub.refused(status, headers, expires)
    if status == 423:
        assert answer.get("Min-Expires") == "60"
    assert len(scene.exchange.core.subscriptions) == 0
    assert not sub.phone.has("NOTIFY")


@pytest.mark.parametrize("event", ["", "conference", "dialog.winfo", ";;;", "x" * 900])
def test_another_package_is_489_and_those_that_there_are_are_named(scene: Scene, event: str) -> None:
    phone = scene.raw("alice")
    Subscriber(phone, "102", scene.wait, event)._send(600, ())
    scene.wait(0.1)
    assert phone.take(489).get("Allow-Events") == "dialog, message-summary, presence"


def test_who_has_no_line_or_names_anothers_may_not(scene: Scene) -> None:
    """IDN-2."""
    dave = scene.raw("dave", register=False)
    Subscriber(dave, "102", scene.wait).refused(403)
    alice = scene.raw("alice")
    lie = Subscriber(alice, "102", scene.wait)
    lie.local = lie.local.replace("alice", "bob")
    lie.refused(403)


def test_anothers_dialog_is_not_ones_own(scene: Scene) -> None:
    lamp = lamp_of(scene)
    thief = Subscriber(scene.raw("carol"), "102", scene.wait)
    thief.call_id, thief.local, thief.remote, thief.target, thief.cseq = (
        lamp.call_id, lamp.local, lamp.remote, lamp.target, 40,
    )  # fmt: skip
    thief.refused(403)
    scene.wait(0.1)
    assert not thief.phone.has("NOTIFY")
    gone(lamp)


def test_an_old_number_is_500_and_another_event_481(scene: Scene) -> None:
    lamp = lamp_of(scene)
    lamp.cseq -= 2
    lamp.refused(500)
    lamp.cseq += 5
    lamp.event = "presence"
    lamp.refused(481)
    lamp.event = "dialog;id=7"
    lamp.refused(481)
    lamp.event = "dialog"
    gone(lamp)


def test_the_id_of_an_event_comes_back(scene: Scene) -> None:
    lamp = watcher(scene, event="dialog;id=k7")
    assert lamp.take().get("Event") == "dialog;id=k7"
    gone(lamp)


def test_routes_are_kept_and_the_contact_may_move(scene: Scene) -> None:
    lamp = Subscriber(scene.raw("alice"), "102", scene.wait)
    lamp.ask(headers=("Record-Route: <sip:192.0.2.21:5060;lr;x=1>, <sip:192.0.2.99;lr>",))
    told = lamp.take()
    assert told.all("Route") == ["<sip:192.0.2.21:5060;lr;x=1>", "<sip:192.0.2.99;lr>"]
    assert told.uri == "sip:alice@192.0.2.21:5060"
    lamp.phone.contact = lambda: "<sip:moved@192.0.2.21:5060>"  # type: ignore[method-assign]
    lamp.routes = []
    lamp.ask()
    assert lamp.take().uri == "sip:moved@192.0.2.21:5060"
    gone(lamp)


def test_a_burst_makes_one_notify_and_one_is_under_way(scene: Scene) -> None:
    lamp = lamp_of(scene)
    carol = scene.phone("carol")
    scene.phone("bob", address="192.0.2.32")
    before = lamp.phone.count("NOTIFY")
    for _ in range(5):
        carol.call("102").cancel()
        scene.wait(0.01)
    call = carol.call("102")
    scene.wait(0.3)
    assert lamp.phone.count("NOTIFY") == before + 1
    told = lamp.take(0)
    call.cancel()
    scene.wait(2.0)
    # Copies of the unanswered one, and nothing else.
    assert {text.get("CSeq") for text in lamp.phone.inbox if text.kind == "NOTIFY"} == {told.get("CSeq")}
    lamp.phone.reply(told, 200)
    lamp.phone.inbox.clear()
    assert lamp.states() == IDLE
    gone(lamp)


def test_what_changes_is_told_within_a_second_though_it_changes_all_the_time(scene: Scene) -> None:
    lamp = lamp_of(scene)
    bob, carol = scene.phone("bob"), scene.phone("carol")
    told = 0
    for _ in range(6):
        call = carol.call("102")
        told += len(lamp.told(0.5))
        call.cancel()
        told += len(lamp.told(0.5))
    assert 6 <= told <= 13
    assert bob.calls[-1].over
    gone(lamp)


@pytest.mark.parametrize("status", [481, 404, 489, 501])
def test_a_telephone_that_knows_nothing_of_it_is_told_no_more(scene: Scene, status: int) -> None:
    lamp = watcher(scene)
    lamp.take(status)
    scene.wait(0.1)
    assert len(scene.exchange.core.subscriptions) == 0
    scene.wait(60.0)
    assert lamp.phone.count("NOTIFY") == 1
    assert isinstance(scene.exchange.events[-1], e.Unsubscribed)


def test_a_telephone_that_is_silent_is_told_no_more(scene: Scene) -> None:
    lamp = watcher(scene)
    scene.wait(40.0)
    assert len(scene.exchange.core.subscriptions) == 0
    assert lamp.phone.count("NOTIFY") > 3


def test_one_that_cannot_just_now_is_asked_again(scene: Scene) -> None:
    lamp = watcher(scene)
    lamp.take(503, headers=("Retry-After: 7",))
    scene.wait(6.5)
    assert not lamp.phone.has("NOTIFY")
    (told,) = lamp.told(1.0)
    assert dialogs(told) == IDLE
    for _ in range(3):
        lamp.ask()
    gone_after = 0
    lamp.phone.inbox.clear()
    scene.wait(1.0)
    while len(scene.exchange.core.subscriptions):
        gone_after += 1
        assert gone_after < 20
        lamp.phone.inbox = [each for each in lamp.phone.inbox if each.kind == "NOTIFY"][-1:]
        if lamp.phone.has("NOTIFY"):
            lamp.phone.reply(lamp.phone.take("NOTIFY"), 500)
        scene.wait(16.0)


def test_there_is_room_for_so_many_and_the_oldest_to_the_same_goes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_A_DEVICE", 2)
    phone = scene.raw("alice")
    first, second = Subscriber(phone, "102", scene.wait), Subscriber(phone, "103", scene.wait)
    first.ask(), first.take(), second.ask(), second.take()
    Subscriber(phone, "101", scene.wait).refused(403)
    again = Subscriber(phone, "102", scene.wait)
    again.ask(), again.take()
    assert len(scene.exchange.core.subscriptions) == 2
    first._send(600, ())
    scene.wait(0.1)
    phone.take(481)
    gone(second, again)


def test_after_a_reload_what_is_gone_is_ended(scene: Scene) -> None:
    lamp, other = lamp_of(scene, "102"), lamp_of(scene, "103", by="carol")
    model = house()
    lines = {name: line for name, line in model.lines.items() if name != "bob"}
    extensions = {number: each for number, each in model.extensions.items() if number not in ("102", "110")}
    less = m.versioned(msgspec.structs.replace(model, lines=lines, extensions=extensions, ring_groups={}))
    scene.exchange.use_model(less)
    scene.exchange.core.prune(lambda bound: True, scene.clock.now())
    (last,) = lamp.told()
    assert state_of(last) == ("terminated", "noresource")
    assert [state_of(each)[0] for each in other.told(0.05)] == ["active"]
    gone(other)


def test_a_delegate_may_subscribe_for_the_delegators_line_and_keeps_that(scene: Scene) -> None:
    """SLN-1: over a reload and a crash, until it is a delegate no more."""
    serves = msgspec.structs.replace(house(), serves={"alice": ("bob",)})
    scene.exchange.use_model(m.versioned(serves))
    lamp = Subscriber(scene.raw("alice"), "103", scene.wait)
    lamp.local = lamp.local.replace("alice", "bob")
    lamp.ask()
    lamp.take()
    scene.exchange.core.prune(lambda bound: True, scene.clock.now())
    assert [state_of(each)[0] for each in lamp.told()] == ["active"]
    scene.exchange.crash_and_restart(1.0)
    assert [state_of(each)[0] for each in lamp.told()] == ["active"]
    scene.exchange.use_model(house())
    scene.exchange.core.prune(lambda bound: True, scene.clock.now())
    assert [state_of(each) for each in lamp.told()] == [("terminated", "rejected")]


def test_a_refresh_that_is_refused_changes_nothing(scene: Scene) -> None:
    lamp = lamp_of(scene)
    contact = lamp.phone.contact
    lamp.phone.contact = lambda: "<sip:moved@192.0.2.21:5060>"  # type: ignore[method-assign]
    lamp.refused(423, expires=7)
    assert next(iter(scene.exchange.core.subscriptions.all())).sub.dialog.target == "sip:alice@192.0.2.21:5060"
    lamp.phone.contact = contact  # type: ignore[method-assign]
    gone(lamp)


@pytest.mark.parametrize("contact", ["<tel:+15550100>", "", "<sip:>", f"<sip:{'a' * 3000}@192.0.2.21>"])
def test_a_contact_that_leads_nowhere_is_400(scene: Scene, contact: str) -> None:
    phone = scene.raw("alice")
    phone.contact = lambda: contact  # type: ignore[method-assign]
    sub = Subscriber(phone, "102", scene.wait)
    sub._send(600, ())
    scene.wait(0.1)
    if phone.has(401):
        sub.proven(phone.take(401))
    assert phone.has(400)
    phone.inbox.clear()
    assert len(scene.exchange.core.subscriptions) == 0


# -- connections, crashes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_over_a_connection_it_goes_on_when_the_telephone_is_back(scene: Scene, transport: str, crash: bool) -> None:
    phone = scene.raw("alice", transport=transport)
    lamp = Subscriber(phone, "102", scene.wait)
    answer = lamp.ask()
    assert f"transport={transport}" in answer.get("Contact")
    assert dialogs(lamp.take()) == IDLE
    bob, _ = scene.phone("bob"), scene.phone("carol")
    scene.lose(phone.flow, crash)
    call = bob.call("103")
    scene.wait(3.0)
    phone.reconnect()
    scene.register(phone)
    told = lamp.told(1.0)
    assert dialogs(told[-1]) == ["initiator early"]
    call.cancel()
    assert lamp.states() == IDLE
    gone(lamp)


def test_after_a_crash_it_goes_on_with_higher_numbers(scene: Scene) -> None:
    lamp = lamp_of(scene)
    bob, carol = scene.phone("bob"), scene.phone("carol")
    call = carol.call("102")
    scene.wait(0.05)
    bob.last.answer()
    assert lamp.states() == ["recipient confirmed"]
    scene.exchange.crash_and_restart(5.0)
    assert lamp.states() == ["recipient confirmed"]
    call.hang_up()
    assert lamp.states() == IDLE
    assert lamp.cseqs[-1] > 10_000
    scene.exchange.crash_and_restart(5.0)
    assert lamp.states() == IDLE
    assert lamp.cseqs[-1] > 20_000
    lamp.ask()
    lamp.take()
    gone(lamp)
    scene.exchange.crash_and_restart()
    assert len(scene.exchange.core.subscriptions) == 0


def test_one_that_ran_out_while_we_were_dead_is_forgotten(scene: Scene) -> None:
    lamp = lamp_of(scene)
    scene.exchange.crash_and_restart(601.0)
    assert len(scene.exchange.core.subscriptions) == 0
    lamp._send(600, ())
    scene.wait(0.1)
    lamp.phone.take(481)


@pytest.mark.parametrize("mute", [False, True])
@pytest.mark.parametrize("at", range(1, 13))
def test_killed_at_any_moment_the_lamp_tells_the_truth_in_the_end(scene: Scene, at: int, mute: bool) -> None:
    """Before the packets of that input have left, and after. A telephone that is not answered subscribes anew."""
    scene.strict = False
    phone, bob, carol = scene.raw("alice"), scene.phone("bob"), scene.phone("carol")
    killer = Killer(scene, at, mute=mute)
    lamp = Subscriber(phone, "102", scene.wait)
    shown = []

    def subscribe() -> bool:
        try:
            lamp.ask(60)
        except AssertionError:
            return False
        return True

    while not subscribe():
        phone.inbox.clear()
        scene.wait(1.0)
        phone.inbox.clear()
        lamp = Subscriber(phone, "102", scene.wait)
    shown += lamp.told(0.5)
    call = carol.call("102")
    shown += lamp.told(0.5)
    if bob.calls and bob.last.usage.pending_request is not None:
        bob.last.answer()
    shown += lamp.told(2.0)
    if call.up:
        call.hang_up()
    shown += lamp.told(45.0)
    scene.exchange.tolerates = False
    for each in scene.exchange.calls:
        scene.exchange.hang_up(each)
    shown += lamp.told(5.0)
    assert killer.done or killer.left > 0
    assert dialogs(shown[-1]) == IDLE
    scene.wait(100.0)
    assert len(scene.exchange.core.subscriptions) == 0


# -- messages, presence -----------------------------------------------------------------------------------------------


def boxes(**more: Any) -> m.Model:
    """The house, where all have a mailbox."""
    return changed(house(), **{name: {"mailbox": name} for name in ("alice", "bob")} | more)


def left(scene: Scene, mailbox: str, ident: str, *, urgent: bool = False) -> None:
    """Somebody leaves a message."""
    core, at = scene.exchange.core, scene.clock.at()
    core.go_on(
        lambda now: core.mailboxes.record(e.MessageLeft(mailbox, ident, at, "call", "103", "Carol", 4.0, urgent)),
        scene.clock.now(),
    )


@pytest.mark.parametrize("user", ["101", "alice", ""])
@pytest.mark.parametrize("scene", [{"model": boxes()}], indirect=True)
def test_a_voicemail_lamp(scene: Scene, user: str) -> None:
    lamp = watcher(scene, user, "message-summary")
    first = lamp.take()
    assert first.get("Content-Type") == "application/simple-message-summary"
    assert "Messages-Waiting: no\r\n" in first.body
    assert "Voice-Message: 0/0 (0/0)\r\n" in first.body
    left(scene, "alice", "1")
    left(scene, "alice", "2", urgent=True)
    (told,) = lamp.told(1.0)
    assert "Messages-Waiting: yes\r\n" in told.body
    assert "Voice-Message: 2/0 (1/0)\r\n" in told.body
    core = scene.exchange.core
    core.go_on(lambda now: core.mailboxes.change("alice", "1", "played", "line:alice", scene.clock.at()), 0.0)
    (told,) = lamp.told(1.0)
    assert "Voice-Message: 1/1 (1/0)\r\n" in told.body
    gone(lamp)


@pytest.mark.parametrize("scene", [{"model": boxes()}], indirect=True)
def test_anothers_mailbox_is_told_only_to_delegates(scene: Scene) -> None:
    """IDN-2, DVM-1."""
    sub = Subscriber(scene.raw("alice"), "102", scene.wait, "message-summary")
    sub.refused(403)
    scene.exchange.use_mailboxes(*boxes_of(boxes(bob={"mailbox": "bob", "delegates": (Delegate(line="alice"),)})))
    shared = Subscriber(sub.phone, "102", scene.wait, "message-summary")
    shared.ask()
    shared.take()
    scene.exchange.use_mailboxes(*boxes_of(boxes()))
    scene.exchange.core.prune(lambda bound: True, scene.clock.now())
    (last,) = shared.told()
    assert state_of(last) == ("terminated", "noresource")


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("101", "sip:*97@pbx.example.com"),
        ("*97", "sip:*97@pbx.example.com"),
        ("*98101", "sip:*97@pbx.example.com"),
        ("102", "sip:*98102@pbx.example.com"),
        ("*98102", "sip:*98102@pbx.example.com"),
    ],
)
def test_a_lamp_tells_where_the_messages_are_fetched(scene: Scene, user: str, account: str) -> None:
    """RFC 3842 section 5.2: what a telephone dials when its lamp's key is pressed."""
    coded = msgspec.structs.replace(boxes(), features={"*97": "voicemail", "*98": "mailbox"})
    scene.exchange.use_model(m.versioned(coded))
    scene.exchange.use_mailboxes(*boxes_of(boxes(bob={"mailbox": "bob", "delegates": (Delegate(line="alice"),)})))
    scene.exchange.core.messages.shared = scene.exchange.desk.of_line
    lamp = watcher(scene, user, "message-summary")
    assert f"Message-Account: {account}\r\n" in lamp.take().body
    gone(lamp)


def test_presence_is_open_on_the_phone_or_closed(scene: Scene) -> None:
    """RFC 3863, RFC 4480."""
    lamp = watcher(scene, event="presence")
    assert "<basic>closed</basic>" in lamp.take().body
    bob, carol = scene.phone("bob"), scene.phone("carol")
    (told,) = lamp.told()
    assert "<basic>open</basic>" in told.body
    assert "on-the-phone" not in told.body
    call = carol.call("102")
    scene.wait(0.05)
    bob.last.answer()
    told = lamp.told()[-1]
    assert "<rpid:on-the-phone/>" in told.body
    call.hang_up()
    (told,) = lamp.told()
    assert "on-the-phone" not in told.body
    gone(lamp)


def test_two_telephones_of_a_line_have_a_subscription_each(scene: Scene) -> None:
    one, two = lamp_of(scene), lamp_of(scene, by="carol")
    bob = scene.phone("bob")
    call = bob.call("101")
    scene.wait(0.3)
    assert isinstance(one.phone, RawPhone)
    assert dialogs(one.take()) == dialogs(two.take()) == ["initiator trying"]
    call.cancel()
    one.told(), two.told(0.05)
    gone(one, two)
