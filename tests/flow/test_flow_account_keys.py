"""What is keyed during a call about its costs: an account code (CST-3, CST-5, CST-6), billable time (BIL-1, BIL-8)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.destinations import of_text
from dialplan.groups import AccountCode, Conference, ParkLot
from dialplan.lines import Delegate, Policy
from media.engine import RecordEnded
from records import billable as b
from records import events as e
from records.cdr import CallRecord
from switch.billing import Billing
from switch.calls.keying import CONFIRMED, REFUSED
from switch.calls.leg import is_trunk
from switch.control import Refused
from switch.features import billable
from tests.support.exchange import changed, house
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawDialog, RawPhone
from tests.support.scene import Scene

SECRET = "86420"
NUMBER = "2125550100"
OUTSIDE = "+12125550100"


def scene(**lines: Any) -> Scene:
    """Account 4711 has a password, 12 has none; *5 asks for one, *6 is billable time."""
    accounts = {"4711": AccountCode(code="4711", password=True), "12": AccountCode(code="12")}
    keys = {"*5": "account_code", "*6": "billable"}
    model = msgspec.structs.replace(changed(house(), **lines), accounts=accounts, call_keys=keys)
    model = msgspec.structs.replace(model, features={"*11": "account_code"})
    made = Scene(model=m.versioned(model))
    made.exchange.passwords = {"4711": SECRET}
    return made


def outside(made: Scene, digits: str = NUMBER) -> tuple[PhoneCall, RawPhone]:
    """Alice talks with somebody outside."""
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(digits)
    made.wait(0.1)
    made.taken(carrier, "c")
    return call, carrier


def press(made: Scene, call: PhoneCall, digits: str) -> None:
    made.press(call, digits)
    made.wait(0.1)


def accounts(record: CallRecord) -> list[tuple[str, str]]:
    return [(each.account, each.by) for each in record.accounts]


def talks(made: Scene) -> bool:
    """Whether two hear each other."""
    return len(made.exchange.engine.joined()) == 1


def test_codes_during_a_call_the_last_one_owns_it_and_no_password_is_anywhere() -> None:
    """CST-3, CST-5: also over a crash."""
    made = scene()
    call, carrier = outside(made, f"*11*12%23{NUMBER}")
    press(made, call, "*5")
    assert made.book(call).source == "file:account_code_enter"
    assert not talks(made), "the other side hears music"
    press(made, call, "4711#")
    assert made.book(call).source == "file:account_password_enter"
    press(made, call, f"{SECRET}#")
    assert made.book(call).over == CONFIRMED
    assert talks(made)
    made.exchange.crash_and_restart()
    press(made, call, "*512#")
    assert talks(made)
    made.over(call, carrier)
    made.finish()
    record = made.exchange.record
    assert record.account == "12"
    assert accounts(record) == [("12", ""), ("4711", "device:alice"), ("12", "device:alice")]
    assert [each.at for each in record.accounts] == sorted(each.at for each in record.accounts)
    assert made.exchange.asked_accounts == ["4711"]
    written = b"".join(msgspec.msgpack.encode(event) for event in made.exchange.events)
    assert SECRET.encode() not in written


@pytest.mark.parametrize("keyed", ["#", f"4711#{SECRET}1#", "4711##", f"99#{SECRET}#", "99#1"])
def test_nothing_or_something_wrong_changes_nothing(keyed: str) -> None:
    """CST-4: an account that there is not looks like one with a password."""
    made = scene()
    call, carrier = outside(made, f"*11*12%23{NUMBER}")
    press(made, call, "*5")
    for part in keyed.replace("#", "# ").split():
        press(made, call, part)
    made.wait(10)
    assert made.book(call).over == REFUSED
    assert talks(made)
    made.over(call, carrier)
    made.finish()
    assert accounts(made.exchange.record) == [("12", "")]


def test_wrong_ones_count_together_with_those_before_a_call() -> None:
    made = scene()
    call, carrier = outside(made)
    for _ in range(5):
        press(made, call, "*5")
        press(made, call, "4711#")
        press(made, call, "1#")
    assert len(made.exchange.asked_accounts) == 5
    press(made, call, "*5")
    press(made, call, "4711#")
    assert made.book(call).over == REFUSED, "no password is asked for any more"
    assert made.exchange.refused_accounts[-1] == ("alice", "4711", True)
    press(made, call, "*512#")
    assert made.book(call).over == CONFIRMED, "one without a password needs no look"
    made.over(call, carrier)
    made.finish()
    assert made.exchange.record.account == "12"


def test_a_recording_is_silent_while_the_password_is_keyed() -> None:
    """Secrets are never stored, as tones neither."""
    made = scene(alice={"policy": Policy(owner="alice", record=frozenset(("outbound",)))})
    call, carrier = outside(made)
    assert on(made) == [True, True]
    press(made, call, "*54711#")
    assert on(made) == [False, False]
    press(made, call, f"{SECRET}#")
    assert on(made) == [True, True]
    press(made, call, "*54711#")
    made.exchange.crash_and_restart()
    assert on(made) == [True, True], "nobody is asked any more"
    press(made, call, "*54711#")
    made.over(call, carrier)
    made.finish()
    assert made.exchange.record.account == "4711"


def test_a_password_is_not_recorded_where_the_worker_dies_meanwhile() -> None:
    made = scene(alice={"policy": Policy(owner="alice", record=frozenset(("outbound",)))})
    call, carrier = outside(made)
    press(made, call, "*5")
    press(made, call, "4711#")
    assert on(made) == [False, False]
    for number, leg in list(made.exchange.engine.legs.items()):
        for path in list(leg.spools):
            del leg.spools[path]
            made.exchange.tell(RecordEnded(number, path, "closed", 0, 0, detail="the media worker died"))
    assert on(made) == [False, False]
    press(made, call, f"{SECRET}#")
    assert on(made) == [True, True]
    made.over(call, carrier)
    made.finish()


def on(made: Scene) -> list[bool]:
    """Of each leg, whether its recording is on."""
    return [each for leg in made.exchange.engine.legs.values() for each in leg.spools.values()]


def test_a_delegate_keys_it_on_the_delegators_line() -> None:
    """XRL-9: the record's line is the delegator's, who keyed it is told."""
    made = scene(bob={"delegates": (Delegate(line="alice"),)})
    call, carrier = outside(made, f"*102%23{NUMBER}")
    press(made, call, "*512#")
    made.over(call, carrier)
    made.finish()
    record = made.exchange.record
    assert (record.line, record.account) == ("bob", "12")
    assert accounts(record) == [("12", "device:alice")]


@pytest.mark.parametrize("outside_moves", [False, True])
def test_the_code_follows_the_call_through_a_transfer(outside_moves: bool) -> None:
    """CST-6: whichever of the two calls lives on; and the one who takes it may change it."""
    made = scene()
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    first, _ = made.talking(alice, bob)
    first.hold()
    made.wait()
    second = alice.call(NUMBER)
    made.wait(0.1)
    made.taken(carrier, "c")
    press(made, second, "*512#")
    if outside_moves:
        first.transfer_to(second)
    else:
        second.transfer_to(first)
    made.wait()
    (call,) = made.exchange.calls
    assert call.state.account == "12"
    bob.last.hang_up()
    made.wait()
    carrier.reply(carrier.take("BYE"), 200)
    made.finish()
    assert {record.account for record in made.exchange.records} == ({"12"} if outside_moves else {"12", ""})
    if outside_moves:
        joined = next(each for each in made.exchange.records if each.number == "102")
        assert [by.partition(":")[0] for _, by in accounts(joined)] == ["call"]


@pytest.mark.parametrize(
    ("to", "taken", "at", "account"), [("700", "700", "conference", "12"), ("710", "701", "park", "4711")]
)
def test_the_code_follows_the_call_into_a_conference_and_out_of_a_park_slot(
    to: str, taken: str, at: str, account: str
) -> None:
    """CST-6: whoever is with it then; the one who takes it out of the slot may change it, and owns it from then on."""
    made = scene()
    model, lot = made.exchange.model, ParkLot(id="main", extension="710", first="701", last="703")
    extensions = {**model.extensions, "700": of_text("conference:board"), "710": of_text("park:main")}
    more = {"park_lots": {"main": lot}, "conferences": {"board": Conference(id="board")}}
    made.exchange.use_model(m.versioned(msgspec.structs.replace(model, extensions=extensions, **more)))
    call, carrier = outside(made, f"*11*12%23{NUMBER}")
    invite = next(each for each in carrier.seen if each.kind == "INVITE")
    call.refer(f"sip:{to}@pbx.example.com")
    made.wait(5)
    bob = made.phone("bob")
    other = bob.call(taken)
    made.wait(5)
    kept = next(each for each in made.exchange.calls if 1 in each.legs and is_trunk(each.legs[1].target))
    assert kept.state.account == "12"
    if at == "park":
        press(made, other, "*54711#")
        press(made, other, f"{SECRET}#")
    other.hang_up()
    made.wait()
    if at == "park":
        carrier.reply(carrier.take("BYE"), 200)
    else:
        RawDialog.of_invite(carrier, invite, "c").request("BYE")
        made.wait()
    made.finish()
    record = next(each for each in made.exchange.records if each.charges)
    assert record.account == account
    (charge,) = record.charges
    assert [each.to.partition(":")[0] for each in charge.stretches][:2] == ["line", at]


class Three:
    """Alice, Bob, and somebody outside, whom Alice has called, talk in one call."""

    def __init__(self) -> None:
        self.made = made = scene(alice={"policy": Policy(owner="alice", record=frozenset(("outbound",)))})
        keys = {**made.exchange.model.call_keys, "*3": "add_party"}
        made.exchange.use_model(m.versioned(msgspec.structs.replace(made.exchange.model, call_keys=keys)))
        bob = made.phone("bob")
        self.alice, self.carrier = outside(made)
        press(made, self.alice, "*3")
        press(made, self.alice, "102#")
        bob.last.answer()
        made.wait()
        self.bob = bob.last
        (self.call,) = made.exchange.calls
        self.legs = {leg.index: leg.sound.lease.leg for leg in self.call.legs.values() if leg.sound.lease}
        self.mine = made.book(self.alice).lease.leg
        assert self.there() == set(self.legs.values())

    def there(self) -> set[int]:
        """Who hears each other."""
        return self.made.exchange.engine.members(f"call:{self.call.id}")

    def end(self) -> CallRecord:
        self.alice.hang_up()
        self.made.wait()
        self.made.over(self.bob, self.carrier)
        self.made.finish()
        return self.made.exchange.record


def test_one_of_three_keys_it_and_the_other_two_talk_on_without_hearing_him() -> None:
    """CST-3 in a room of the call's own: Bob, then Alice, also after a crash in the midst of it."""
    three = Three()
    made, everybody = three.made, set(three.legs.values())
    press(made, three.bob, "*5")
    assert three.there() == everybody - {made.book(three.bob).lease.leg}
    press(made, three.alice, "*5")
    assert three.mine in three.there(), "one at a time"
    press(made, three.bob, "12#")
    assert three.there() == everybody
    assert made.book(three.bob).over == CONFIRMED
    press(made, three.alice, "*54711#")
    assert three.there() == everybody - {three.mine}
    assert not any(on(made)), "a recording is silent at the password"
    press(made, three.alice, f"{SECRET}1#")
    assert (three.there(), made.book(three.alice).over) == (everybody, REFUSED)
    assert any(on(made))
    press(made, three.alice, "*54711#")
    made.exchange.crash_and_restart()
    assert three.there() == everybody, "nobody is asked any more"
    press(made, three.alice, f"*54711#{SECRET}#")
    assert (three.there(), made.book(three.alice).over) == (everybody, CONFIRMED)
    record = three.end()
    assert accounts(record) == [("12", "device:bob"), ("4711", "device:alice")]


