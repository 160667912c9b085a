"""Voicemail on live calls: greeting, message, menu; what a crash leaves; messages fetched with a PIN, by the owner and
by delegates (FWD-2, VIP-4f, PIN-1, PIN-5, DVM-1 to DVM-3, DVM-6, XRL-7)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from config.compiled import MailboxSettings
from dialplan import model as m
from dialplan.destinations import Destination, To, user
from dialplan.lines import Delegate, Forwards, Others, Vip
from media.engine import PlayEnded, RecordEnded, Spool
from records import events as e
from switch.mailboxes import DELETED, PLAYED, Counts
from switch.state.mailboxes import LOCKED
from tests.support.exchange import boxes_of, changed, house
from tests.support.phone import PhoneCall
from tests.support.scene import Scene

PIN = "371942"
BOX = {"forwards": Forwards(always=Destination(To.VOICEMAIL)), "mailbox": "bob"}


class Stage(Scene):
    """A house in which every call to Bob goes to his mailbox; *97 is one's own mailbox, *98 another."""

    def __init__(self, boxes: dict[str, Any] | None = None, **lines: Any) -> None:
        model = changed(house(), **({"bob": BOX, "alice": {"mailbox": "alice"}} | lines))
        features = {"*97": "voicemail", "*98": "mailbox"}
        model = m.versioned(msgspec.structs.replace(model, features=features))
        super().__init__(model=model)
        exchange = self.exchange
        exchange.use_mailboxes(*(msgspec.structs.replace(each, **(boxes or {})) for each in boxes_of(model)))

    def heard(self, call: PhoneCall) -> str:
        """What plays, by the names of the files."""
        return self.book(call).source.replace("file:", "").replace(".wav", "")

    def said(self, call: PhoneCall) -> str:
        """What plays comes to its end; what that was."""
        leg, words = self.book(call), self.heard(call)
        assert leg.tune is not None
        self.exchange.tell(PlayEnded(leg.lease.leg, leg.tune.id))
        self.wait(0.1)
        return words

    def press(self, call: PhoneCall, digits: str) -> None:
        super().press(call, digits)
        self.wait(0.1)

    def ended(self) -> None:
        """The engine tells of recordings that have ended."""
        told, self.exchange.engine.ended = self.exchange.engine.ended, []
        for event in told:
            self.exchange.tell(event)
        self.wait(0.1)

    def speaks(self, call: PhoneCall) -> str:
        """Greeting and beep are over, and the recording is on: the path of the spool."""
        self.said(call)
        assert self.said(call) == "silence:200,tone:1000:300"
        (path,) = self.book(call).spools
        return path

    def leave(self, call: PhoneCall) -> None:
        """The whole of it: says something and hangs up."""
        self.speaks(call)
        call.hang_up()
        self.wait(0.1)
        self.ended()

    def call(self, caller: Any = None, number: str = "102") -> PhoneCall:
        """Somebody, or Alice, calls Bob, or that number."""
        call: PhoneCall = (caller or self.phone("alice")).call(number)
        self.wait()
        return call

    def message(self, caller: Any, number: str = "102") -> None:
        self.leave(self.call(caller, number))

    def set_pin(self, mailbox: str, pin: str = PIN) -> None:
        self.exchange.core.go_on(
            lambda now: self.exchange.desk.set_pin(mailbox, pin, "operator:root", lambda *done: None), self.clock.now()
        )
        self.wait(0.1)

    @property
    def boxes(self) -> Any:
        return self.exchange.core.mailboxes

    def changes(self) -> list[tuple[str, str]]:
        return [(each.what, each.by) for each in self.exchange.events if isinstance(each, e.MessageChanged)]


# -- leaving a message ---


