"""Busy lamps and voicemail lamps of real telephones, and one of text that outlives the death of the exchange."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET

import pytest

from tests.e2e.kit.house import house, secret, wait_for
from tests.e2e.kit.phones import Softphone, connect, softphones
from tests.e2e.kit.wire import Session, Text, WirePhone

pytestmark = pytest.mark.e2e
INFO = "{urn:ietf:params:xml:ns:dialog-info}"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    more = f"  quiet-phone: {{secret: {secret('quiet')}, lines: erin, message_lamp: unasked}}\n"
    with house(tmp_path_factory.mktemp("house"), "account: {voicemail: true}\n", devices=more) as made:
        yield made


def test_pjsip_sees_a_colleague_on_the_phone_and_its_voicemail_lamp(exchange):
    """RFC 3856, RFC 3842."""
    with softphones(exchange, "alice", "bob") as (alice, bob):
        carol = Softphone(exchange, "carol")
        try:
            carol.register(lamp=True)
            told = carol.expect("messages")
            assert "Messages-Waiting: no" in told["body"]
            carol.do("watch", name="bob", uri=f"sip:102@{carol.server}")
            carol.expect("buddy", buddy="bob", subscription="ACTIVE", open=True, note="Ready")
            mark = carol.mark()
            here, there = connect(alice, bob, "102")
            carol.expect("buddy", since=mark, buddy="bob", note="On the phone", busy=True)
            views = exchange.json("subscriptions")["subscriptions"]
            assert {(each["device"], each["resource"], each["package"]) for each in views} == {
                ("carol-phone", "line:bob", "presence"),
                ("carol-phone", "mailbox:carol", "message-summary"),
            }
            mark = carol.mark()
            alice.do("hangup", call=here)
            bob.over(there)
            carol.expect("buddy", since=mark, buddy="bob", note="Ready", busy=False)
            carol.do("unwatch", name="bob")
        finally:
            carol.close()

    def left() -> list[str]:
        return [each["package"] for each in exchange.json("subscriptions")["subscriptions"]]

    # The other one PJSIP leaves to run out.
    wait_for(lambda: left() in ([], ["message-summary"]), 8, "the end of the subscription that was given back")


def test_the_voicemail_lamp_lights_when_a_message_was_left(exchange):
    """RFC 3842; of the telephone that subscribes, and of the one that is told without."""
    with softphones(exchange, "alice") as (alice,):
        erin, quiet = Softphone(exchange, "erin"), Softphone(exchange, "erin", name="quiet")
        try:
            erin.register(lamp=True)
            who = {"line": "erin", "user": "quiet-phone", "password": secret("quiet")}
            quiet.do("register", server=quiet.server, **who)
            for each in (erin, quiet):
                each.expect("messages")
            mark, mark_quiet = erin.mark(), quiet.mark()
            done = exchange.run("set", "erin", "forward", "always", "voicemail")
            assert done.returncode == 0, done.stderr
            alice.play(523, -14)
            here = alice.call("105")
            alice.talking(here)
            time.sleep(0.5)
            alice.do("dial", call=here, digits="5")  # past the greeting
            box = exchange.folder / "data" / "voicemail" / "erin"
            wait_for(lambda: list(box.glob("*.spool")), 8, "the beginning of the message")
            time.sleep(2.5)
            alice.do("hangup", call=here)
            told = erin.expect("messages", since=mark)
            assert "Messages-Waiting: yes" in told["body"]
            assert "Voice-Message: 1/0 (0/0)" in told["body"]
            assert quiet.expect("messages", since=mark_quiet)["body"] == told["body"]
        finally:
            erin.close()
            quiet.close()


def test_a_busy_lamp_goes_on_after_the_exchange_was_killed(exchange):
    """RFC 4235: the state of a call that outlives the exchange is told once more, with higher numbers."""
    with WirePhone(exchange, "dave") as dave, softphones(exchange, "alice", "bob") as (alice, bob):
        lamp = subscribe(dave, "102")
        assert lamps(dave) == ["terminated"]
        here, there = connect(alice, bob, "102")
        assert until(dave, ["recipient confirmed"])
        served = exchange.log().count('"event": "serving"')
        exchange.kill("exchange")
        exchange.serving(served + 1)
        assert lamps(dave) == ["recipient confirmed"]
        alice.do("hangup", call=here)
        bob.over(there)
        assert until(dave, ["terminated"])
        lamp.cseq += 1
        unsubscribe(dave, lamp)
    numbers = [int(text.get("CSeq").split()[0]) for text in dave.seen if text.method == "NOTIFY"]
    assert numbers == sorted(numbers)


def subscribe(phone: WirePhone, number: str) -> Session:
    """A telephone's busy lamp key."""
    uri = f"sip:{number}@127.0.0.1:{phone.house.sip}"
    session = phone.request("SUBSCRIBE", uri, more=["Event: dialog", "Expires: 600"])
    assert session.last.status == 200
    session.to, session.uri = session.last.get("To"), session.last.contact
    return session


def unsubscribe(phone: WirePhone, session: Session) -> None:
    """The key goes."""
    phone.request("SUBSCRIBE", session.uri, more=["Event: dialog", "Expires: 0"], session=session)
    assert session.last.status == 200
    last = taken(phone)
    assert last.get("Subscription-State") == "terminated;reason=timeout"


def taken(phone: WirePhone) -> Text:
    """The next NOTIFY, answered; a copy of it that comes later is another one."""
    notify = phone.wait("NOTIFY", 10.0)
    phone.answer(notify, 200)
    return notify


def lamps(phone: WirePhone) -> list[str]:
    """What the next NOTIFY says."""
    root = ET.fromstring(taken(phone).body)
    return [
        re.sub(r"^ ", "", f"{each.attrib.get('direction', '')} {each.findtext(f'{INFO}state')}")
        for each in root.findall(f"{INFO}dialog")
    ]


def until(phone: WirePhone, wanted: list[str]) -> bool:
    """Whether one of the next NOTIFYs says that."""
    return any(lamps(phone) == wanted for _ in range(4))