@pytest.mark.parametrize("who", ["bob", "alice"])
def test_somebody_leaves_the_three_while_it_is_keyed(who: str) -> None:
    three = Three()
    made = three.made
    press(made, three.alice, "*54711#")
    gone, stays = (three.bob, three.alice) if who == "bob" else (three.alice, three.bob)
    gone.hang_up()
    made.wait(0.1)
    assert talks(made)
    assert any(on(made)), "what was to be secret is over"
    made.wait(20)
    press(made, stays, "*512#")
    assert talks(made)
    made.over(stays, three.carrier)
    made.finish()
    assert accounts(made.exchange.record) == [("12", f"device:{'alice' if who == 'bob' else 'bob'}")]


def test_there_is_none_of_a_call_for_help() -> None:
    made = scene()
    call, carrier = outside(made, "911")
    press(made, call, "*5")
    press(made, call, "*6")
    assert made.book(call).over == billable.NOT_LET
    assert talks(made)
    made.over(call, carrier)
    made.finish()
    assert (made.exchange.record.accounts, made.exchange.record.marks) == ((), ())


# Billable time


def entries(made: Scene) -> dict[str, b.Billable]:
    told = [each for each in made.exchange.events if isinstance(each, b.InteractionNoted | b.BillableEdited)]
    return {each.user: each for record in made.exchange.records for each in b.billables(record, told)}