def test_who_hangs_up_after_the_beep_has_left_a_message_fwd_2() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = scene.call(alice)
    assert call.up
    assert not bob.calls
    words = "vm_person_at_extension,1,0,2,vm_is_not_available,vm_leave_message"
    assert scene.heard(call) == words
    assert scene.speaks(call).startswith("/voicemail/bob/")
    told: list[str] = []
    scene.boxes.on_change = (told.append,)
    assert scene.boxes.counts("bob") == Counts()
    call.hang_up()
    scene.wait(0.1)
    assert not scene.exchange.left, "the worker has not told yet that it has all"
    scene.ended()
    assert told == ["bob"]
    (message,) = scene.boxes.messages("bob")
    assert (message.number, message.name, message.seconds) == ("101", "Alice", 5.0)
    assert scene.exchange.left == [message]
    record = scene.exchange.record
    assert (record.result, record.service, message.call) == ("answered", "voicemail:bob", record.call)
    scene.finish()


@pytest.mark.parametrize(("lasted_s", "packets", "one"), [(6.0, 300, True), (1.9, 95, False), (6.0, 0, False)])
def test_no_lamp_waits_for_the_file_to_be_made(lasted_s: float, packets: int, *, one: bool) -> None:
    scene = Stage()
    scene.exchange.hash_s = 60.0
    call = scene.phone("alice").call("102")
    scene.wait()
    path, leg = scene.speaks(call), scene.book(call).lease.leg
    call.hang_up()
    scene.wait(0.1)
    scene.exchange.engine.ended.clear()
    scene.exchange.tell(RecordEnded(leg, path, "closed", packets, 160 * packets, lasted_s, lasted_s - 1.0))
    assert scene.boxes.counts("bob").new == one
    assert [each.seconds for each in scene.exchange.left] == ([lasted_s] if one else [])
    scene.finish()


@pytest.mark.parametrize("seconds", [0.0, 1.9])
def test_what_is_shorter_than_two_seconds_is_no_message(seconds: float) -> None:
    scene = Stage()
    scene.exchange.sounds.usual_s = seconds
    scene.message(scene.phone("alice"))
    assert not list(scene.boxes.all())
    assert not scene.exchange.left
    scene.finish()


def test_nobody_said_anything_is_no_message_either() -> None:
    scene = Stage()
    call = scene.call()
    path = scene.speaks(call)
    leg = scene.book(call)
    assert scene.exchange.engine.log[-1] == ("record", leg.lease.leg, Spool(path, 180.0, 10.0))
    scene.exchange.tell(RecordEnded(leg.lease.leg, path, "silence", 500, 80000, 10.0, 0.0))
    scene.wait(0.1)
    assert scene.said(call) == "vm_too_short,goodbye"
    assert call.over
    assert not list(scene.boxes.all())
    scene.finish()


def test_silence_ends_the_message_and_it_is_thanked_for() -> None:
    scene = Stage()
    call = scene.call()
    path = scene.speaks(call)
    scene.exchange.tell(RecordEnded(scene.book(call).lease.leg, path, "silence", 500, 80000, 22.0, 12.0))
    scene.wait(0.1)
    assert scene.boxes.counts("bob").new == 1
    assert scene.said(call) == "vm_saved,goodbye"
    assert call.over
    scene.finish()


def test_pound_leads_to_the_menu_listen_again_urgent_send() -> None:
    scene = Stage()
    call = scene.call()
    scene.press(call, "#")
    assert scene.said(call) == "silence:200,tone:1000:300", "a key cuts the greeting short"
    scene.press(call, "5#")
    scene.ended()
    assert scene.heard(call) == "vm_deposit_menu,vm_deposit_urgent"
    scene.press(call, "2")
    (first,) = scene.boxes.all()
    assert scene.said(call) == f"/voicemail/bob/{first.id}"
    scene.press(call, "3")
    assert scene.said(call) == "silence:200,tone:1000:300"
    (second,) = scene.boxes.all()
    assert second.id != first.id
    assert second.open
    scene.press(call, "#")
    scene.ended()
    scene.press(call, "4")
    assert scene.said(call) == "vm_deposit_marked"
    scene.press(call, "1")
    assert scene.said(call) == "vm_saved,goodbye"
    assert call.over
    assert scene.boxes.counts("bob") == Counts(new=1, urgent_new=1)
    assert scene.exchange.sounds.there == {("bob", second.id)}
    scene.finish()


