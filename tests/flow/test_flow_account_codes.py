"""Account codes on live calls (CST-2, CST-4, CST-5, XRL-9, K.8): dialled with the number, looked at, never told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.groups import AccountCode
from dialplan.lines import Delegate, Outside, Permission
from records import events as e
from records.cdr import CallRecord
from switch import redact
from tests.support.exchange import changed, house
from tests.support.raw_phone import RawDialog, RawPhone, Text
from tests.support.scene import Scene

SECRET = "86420"
NUMBER = "2125550100"


def scene(**lines: Any) -> Scene:
    """Code *11: account 4711 has a password, 12 has none; *67 hides the caller."""
    model = changed(house(), **lines)
    accounts = {"4711": AccountCode(code="4711", password=True), "12": AccountCode(code="12")}
    features = {"*11": "account_code", "*67": "hide_caller_id"}
    made = Scene(model=m.versioned(msgspec.structs.replace(model, accounts=accounts, features=features)))
    made.exchange.passwords = {"4711": SECRET}
    return made


def dial(made: Scene, phone: RawPhone, digits: str) -> RawDialog:
    call = RawDialog.authenticated(phone, digits.replace("#", "%23"), made.wait)
    made.wait(0.1)
    return call


def refused(phone: RawPhone, call: RawDialog) -> str:
    answer: Text = phone.take(403)
    call.ack_refusal(answer)
    return answer.get("Reason")


def nowhere(made: Scene, secret: str = SECRET) -> None:
    """The password is in nothing that is kept or shown, though it went over the wire."""
    wire = [packet.data.decode() for packet in made.network.log]
    assert any(secret in text for text in wire)
    assert not any(secret in redact.sip(text) for text in wire), "trace"
    written = b"".join(msgspec.msgpack.encode(event) for event in made.exchange.events)
    assert secret.encode() not in written, "journal"
    assert secret not in repr((made.exchange.events, made.exchange.records)), "record"
    assert all(secret not in str(value) for text in wire for value in redact.values({"event": text}).values()), "log"


@pytest.mark.parametrize("crash", [False, True])
def test_the_call_is_charged_to_the_account_and_the_password_is_nowhere(crash: bool) -> None:
    """CST-2, CST-4: also after a crash, when the exchange speaks of itself."""
    made = scene()
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(f"*11*4711*{SECRET}%23{NUMBER}")
    made.wait(0.1)
    invite = made.taken(carrier, "c")
    assert "+12125550100" in invite.uri
    if crash:
        made.exchange.crash_and_restart()
    assert call.up
    RawDialog.of_invite(carrier, invite, "c").request("BYE")
    made.wait(0.1)
    assert not call.up
    made.finish()
    record = made.exchange.record
    assert (record.account, record.number, record.result) == ("4711", "+12125550100", "answered")
    assert record.dialled == f"*11*4711*#{NUMBER}"
    nowhere(made)


def test_an_account_without_a_password_needs_no_look() -> None:
    made = scene()
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(f"*11*12%23{NUMBER}")
    made.wait(0.1)
    made.taken(carrier, "c")
    made.over(call, carrier)
    made.finish()
    assert made.exchange.asked_accounts == []
    assert made.exchange.record.account == "12"


@pytest.mark.parametrize("dialled", [f"*11*4711*{SECRET}1#1", "*11*99*86420#1", "*11*4711#1", "*11*99#1"])
def test_a_wrong_password_and_an_unknown_account_look_the_same(dialled: str) -> None:
    """CST-4, K.8: nothing is placed."""
    made = scene()
    carrier, alice = made.carrier(), made.raw("alice")
    call = dial(made, alice, dialled.removesuffix("1") + NUMBER)
    assert refused(alice, call) == 'SIP;cause=403;text="Account Code Refused"'
    made.finish()
    assert not carrier.inbox
    record = made.exchange.record
    assert (record.result, record.reason, record.account) == ("refused", "not_permitted", "")
    assert not [event for event in made.exchange.events if isinstance(event, e.CallReplanned)]
    assert made.exchange.refused_accounts == [("alice", dialled.split("*")[2].split("#")[0], False)]


def test_after_five_wrong_ones_the_line_is_not_asked_any_more() -> None:
    """CST-4: for a quarter of an hour, also with the right one; others are, and an emergency call goes through."""
    made = scene()
    carrier, alice, bob = made.carrier(), made.raw("alice"), made.raw("bob")
    for _ in range(5):
        refused(alice, dial(made, alice, f"*11*4711*1#{NUMBER}"))
    call = dial(made, alice, f"*11*4711*{SECRET}#{NUMBER}")
    assert refused(alice, call) == 'SIP;cause=403;text="Too Many Wrong Account Codes"'
    assert len(made.exchange.asked_accounts) == 5
    assert made.exchange.refused_accounts[-1] == ("alice", "4711", True)
    assert made.exchange.records[-1].reason == "blocked"
    dial(made, alice, f"*11*4711*{SECRET}#911")
    assert "911" in carrier.take("INVITE").uri
    refused(bob, dial(made, bob, f"*11*4711*1#{NUMBER}"))
    made.wait(15 * 60)
    carrier.inbox.clear()
    dial(made, alice, f"*11*4711*{SECRET}#{NUMBER}")
    assert carrier.take("INVITE")


def test_many_at_once_are_no_way_around_the_limit() -> None:
    made = scene()
    made.exchange.hash_s = 2.0
    made.strict = False
    alice = made.phone("alice")
    calls = [alice.call(f"*11*4711*{n}%23{NUMBER}") for n in range(8)]
    made.wait(1.0)
    assert len(made.exchange.asked_accounts) == 5
    made.wait(3.0)
    assert [call.refused for call in calls] == [403] * 8
    made.finish()


def test_who_gives_up_while_the_password_is_looked_at() -> None:
    made = scene()
    made.exchange.hash_s = 5.0
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(f"*11*4711*{SECRET}%23{NUMBER}")
    made.wait(0.1)
    call.cancel()
    made.finish()
    assert not carrier.inbox
    record: CallRecord = made.exchange.record
    assert (record.result, record.reason) == ("cancelled", "caller_cancelled")
    nowhere(made)


def test_a_crash_while_the_password_is_looked_at_ends_the_call() -> None:
    made = scene()
    made.exchange.hash_s = 5.0
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(f"*11*4711*{SECRET}%23{NUMBER}")
    made.wait(0.1)
    made.exchange.crash_and_restart()
    made.finish()
    assert call.refused == 503
    assert not carrier.inbox
    nowhere(made)


def test_where_an_account_is_asked_for_a_call_outside_needs_one() -> None:
    """CST-5: calls in the house, and for help, do not."""
    made = scene(alice={"outside": Outside(permission=Permission.INTERNATIONAL, account_code=True)})
    carrier, alice, bob = made.carrier(), made.raw("alice"), made.phone("bob")
    assert refused(alice, dial(made, alice, NUMBER)) == 'SIP;cause=403;text="Account Code Needed"'
    assert refused(alice, dial(made, alice, "*11")) == 'SIP;cause=403;text="Account Code Needed"'
    assert not carrier.inbox
    dial(made, alice, f"*11*4711*{SECRET}#{NUMBER}")
    assert carrier.take("INVITE")
    dial(made, alice, "911")
    assert carrier.take("INVITE")
    dial(made, alice, "102")
    assert bob.calls


def test_permission_is_asked_for_the_number_behind_an_account() -> None:
    """OUT-5: an account is no way around it."""
    made = scene(alice={"outside": Outside(permission=Permission.DOMESTIC)})
    carrier, alice = made.carrier(), made.raw("alice")
    call = dial(made, alice, f"*11*4711*{SECRET}#01133123456789")
    assert refused(alice, call) == 'SIP;cause=403;text="Domestic Calls Only"'
    assert not carrier.inbox
    made.finish()


@pytest.mark.parametrize("dialled", [f"*67*11*4711*{SECRET}#{NUMBER}", f"*102#*11*4711*{SECRET}#{NUMBER}"])
def test_codes_before_the_account_still_hold(dialled: str) -> None:
    """CST-2 with CID-2 and SLN-1."""
    made = scene(bob={"delegates": (Delegate(line="alice"),), "caller_id": "+16695550102"})
    carrier, alice = made.carrier(), made.raw("alice")
    dial(made, alice, dialled)
    shown = carrier.take("INVITE").get("From")
    assert ("anonymous" in shown) if dialled.startswith("*67") else ("+16695550102" in shown)


def test_a_delegate_charges_the_delegators_line() -> None:
    """XRL-9: and the delegator's quota."""
    made = scene(bob={"delegates": (Delegate(line="alice"),)})
    carrier, alice = made.carrier(), made.phone("alice")
    call = alice.call(f"*102%23*11*4711*{SECRET}%23{NUMBER}")
    made.wait(0.1)
    made.taken(carrier, "c")
    facts = made.exchange.core.facts.at(made.clock.at())
    assert (facts.line("bob").external, facts.line("alice").external) == (1, 0)
    made.over(call, carrier)
    made.finish()
    record = made.exchange.record
    assert (record.line, record.account, record.device) == ("bob", "4711", "alice")
    nowhere(made)


@pytest.mark.parametrize(("secret", "charged"), [(SECRET, True), ("99999", False)])
def test_a_call_is_transferred_outside_on_an_account_and_the_password_is_nowhere(secret: str, charged: bool) -> None:
    """CST-2, CST-4, CST-6: whoever transfers dials the code, the account and the password with the number."""
    made = scene()
    alice, bob = made.phone("alice"), made.phone("bob")
    switch = made.carrier()
    call, answered = made.talking(alice, bob)
    answered.refer(f"sip:*11*4711*{secret}%23{NUMBER}@pbx.example.com")
    made.wait()
    if charged:
        invite = made.taken(switch, "s")
        assert "+12125550100" in invite.uri
        made.wait()
        assert answered.over
    else:
        assert answered.outcome.startswith("SIP/2.0 4")
        assert answered.up
    call.hang_up()
    made.wait()
    while switch.has("BYE"):
        switch.reply(switch.take("BYE"), 200)
    made.wait()
    made.finish()
    nowhere(made, secret)
    assert made.exchange.record.account == ("4711" if charged else "")