def desk(made: Scene) -> Billing:
    exchange = made.exchange
    return Billing(exchange.core, exchange.features.billable, lambda: exchange.model, exchange._token, exchange.clock)


def test_billable_time_by_keys_in_several_pieces_over_a_crash() -> None:
    """BIL-1: each of the two who talk has the own."""
    made = scene()
    alice, bob = made.phone("alice"), made.phone("bob")
    call, answered = made.talking(alice, bob)
    press(made, call, "*6")
    assert made.book(call).over == billable.STARTED
    made.wait(9.9)
    press(made, call, "*6")
    assert made.book(call).over == billable.STOPPED
    press(made, answered, "*6")
    made.wait(5)
    made.exchange.crash_and_restart()
    press(made, call, "*6")
    made.wait(9.9)
    call.hang_up()
    made.finish()
    found = entries(made)
    assert round(found["alice"].seconds) == 20
    assert round(found["bob"].seconds) == 15
    by = [each.by.removeprefix("device:") for each in made.exchange.record.marks]
    assert by == ["alice", "alice", "bob", "alice"]


def test_billable_time_goes_along_into_another_call() -> None:
    """What is marked in the call that is left ends there, and goes on in the other one."""
    made = scene()
    carrier, alice, bob = made.carrier(), made.phone("alice"), made.phone("bob")
    first, _ = made.talking(alice, bob)
    press(made, bob.last, "*6")
    made.wait(10)
    first.hold()
    made.wait()
    second = alice.call(NUMBER)
    made.wait(0.1)
    made.taken(carrier, "c")
    second.transfer_to(first)
    made.wait(20)
    bob.last.hang_up()
    made.wait()
    carrier.reply(carrier.take("BYE"), 200)
    made.finish()
    told = [b.billables(record, ()) for record in made.exchange.records]
    found = [each for some in told for each in some]
    assert [each.user for each in found] == ["bob", "bob"]
    assert round(sum(each.seconds for each in found)) == 31
    assert all(each.seconds <= each.talk_s for each in found)