def test_who_chooses_nothing_or_hangs_up_in_the_menu_has_left_it() -> None:
    scene = Stage()
    alice = scene.phone("alice")
    calls = [alice.call("102")]
    scene.wait()
    calls.append(alice.call("102"))
    scene.wait()
    for call in calls:
        scene.speaks(call)
        scene.press(call, "#")
        scene.ended()
    calls[0].hang_up()
    scene.wait()
    assert scene.boxes.counts("bob").new == 1
    for _ in range(2):
        scene.said(calls[1])
        scene.wait(7.0)
    assert scene.said(calls[1]) == "vm_saved,goodbye"
    assert scene.boxes.counts("bob").new == 2
    scene.finish()


def test_a_full_mailbox_says_so_and_takes_nothing() -> None:
    scene = Stage({"messages": 1})
    alice = scene.phone("alice")
    scene.message(alice)
    call = scene.call(alice)
    assert scene.said(call) == "vm_full,goodbye"
    assert call.over
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


def test_zero_leads_to_the_operator() -> None:
    scene = Stage({"operator": user("carol")})
    alice, carol = scene.phone("alice"), scene.phone("carol")
    call = scene.call(alice)
    scene.press(call, "0")
    carol.last.answer()
    scene.wait()
    assert call.up
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.wait()
    assert scene.exchange.record.answered_target == "line:carol"
    scene.finish()


def test_a_disk_that_is_full_costs_the_message_and_not_the_call() -> None:
    scene = Stage()
    scene.exchange.sounds.usual_s = 0.0
    call = scene.call()
    path = scene.speaks(call)
    scene.exchange.tell(RecordEnded(scene.book(call).lease.leg, path, "failed", 0, 0, detail="no space"))
    scene.wait(0.1)
    assert scene.said(call) == "vm_not_recorded,goodbye"
    assert call.over
    assert not list(scene.boxes.all())
    scene.finish()


def test_the_greeting_that_was_recorded_for_the_cause() -> None:
    scene = Stage(bob={"forwards": Forwards(busy=Destination(To.VOICEMAIL)), "mailbox": "bob"})
    alice, bob = scene.phone("alice"), scene.phone("bob")
    bob.refuses = 486
    call = scene.call(alice)
    assert scene.heard(call) == "vm_greeting_busy"
    call.hang_up()
    scene.exchange.core.go_on(
        lambda now: scene.exchange.desk.use_greeting("bob", "busy", "greeting-1", "x"), scene.clock.now()
    )
    call = scene.call(alice)
    assert scene.heard(call) == "/voicemail/bob/greeting-1"
    call.hang_up()
    scene.finish()


def test_a_greeting_whose_file_is_missing_is_spoken_instead() -> None:
    scene = Stage({"greeting": "/config/hello.wav"})
    call = scene.call()
    leg = scene.book(call)
    assert leg.tune is not None
    assert leg.tune.sources == ("file:/config/hello.wav",)
    scene.exchange.tell(PlayEnded(leg.lease.leg, leg.tune.id, leg.tune.sources))
    assert scene.heard(call).endswith("vm_leave_message")
    scene.leave(call)
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


def test_the_delegators_mailbox_takes_it_whoever_was_rung_xrl_7() -> None:
    away = Destination(To.VOICEMAIL)
    scene = Stage(
        bob={"mailbox": "bob", "delegates": (Delegate(line="carol"),), "forwards": Forwards(no_answer=away)},
        carol={"mailbox": "carol", "forwards": Forwards(busy=away, no_answer=away, outage=away)},
    )
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call = scene.call(alice)
    assert bob.calls
    carol.last.refuse(486)
    scene.wait(25.0)
    assert call.up
    scene.leave(call)
    assert (scene.boxes.counts("bob").new, scene.boxes.counts("carol").new) == (1, 0)
    scene.finish()


# -- crashes ---


def test_a_crash_while_somebody_speaks_and_hangs_up_meanwhile_leaves_the_message() -> None:
    scene = Stage()
    call = scene.call()
    scene.speaks(call)
    scene.exchange.crash()
    call.hang_up()
    scene.wait(1.0)
    scene.exchange.restart()
    scene.wait(40.0)
    scene.ended()
    assert scene.boxes.counts("bob").new == 1
    scene.strict = False
    scene.finish()


