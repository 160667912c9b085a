"""What is done with mailboxes: room, lengths, forwarding, greetings, PINs with their lock-out, what time takes away."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from config.compiled import MailboxSettings
from switch.mailbox_desk import LEAST_S, UNDO_S, Tried
from switch.mailboxes import DELETED, Counts
from switch.state.mailboxes import SqliteMailboxStore
from switch.state.sqlite import open_state
from tests.support.mailboxes import ANNA, AT, House


def test_a_message_is_there_when_its_sound_is_and_not_before() -> None:
    house = House()
    message = house.desk.begin("anna", "call", "+16695550100", "Ada")
    house.desk.complete("anna", message, urgent=True)
    assert house.boxes.counts("anna") == Counts()
    house.run()
    assert house.boxes.counts("anna") == Counts(new=1, urgent_new=1)
    (left,) = house.told
    assert (left.number, left.name, left.seconds, left.call) == ("+16695550100", "Ada", 5.0, "call")


def test_whatever_a_caller_calls_himself_can_be_kept_and_shown(tmp_path: Path) -> None:
    house = House()
    message = house.desk.begin("anna", "call", "\udcff7" * 99, "A\r\nB\x00\udc80\u202e" + "x" * 999)
    house.desk.complete("anna", message)
    house.run()
    (left,) = house.told
    assert left.name.startswith("A  B")
    assert len(left.name) <= 128
    assert len(left.number) <= 64
    assert (left.number + left.name).isprintable()
    store = SqliteMailboxStore(open_state(tmp_path / "state.sqlite3"))
    store.apply(house.boxes.take(), (1, 1))
    assert store.load().messages == [left]
    store.close()


@pytest.mark.parametrize("seconds", [0.0, LEAST_S - 0.1])
def test_what_is_too_short_is_no_message(seconds: float) -> None:
    house = House()
    house.leave(seconds=seconds)
    assert not house.told
    assert not list(house.boxes.all())
    assert not house.sounds.there


def test_a_mailbox_is_full_with_what_is_being_recorded_and_not_with_what_was_deleted() -> None:
    house = House()
    first = house.leave()
    assert not house.desk.full("anna")
    house.desk.begin("anna", "other", "", "")
    assert house.desk.full("anna")
    house.boxes.change("anna", first, DELETED, "x", AT)
    assert not house.desk.full("anna")
    assert house.desk.full("nobody")


def test_a_crash_while_somebody_speaks_leaves_what_was_said_until_then() -> None:
    house = House()
    house.desk.begin("anna", "gone", "+16695550100", "Ada")
    going_on = house.desk.begin("ben", "up", "", "")
    after = House(house.journal)
    after.desk.recover(["up"])
    after.run()
    assert [each.call for each in after.boxes.messages("anna")] == ["gone"]
    assert after.boxes.opened_as("ben", going_on) is not None
    again = House(house.journal)
    again.desk.recover(["up"])
    again.run()
    assert again.boxes.counts("anna") == Counts(new=1), "once"
    assert [each.mailbox for each in again.told] == ["anna"], "nobody was told by e-mail before"
    again.desk.mailed("anna", again.told[0].id)
    last = House(house.journal)
    last.desk.recover(["up"])
    assert not last.told


def test_a_forwarded_message_is_a_new_one_there_and_stays_here() -> None:
    house = House()
    message = house.leave()
    heard: list[bool] = []
    house.desk.forward("anna", message, "ben", "device:x", lambda done, now: heard.append(done))
    house.desk.forward("anna", "m99", "ben", "device:x", lambda done, now: heard.append(done))
    house.desk.forward("anna", message, "nobody", "device:x", lambda done, now: heard.append(done))
    house.run()
    assert heard == [True, False, False]
    (copy,) = house.boxes.messages("ben")
    assert (copy.sent_by, copy.number, copy.seconds) == ("anna", "+16695550100", 5.0)
    assert house.boxes.counts("anna") == Counts(new=1)


def test_what_was_deleted_goes_for_good_after_an_hour_and_what_is_old_when_it_is_told() -> None:
    house = House()
    gone, old = house.leave(), house.leave("ben")
    kept = house.leave()
    house.boxes.change("anna", gone, DELETED, "x", house.at)
    house.at += datetime.timedelta(seconds=UNDO_S - 1)
    house.desk.sweep()
    assert house.boxes.change("anna", gone, "restored", "x", house.at)
    house.boxes.change("anna", gone, DELETED, "x", house.at)
    house.at += datetime.timedelta(seconds=86400)
    house.desk.sweep()
    house.run()
    assert [each.id for each in house.boxes.all()] == [kept], "anna keeps hers for ever"
    assert house.sounds.there == {("anna", kept)}
    assert not house.boxes.change("ben", old, "restored", "x", house.at)


def test_three_wrong_pins_lock_for_a_while_and_a_crash_gives_no_new_tries_pin_5() -> None:
    house = House()
    house.set_pin("371942")
    assert house.tried("000000") is Tried.WRONG
    assert house.tried("000001") is Tried.WRONG
    assert house.tried("371942") is Tried.GOOD, "and the count begins anew"
    assert [house.tried("000000") for _ in range(2)] == [Tried.WRONG] * 2
    house = House(house.journal)
    assert house.tried("000000") is Tried.LOCKED
    assert house.lockouts == [("anna", 3)]
    house = House(house.journal)
    assert house.tried("371942") is Tried.LOCKED
    assert house.desk.locked_s("anna") == ANNA.pin_lockout_s
    house.at += datetime.timedelta(seconds=ANNA.pin_lockout_s)
    assert house.tried("371942") is Tried.GOOD
    assert not any("371942" in str(event) for event in house.journal)


def test_many_tries_at_once_are_no_way_around_the_limit() -> None:
    house = House()
    house.set_pin("371942")
    found: list[Tried] = []
    for digit in range(9):
        house.desk.try_pin("anna", f"00000{digit}", "device:x", lambda tried, now: found.append(tried))
    house.run()
    assert found == [Tried.WRONG, Tried.WRONG, *[Tried.LOCKED] * 7]


def test_an_operator_unlocks_by_a_new_pin() -> None:
    house = House()
    house.set_pin("371942")
    for _ in range(3):
        house.tried("000000")
    house.set_pin("482053")
    assert house.tried("482053") is Tried.GOOD
    assert house.tried("371942") is Tried.WRONG


def test_without_a_pin_nobody_gets_in() -> None:
    house = House()
    assert house.tried("") is Tried.NONE
    assert house.desk.refusal("anna", "123456") == "simple"
    assert house.desk.refusal("anna", "201201") == "simple"
    assert house.desk.refusal("anna", "37194") == "short"
    assert house.desk.refusal("anna", "371942") == ""


def test_a_delegate_opens_the_delegators_mailbox_with_the_own_pin_dvm_1() -> None:
    house = House()
    assert house.desk.of_line("ben") == ("anna", "ben", "desk")
    assert house.desk.keeper_of_pin("anna", "ben") == "anna", "ben has none"
    house.set_pin("371942", "ben")
    assert house.desk.keeper_of_pin("anna", "ben") == "ben"
    assert house.desk.keeper_of_pin("desk", "ben") == "ben"
    assert house.desk.keeper_of_pin("ben", "anna") == "ben", "anna does not share it"
    assert house.desk.keeper_of_pin("anna", "anna") == "anna"


def test_the_greeting_that_fits_the_cause_and_the_recorded_before_the_configured() -> None:
    house = House()
    house.desk.use((MailboxSettings(id="anna", greeting="hello.wav"), MailboxSettings(id="ben", own_greeting=False)))
    assert house.desk.greeting("anna", 408) == "hello.wav"
    house.desk.use_greeting("anna", "own", "g1", "x")
    house.desk.use_greeting("anna", "busy", "g2", "x")
    assert house.desk.greeting("anna", 486) == "/voicemail/anna/g2.wav"
    assert house.desk.greeting("anna", 408) == "/voicemail/anna/g1.wav"
    house.desk.choose_standard("anna", True, "x")
    assert house.desk.greeting("anna", 486) == "hello.wav"
    house.desk.choose_standard("anna", False, "x")
    house.desk.use_greeting("anna", "busy", "", "x")
    assert house.desk.greeting("anna", 486) == "/voicemail/anna/g1.wav"
    house.desk.use_greeting("ben", "own", "g3", "x")
    assert house.desk.greeting("ben", 408) == "", "the configuration has locked it"
    assert house.desk.greeting("nobody", 408) == ""


def test_a_wav_that_cannot_be_made_is_tried_again() -> None:
    house = House()
    message = house.desk.begin("anna", "call", "+16695550100", "Ada")
    heard: list[bool] = []
    house.desk.complete("anna", message, urgent=True, then=lambda is_one, now: heard.append(is_one))
    _, then = house.work.popleft()
    then(None, 0.0)  # the disk is full
    assert heard == [True], "it is kept, as its packets are"
    assert house.boxes.counts("anna") == Counts()
    house.desk.sweep()
    house.run()
    assert house.boxes.counts("anna") == Counts(new=1, urgent_new=1)


def test_a_message_is_gone_when_its_sound_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses keeps both, until the next sweep."""

    def refuses(*_: object) -> bool:
        raise OSError("read-only")

    house = House()
    message = house.leave()
    house.boxes.change("anna", message, DELETED, "device:anna-desk", house.at)
    house.at += datetime.timedelta(days=2)
    with monkeypatch.context() as patch:
        patch.setattr(house.sounds, "drop", refuses)
        house.desk.sweep()
        house.run()
    assert [each.id for each in house.boxes.all()] == [message]
    house.desk.sweep()
    house.run()
    assert not list(house.boxes.all())


def test_a_message_that_was_mailed_whole_may_be_deleted_here() -> None:
    house = House()
    boxes = [
        MailboxSettings(id="anna", email="a@example.com", notify=notify, delete_after_email=True)
        for notify in ("notice", "attachment_only", "notice_with_attachment")
    ]
    for box, left in zip(boxes, (1, 0, 0), strict=True):
        house.desk.use((box,))
        message = house.leave()
        house.desk.mailed("anna", message)
        assert house.boxes.counts("anna").new == left
        house.desk.drop("anna", message)
        house.run()