def test_an_operator_marks_notes_and_corrects() -> None:
    """BIL-2 to BIL-5; what cannot be is refused, with its reason."""
    made = scene(carol={"billable": False})
    alice, bob, carol = made.phone("alice"), made.phone("bob"), made.phone("carol")
    call, _ = made.talking(alice, bob)
    up, by = made.exchange.calls[0].id, "operator:eve"
    ask = desk(made)
    with pytest.raises(Refused, match="several users talk in this call, say which: alice, bob"):
        ask.mark({"call": up, "on": True, "by": by})
    assert ask.mark({"call": up[:4], "user": "alice", "on": True, "by": by}).done == "started"
    with pytest.raises(Refused, match="is billable already"):
        ask.mark({"call": up, "user": "alice", "on": True, "by": by})
    with pytest.raises(Refused, match="carol does not talk"):
        ask.mark({"call": up, "user": "carol", "on": True, "by": by})
    with pytest.raises(Refused, match="no call nowhere is up"):
        ask.mark({"call": "nowhere", "on": True, "by": by})
    with pytest.raises(Refused, match="is up still"):
        ask.edit({"call": up, "user": "alice", "seconds": 5, "by": by})
    with pytest.raises(Refused, match="no client code 4712"):
        ask.note({"call": up, "user": "alice", "code": "4712", "by": by})
    with pytest.raises(Refused, match="more than 2000"):
        ask.note({"call": up, "user": "alice", "note": "x" * 2001, "by": by})
    with pytest.raises(Refused, match="no user nobody"):
        ask.note({"call": up, "user": "nobody", "note": "x", "by": by, "ended": True})
    with pytest.raises(Refused, match="does not let carol"):
        ask.note({"call": up, "user": "carol", "note": "x", "by": by, "ended": True})
    with pytest.raises(Refused, match="carol does not talk"):
        ask.note({"call": up, "user": "carol", "note": "x", "by": by})
    with pytest.raises(Refused, match="no call nowhere is up"):
        ask.note({"call": "nowhere", "user": "alice", "note": "x", "by": by})
    with pytest.raises(Refused, match="nothing is said"):
        ask.note({"call": up, "user": "alice", "by": by})
    ask.note({"call": up[:4], "user": "alice", "code": "12", "note": "a quote", "by": by})
    made.wait(10)
    ask.mark({"call": up, "user": "alice", "on": False, "by": by})
    with pytest.raises(Refused, match="is not billable"):
        ask.mark({"call": up, "user": "alice", "on": False, "by": by})
    call.hang_up()
    made.wait()
    second, _ = made.talking(carol, bob)
    press(made, second, "*6")
    assert made.book(second).over == billable.NOT_LET, "BIL-8"
    second.hang_up()
    made.wait()
    for wrong in (-1, 8 * 86400, "long"):
        with pytest.raises(Refused, match="seconds are a number"):
            ask.edit({"call": up, "user": "alice", "seconds": wrong, "by": by})
    ask.edit({"call": up, "user": "alice", "seconds": 7, "by": by})
    made.finish()
    (entry,) = entries(made).values()
    assert (round(entry.marked_s), entry.seconds, entry.code, entry.note) == (10, 7, "12", "a quote")
    assert [(each.what, each.after, each.by) for each in entry.edits][-1] == ("seconds", "7", by)
    assert [event for event in made.exchange.events if isinstance(event, e.BillableEdited)]