def test_a_call_that_outlives_the_crash_goes_on_with_its_message() -> None:
    scene = Stage()
    call = scene.call()
    path = scene.speaks(call)
    scene.exchange.save_facts()
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert not scene.boxes.messages("bob"), "it goes on"
    assert list(scene.book(call).spools) == [path]
    scene.press(call, "#")
    scene.ended()
    scene.press(call, "1")
    assert scene.said(call) == "vm_saved,goodbye"
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


def test_a_crash_during_the_greeting_begins_it_again_and_the_operator_can_still_be_reached() -> None:
    scene = Stage({"operator": user("carol")})
    alice, carol = scene.phone("alice"), scene.phone("carol")
    call = scene.call(alice)
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert scene.heard(call).endswith("vm_leave_message")
    scene.press(call, "0")
    carol.last.answer()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.finish()


def test_a_worker_that_dies_leaves_what_it_has_written() -> None:
    scene = Stage()
    call = scene.call()
    scene.speaks(call)
    scene.exchange.lose_leg(scene.book(call).lease.leg)
    scene.wait(20.0)
    assert call.over
    scene.exchange.core.go_on(lambda now: scene.exchange.desk.sweep(), scene.clock.now())
    scene.wait(0.1)
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


def test_a_worker_that_dies_and_is_followed_ends_the_message_and_loses_nothing_of_it() -> None:
    """How long it was, and whether anything was said, nobody knows until the file is made."""
    scene = Stage()
    call = scene.call()
    path, book = scene.speaks(call), scene.book(call)
    del book.spools[path]
    scene.exchange.tell(RecordEnded(book.lease.leg, path, "closed", 0, 0, detail="the media worker died"))
    scene.wait(0.1)
    assert scene.said(call) == "vm_deposit_menu,vm_deposit_urgent"
    scene.press(call, "1")
    assert scene.said(call) == "vm_saved,goodbye"
    scene.wait(0.1)
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


# -- fetching messages ---


def opened(scene: Stage, phone: Any, code: str = "*97", pin: str = PIN) -> PhoneCall:
    """A telephone whose PIN was good."""
    call: PhoneCall = phone.call(code)
    scene.wait()
    assert scene.heard(call) == "pin_enter"
    scene.press(call, f"{pin}#")
    return call


def test_one_hears_deletes_and_restores_saves_and_goes_on() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    for _ in range(2):
        scene.message(alice)
    first, second = scene.boxes.messages("bob")
    scene.set_pin("bob")
    call = opened(scene, bob)
    assert scene.heard(call) == "vm_you_have,2,vm_new_messages,vm_main_menu"
    scene.press(call, "1")
    assert scene.heard(call) == f"vm_first_message,/voicemail/bob/{first.id},vm_message_menu"
    assert scene.boxes.counts("bob") == Counts(new=1, old=1)
    scene.press(call, "8")
    assert scene.heard(call).startswith("vm_message_from,1,0,1,vm_received,")
    scene.press(call, "3")
    assert scene.said(call) == "vm_message_deleted"
    assert scene.heard(call) == f"vm_next_message,/voicemail/bob/{second.id},vm_message_menu"
    scene.press(call, "7")
    assert scene.heard(call) == f"vm_first_message,/voicemail/bob/{first.id},vm_message_restore"
    scene.press(call, "3")
    assert scene.said(call) == "vm_message_restored"
    scene.press(call, "2")
    assert scene.said(call) == "vm_message_kept"
    scene.press(call, "6")
    assert scene.said(call) == "vm_no_more"
    scene.press(call, "2")
    assert scene.heard(call).startswith("vm_first_message,/voicemail/bob/")
    scene.press(call, "*")
    assert scene.heard(call) == "vm_main_menu"
    scene.press(call, "*")
    assert scene.said(call) == "goodbye"
    assert call.over
    done = [what for what, _ in scene.changes()]
    assert done == ["played", "deleted", "played", "restored", "saved"]
    assert {by for _, by in scene.changes()} == {"device:bob"}
    assert scene.boxes.counts("bob") == Counts(old=2)
    scene.finish()


