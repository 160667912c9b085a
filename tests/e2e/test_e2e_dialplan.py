"""What the dialplan decides, as real telephones meet it: PJSIP and baresip ring, answer, are busy, vanish; SIPp is the
carrier; and each conversation is known by its tones."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.baresip import Baresip, baresips, modules
from tests.e2e.kit.company import carrier, company
from tests.e2e.kit.house import House, wait_for
from tests.e2e.kit.phones import Softphone, softphones
from tests.e2e.kit.wire import Text, WirePhone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(modules() is None or not shutil.which("sipp"), reason="needs baresip and SIPp"),
]


OUTAGE_S = 8.0
"""A forward by then has not waited for the ten seconds of no answer, on however slow a machine; and who waits for them
has waited longer than this."""


class Office(NamedTuple):
    """Who is there: Alice calls, and the others are PJSIP, except Marta, who is baresip."""

    exchange: House
    alice: Softphone
    anna: Softphone
    ben: Softphone
    marta: Baresip


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[Office]:
    with (
        company(tmp_path_factory.mktemp("house")) as exchange,
        softphones(exchange, "alice", "anna", "ben") as (alice, anna, ben),
        baresips(exchange, "marta") as (marta,),
    ):
        alice.play(523, -14)
        anna.play(660, -17)
        ben.play(1200, -20)
        yield Office(exchange, alice, anna, ben, marta)


@pytest.fixture
def seen(office) -> int:
    """How many records there are so far."""
    for phone in (office.anna, office.ben):
        phone.do("answers", statuses=[180, 200])
    return office.exchange.settled()


def shown(phone: Softphone, since: int) -> Text:
    """The INVITE of the call that came in to a PJSIP telephone."""
    return Text(phone.expect("incoming", since=since)["whole"].encode())


def talk(caller: Softphone, here: str, callee: Softphone, there: str, seconds: float = 0.6) -> None:
    """Both are up and hear each other; then the caller hangs up."""
    caller.talking(here)
    callee.talking(there)
    time.sleep(seconds)
    caller.do("hangup", call=here)
    caller.over(here)
    callee.over(there)


def heard(phone: Softphone, call: str, hz: float, dbfs: float) -> None:
    """That tone, at that level, in that call."""
    sound.check(phone.heard(call), hz, dbfs)


def test_busy_forwards_and_the_telephone_is_told_by_whom(office, seen):
    """FWD-1, FWD-5, FWD-9."""
    office.anna.do("answers", statuses=[180, 486])
    since, hers = office.ben.mark(), office.anna.mark()
    here = office.alice.call("201")
    there = office.ben.incoming(since)
    talk(office.alice, here, office.ben, there)
    heard(office.ben, there, 523, -14)
    heard(office.alice, here, 1200, -20)
    assert not [event for event in office.anna.events[hers:] if event["event"] == "recording"], "she heard nothing"
    invite = shown(office.ben, since)
    assert re.search(r'^"Anna Berg" <sip:201@.*reason=user-busy', invite.get("Diversion")), invite.text
    assert "cause=486" in " ".join(invite.all("History-Info"))
    assert "SIP/2.0 181 " in office.alice.log()
    record = office.exchange.history(seen + 1)[0]
    assert (record["result"], record["answered_target"], record["number"]) == ("answered", "line:ben", "201")


def test_no_answer_forwards_after_ten_seconds(office, seen):
    """FWD-3."""
    office.anna.do("answers", statuses=[180])
    since = office.anna.mark()
    here = office.alice.call("201")
    hers = office.anna.incoming(since)
    began = office.anna.expect("call", call=hers, state="EARLY", since=since)["now"]
    ended = office.anna.over(hers, 15)
    assert ended["now"] - began > OUTAGE_S
    assert ended["status"] == 487
    assert "Reason:" not in ended["header"], "a missed call is a missed call"
    office.marta.expect("CALL_INCOMING")
    office.marta.do("accept")
    office.alice.talking(here)
    time.sleep(0.6)
    office.alice.do("hangup", call=here)
    office.marta.expect("CALL_CLOSED")
    heard(office.alice, here, 440, -14)
    assert sound.strongest(*sound.read(office.marta.heard())) == pytest.approx(523, abs=4)
    assert "reason=no-answer" in office.marta.received("INVITE")[-1].get("Diversion")
    assert office.exchange.history(seen + 1)[0]["answered_target"] == "line:marta"


def test_outage_forwards_at_once_when_the_telephone_has_gone_and_soon_when_it_is_killed(office, seen):
    """FWD-4 (a) and (b): neither waits for the ten seconds of no answer."""
    office.anna.do("unregister")
    office.anna.expect("registration", expires=0)
    since = office.ben.mark()
    asked = time.monotonic()
    here = office.alice.call("201")
    there = office.ben.incoming(since)
    assert office.ben.expect("incoming", since=since)["now"] - asked < OUTAGE_S
    talk(office.alice, here, office.ben, there)
    heard(office.ben, there, 523, -14)
    assert "reason=unavailable" in shown(office.ben, since).get("Diversion")

    killed = Softphone(office.exchange, "anna", name="killed")
    killed.register()
    killed.process.kill()
    killed.process.wait()
    since, asked = office.ben.mark(), time.monotonic()
    here = office.alice.call("201")
    there = office.ben.incoming(since)
    assert office.ben.expect("incoming", since=since)["now"] - asked < OUTAGE_S
    talk(office.alice, here, office.ben, there)
    heard(office.alice, here, 1200, -20)
    killed.close()
    office.anna.register()
    assert [each["answered_target"] for each in office.exchange.history(seen + 2)[:2]] == ["line:ben"] * 2


def test_a_vip_rings_her_then_the_delegate_who_sees_for_whom(office, seen):
    """VIP-3, DRC-3; whoever is no VIP rings the delegate first, and she hears nothing of it (VIP-4b, VIP-6)."""
    earlier = len(office.marta.received("INVITE"))
    with WirePhone(office.exchange, "victoria") as victoria:
        victoria.register()
        here = office.anna.call("204")
        first = victoria.wait("INVITE")
        victoria.answer(first, 486, "Busy Here")
        victoria.wait("ACK")
        office.marta.expect("CALL_INCOMING")
        invite = wait_for(lambda: office.marta.received("INVITE")[earlier:], 2, "her INVITE")[-1]
        assert '"Anna Berg (for Victoria Hale)" <sip:201@' in invite.get("From"), invite.text
        assert invite.get("P-Called-Party-ID").startswith('"Victoria Hale" <sip:204@'), invite.text
        office.marta.do("accept")
        office.anna.talking(here)
        time.sleep(0.6)
        office.marta.do("hangup")
        office.marta.expect("CALL_CLOSED")
        office.anna.over(here)
        heard(office.anna, here, 440, -14)
        assert sound.strongest(*sound.read(office.marta.heard())) == pytest.approx(660, abs=4)

        here = office.alice.call("204")
        office.marta.expect("CALL_INCOMING")
        assert not victoria.nothing_more(0.1), "the delegate comes first"
        office.marta.do("hangup")
        office.marta.expect("CALL_CLOSED")
        second = victoria.wait("INVITE")
        victoria.answer(second, 200, body=victoria.describe())
        victoria.wait("ACK")
        office.alice.do("hangup", call=here)
        victoria.answer(victoria.wait("BYE"), 200)
        office.alice.over(here)
        victoria.register(expires=0)
    then, before = office.exchange.history(seen + 2)[:2]
    assert (before["answered_target"], then["answered_target"]) == ("line:marta", "line:victoria")


def test_a_rotating_group_begins_each_call_with_the_next_one(office, seen):
    """Three calls, three people; who is not at hand is passed over and hears nothing."""
    for number, phone in enumerate((office.anna, office.ben)):
        since = phone.mark()
        here = office.alice.call("300")
        there = phone.incoming(since)
        talk(office.alice, here, phone, there)
        heard(phone, there, 523, -14)
        heard(office.alice, here, *((660, -17), (1200, -20))[number])
    here = office.alice.call("300")
    office.marta.expect("CALL_INCOMING")
    office.marta.do("accept")
    office.alice.talking(here)
    time.sleep(0.6)
    office.alice.do("hangup", call=here)
    office.marta.expect("CALL_CLOSED")
    heard(office.alice, here, 440, -14)


def test_a_forward_outside_reaches_the_carrier_with_the_caller_s_number_and_who_forwarded(office, seen):
    """FWD-11: this carrier lets us show numbers that are not ours, and an extension is none."""
    with carrier(office.exchange) as pacific:
        here = office.anna.call("207")
        office.anna.talking(here)
        time.sleep(0.6)
        office.anna.do("hangup", call=here)
        office.anna.over(here)
        assert pacific.wait() == (1, 1, 0), pacific.trouble()
    heard(office.anna, here, 660, -17)  # the carrier says what it hears
    (invite,) = pacific.received("INVITE")
    assert invite.uri.startswith("sip:+12125550175@")
    assert "sip:+16695550101@" in invite.get("From"), invite.text
    assert re.search(r"sip:\+16695550102@.*reason=unconditional", invite.get("Diversion")), invite.text
    assert "cause=302" in " ".join(invite.all("History-Info"))
    assert "201@" not in invite.text, "no extension of ours leaves the house"
    assert office.exchange.history(seen + 1)[0]["answered_target"] == "trunk:pacific"


def test_a_closed_user_sends_calls_on(office, seen):
    since = office.ben.mark()
    here = office.alice.call("205")
    there = office.ben.incoming(since)
    talk(office.alice, here, office.ben, there)
    heard(office.ben, there, 523, -14)
    assert "reason=time-of-day" in shown(office.ben, since).get("Diversion")


def test_do_not_disturb_by_code_and_by_command(office, seen):
    """Her telephone dials the code and hears a tone; calls go to Marta, by the rule for no answer, and she hears of
    none of them. The operator takes it back; and the other way round."""
    alice, anna, marta, exchange = office.alice, office.anna, office.marta, office.exchange

    def dial(code: str) -> None:
        here = anna.call(code)
        anna.talking(here)
        time.sleep(0.4)
        anna.do("hangup", call=here)
        anna.over(here)
        tone = sound.read(anna.heard(here))
        assert sound.strongest(*tone) == pytest.approx(440, abs=4)

    def passes_by() -> bool:
        since = anna.mark()
        here = alice.call("201")
        marta.expect("CALL_INCOMING")
        alice.do("hangup", call=here)
        alice.over(here)
        marta.expect("CALL_CLOSED")
        return not [event for event in anna.events[since:] if event["event"] == "incoming"]

    def rings() -> None:
        since = anna.mark()
        here = alice.call("201")
        talk(alice, here, anna, anna.incoming(since), 0.1)

    dial("*78")
    assert passes_by()
    assert exchange.json("set", "anna", "dnd", "off")["dnd"] is False
    rings()
    assert exchange.run("set", "anna", "dnd", "on").returncode == 0
    assert passes_by()
    dial("*79")
    rings()


def test_abroad_is_refused_and_help_is_called_beyond_a_quota(office, seen):
    """OUT-2, LIM-10, OUT-6: Quentin may have one call outside; the second one is refused, and 911 is not."""
    refused = office.alice.call("011442079460000")
    assert office.alice.over(refused)["status"] == 403
    with (
        carrier(office.exchange, calls=2) as pacific,
        WirePhone(office.exchange, "quentin") as quentin,
    ):
        first = quentin.invite("2125550175")
        first.answered()
        second = quentin.invite("2125550176")
        assert second.refused().status == 403
        help_ = quentin.invite("911")
        answer = help_.answered()
        heard = quentin.talk(answer.audio, 0.4)
        assert len(heard + quentin.hear(10 - len(heard))) >= 10, "the carrier sends back what it hears"
        help_.hang_up()
        first.hang_up()
        assert pacific.wait() == (2, 2, 0), pacific.trouble()
    assert [re.split("[:@]", text.uri)[1] for text in pacific.received("INVITE")] == ["+12125550175", "911"]
    reasons = [each["reason"] for each in office.exchange.history(seen + 4)[:4]]
    assert sorted(reasons) == ["blocked", "caller_hung_up", "caller_hung_up", "not_permitted"]