def test_who_presses_nothing_hears_the_choices_again_and_is_let_go() -> None:
    scene = Stage()
    bob = scene.phone("bob")
    scene.message(scene.phone("alice"))
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "1")
    assert "/voicemail/bob/" in scene.said(call)
    for _ in range(2):
        scene.wait(7.0)
        assert scene.said(call) == "vm_message_menu"
    scene.wait(7.0)
    assert scene.said(call) == "goodbye"
    assert call.over
    scene.finish()


def test_the_pin_is_needed_and_wrong_ones_lock_the_mailbox_pin_1_pin_5() -> None:
    scene = Stage({"pin_tries": 4})
    bob = scene.phone("bob")
    call = bob.call("*97")
    scene.wait()
    assert scene.said(call) == "pin_none,goodbye"
    scene.set_pin("bob")
    call = opened(scene, bob, pin="000000")
    assert scene.said(call) == "pin_wrong"
    scene.press(call, "000001#")
    assert scene.said(call) == "pin_wrong"
    scene.press(call, "000002#")
    assert scene.said(call) == "pin_wrong,goodbye"
    assert call.over
    scene.exchange.crash_and_restart(1.0)
    call = opened(scene, bob, pin="000003")
    assert scene.said(call) == "pin_locked,goodbye"
    assert LOCKED in scene.boxes.values("bob")
    call = opened(scene, bob)
    assert scene.said(call) == "pin_locked,goodbye", "the right one is not looked at either"
    scene.wait(901.0)
    call = opened(scene, bob)
    assert scene.heard(call) == "vm_no_messages,vm_main_menu"
    call.hang_up()
    scene.finish()
    assert PIN not in repr(scene.exchange.events)


def test_a_caller_reaches_the_own_mailbox_from_anywhere_by_star_during_the_greeting() -> None:
    scene = Stage()
    scene.set_pin("bob")
    call = scene.call()
    scene.press(call, "*")
    assert scene.heard(call) == "pin_enter"
    scene.press(call, f"{PIN}#")
    assert scene.heard(call).startswith("vm_mailbox,“Bob”,vm_no_messages")
    (live,) = scene.exchange.calls
    assert live.state.service == "mailbox:bob"
    call.hang_up()
    scene.wait()
    assert not list(scene.boxes.all())
    scene.finish()


def test_a_delegate_hears_and_deletes_with_the_own_pin_and_it_is_so_for_both_dvm_1() -> None:
    scene = Stage(alice={"mailbox": "alice"}, bob=BOX | {"delegates": (Delegate(line="alice"),)})
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    for _ in range(2):
        scene.message(carol)
    scene.set_pin("alice", "482053")
    scene.set_pin("bob")
    hers = opened(scene, alice, "*98102", "482053")
    assert scene.heard(hers).startswith("vm_mailbox,“Bob”,vm_you_have,2,vm_new_messages")
    his = opened(scene, bob)
    scene.press(hers, "1")
    scene.press(his, "2")
    assert scene.heard(his) == scene.heard(hers), "DVM-3: what she has played is old for him"
    scene.press(hers, "3")
    assert scene.said(hers) == "vm_message_deleted"
    scene.press(his, "2")
    assert scene.said(his) == "vm_message_gone", "DVM-2: at once, for both, and saving does not bring it back"
    assert scene.boxes.counts("bob") == Counts(old=1)
    hers.hang_up()
    his.hang_up()
    scene.wait()
    assert ("played", "device:alice") in scene.changes()
    scene.finish()


def test_on_the_delegators_line_it_is_the_delegators_mailbox_xrl_7() -> None:
    scene = Stage(alice={"mailbox": "alice"}, bob=BOX | {"delegates": (Delegate(line="alice", place=True),)})
    alice = scene.phone("alice")
    scene.message(scene.phone("carol"))
    scene.set_pin("alice", "482053")
    call = opened(scene, alice, "*102#*97", "482053")
    assert scene.heard(call).startswith("vm_mailbox,“Bob”,vm_you_have,1,vm_new_message,")
    call.hang_up()
    scene.finish()


def test_from_the_own_mailbox_to_one_that_is_shared_without_another_pin() -> None:
    scene = Stage(alice={"mailbox": "alice"}, bob=BOX | {"delegates": (Delegate(line="alice"),)})
    alice = scene.phone("alice")
    scene.set_pin("alice")
    call = opened(scene, alice)
    assert scene.heard(call) == "vm_no_messages,vm_main_menu,vm_main_shared"
    scene.press(call, "5")
    scene.press(call, "103#")
    assert scene.said(call) == "vm_not_allowed"
    scene.press(call, "5")
    scene.press(call, "102#")
    assert scene.heard(call).startswith("vm_mailbox,“Bob”,vm_no_messages")
    call.hang_up()
    scene.finish()


def test_another_mailbox_is_asked_for_by_its_number_and_opened_by_its_pin() -> None:
    scene = Stage()
    carol = scene.phone("carol")
    scene.set_pin("bob")
    call = carol.call("*98")
    scene.wait()
    assert scene.heard(call) == "vm_mailbox_enter"
    scene.press(call, "999#")
    assert scene.heard(call) == "vm_mailbox_unknown,vm_mailbox_enter"
    scene.press(call, "102#")
    scene.press(call, f"{PIN}#")
    assert scene.heard(call).startswith("vm_mailbox,“Bob”")
    call.hang_up()
    scene.finish()


def test_call_back_rings_who_left_the_message() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.message(alice)
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "14")
    assert scene.said(call) == "vm_calling_back"
    alice.last.answer()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.finish()


def test_a_message_is_forwarded_to_another_mailbox() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.message(alice)
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "15")
    assert scene.heard(call) == "vm_forward_to"
    scene.press(call, "101#")
    assert scene.said(call) == "vm_message_forwarded"
    (copy,) = scene.boxes.messages("alice")
    assert (copy.sent_by, copy.number) == ("bob", "101")
    assert scene.exchange.left[-1] == copy
    call.hang_up()
    scene.finish()


def test_a_greeting_is_recorded_heard_rested_and_deleted() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "3")
    scene.press(call, "21")
    assert scene.said(call).startswith("vm_greeting_record")
    assert scene.book(call).spools
    scene.press(call, "1#")
    scene.ended()
    assert scene.said(call) == "vm_greeting_saved"
    ((_, name),) = scene.exchange.sounds.there
    heard = alice.call("102")
    scene.wait()
    assert scene.heard(heard) == f"/voicemail/bob/{name}"
    heard.hang_up()
    scene.press(call, "3")
    assert scene.said(call) == "vm_greeting_standard"
    heard = alice.call("102")
    scene.wait()
    assert scene.heard(heard).startswith("vm_person_at_extension")
    heard.hang_up()
    scene.press(call, "4")
    scene.said(call)
    scene.press(call, "11")
    assert scene.said(call) == f"/voicemail/bob/{name}"
    scene.press(call, "51")
    assert scene.said(call) == "vm_greeting_deleted"
    assert not scene.exchange.sounds.there
    call.hang_up()
    scene.finish()


def test_half_a_greeting_whose_worker_died_is_none() -> None:
    scene = Stage()
    bob = scene.phone("bob")
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "3")
    scene.press(call, "21")
    scene.said(call)
    book = scene.book(call)
    ((path, _),) = book.spools.items()
    del book.spools[path]
    scene.exchange.tell(RecordEnded(book.lease.leg, path, "closed", 0, 0, detail="the media worker died"))
    scene.wait(0.1)
    assert scene.said(call) == "failed"
    assert not scene.exchange.sounds.there
    call.hang_up()
    scene.finish()


def test_the_pin_is_changed_and_a_simple_one_is_refused() -> None:
    scene = Stage()
    bob = scene.phone("bob")
    scene.set_pin("bob")
    call = opened(scene, bob)
    for new, again, said in (
        ("123456#", "", "pin_too_simple"),
        ("4820#", "", "pin_too_short"),
        ("482053#", "482054#", "pin_differs"),
        ("482053#", "482053#", "pin_changed"),
    ):
        scene.press(call, "4")
        scene.press(call, new)
        scene.press(call, again)
        assert scene.said(call) == said
    call.hang_up()
    scene.wait()
    call = opened(scene, bob, pin="482053")
    assert scene.heard(call).endswith("vm_main_menu")
    call.hang_up()
    scene.finish()


def test_two_at_once_in_any_order_never_bring_back_what_one_has_deleted() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.message(alice)
    scene.set_pin("bob")
    calls = [opened(scene, bob), opened(scene, bob)]
    for call in calls:
        scene.press(call, "1")
    scene.press(calls[0], "3")
    for key in "123456":
        scene.press(calls[1], key)
        scene.said(calls[1])
        if not calls[1].over and scene.heard(calls[1]).endswith("vm_main_menu"):
            scene.press(calls[1], "1")
    assert not scene.boxes.messages("bob")
    assert [what for what, _ in scene.changes()] == [PLAYED, DELETED]
    for call in calls:
        if not call.over:
            call.hang_up()
    scene.finish()


def test_a_common_mailbox_is_opened_by_its_members() -> None:
    scene = Stage()
    scene.exchange.use_mailboxes(
        *scene.exchange.boxes, MailboxSettings(id="desk", extension="290", name="Front desk", lines=("bob",))
    )
    bob = scene.phone("bob")
    scene.set_pin("bob")
    call = opened(scene, bob, "*98290")
    assert scene.heard(call).startswith("vm_mailbox,“Front desk”")
    call.hang_up()
    scene.finish()


def test_a_caller_who_puts_us_on_hold_and_comes_back_is_still_recorded() -> None:
    scene = Stage()
    call = scene.call()
    path = scene.speaks(call)
    call.hold()
    scene.wait()
    call.resume()
    scene.wait()
    assert list(scene.book(call).spools) == [path]
    call.hang_up()
    scene.wait(0.1)
    scene.ended()
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


def test_calls_that_forward_in_a_circle_end_in_the_mailbox_of_who_was_called_fwd_9() -> None:
    away = Forwards(always=user("carol"))
    scene = Stage(
        bob={"mailbox": "bob", "forwards": away},
        carol={"mailbox": "carol", "forwards": Forwards(always=user("bob"))},
    )
    call = scene.phone("alice").call("102")
    scene.wait()
    assert call.up
    scene.leave(call)
    assert (scene.boxes.counts("bob").new, scene.boxes.counts("carol").new) == (1, 0)
    scene.finish()


def test_a_vip_line_that_sends_everybody_else_to_voicemail_never_rings_vip_4f() -> None:
    vip = Vip(contacts=frozenset(), others=Others.VOICEMAIL)
    scene = Stage(bob={"mailbox": "bob", "vip": vip})
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call = scene.call(alice)
    assert call.up
    assert not bob.calls
    scene.leave(call)
    assert scene.boxes.counts("bob").new == 1
    scene.finish()


def test_a_crash_while_somebody_listens_asks_for_the_pin_again() -> None:
    scene = Stage()
    alice, bob = scene.phone("alice"), scene.phone("bob")
    scene.message(alice)
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "1")
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert scene.heard(call) == "pin_enter"
    scene.press(call, f"{PIN}#")
    assert scene.heard(call).startswith("vm_you_have,1,vm_saved_message,"), "what was played is played still"
    scene.press(call, "2")
    scene.press(call, "4")
    assert scene.said(call) == "vm_calling_back"
    alice.last.answer()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    call.hang_up()
    scene.finish()


def test_a_caller_without_a_number_is_not_called_back() -> None:
    scene = Stage(bob={"mailbox": "bob"})
    bob = scene.phone("bob")
    scene.exchange.core.go_on(
        lambda now: scene.boxes.leave(e.MessageLeft("bob", "m1", scene.clock.at(), seconds=4.0)), scene.clock.now()
    )
    scene.set_pin("bob")
    call = opened(scene, bob)
    scene.press(call, "14")
    assert scene.said(call) == "vm_call_back_unknown"
    scene.press(call, "8")
    assert scene.heard(call).startswith("vm_message_from,vm_unknown_caller,vm_received")
    call.hang_up()
    scene.finish()
