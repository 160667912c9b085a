"""Things that people do in calls, with real sound: echo and tone numbers, hold, hanging up, giving up."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import PATIENCE, house, wait_for
from tests.e2e.kit.phones import Softphone, connect, softphones
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), ring="10s") as made:
        yield made


@pytest.fixture
def seen(exchange):
    """How many records there are so far."""
    return exchange.settled()


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_the_echo_number_gives_back_what_one_says(exchange, codec):
    with softphones(exchange, "alice", codec=codec) as (alice,):
        alice.play(523, -14, 0.7, before_s=0.4, loop=False)
        here = alice.call("600")
        alice.talking(here)
        alice.said(here)
        alice.do("hangup", call=here)
        alice.over(here)
    tone = sound.check(alice.wav(here), 523, -14)
    assert sound.lasts(tone, 0.7)


def test_the_tone_number(exchange, seen):
    with softphones(exchange, "alice") as (alice,):
        here = alice.call("601")
        alice.talking(here)
        time.sleep(1.0)
        alice.do("hangup", call=here)
        alice.over(here)
    tone = sound.check(alice.wav(here), 425, -15.7, within_db=6)
    assert tone.end_s - tone.start_s > 0.6
    assert sound.whole(tone)
    record = exchange.history(seen + 1)[0]
    assert (record["service"], record["reason"]) == ("tone:425", "caller_hung_up")


def held(exchange) -> bool:
    """Whether somebody holds the one call that is up."""
    return exchange.json("calls")[0]["state"] == "held"


def test_hold_stops_the_sound_and_resuming_brings_it_back(exchange):
    """Who is held is told nothing, and hears the exchange's music in place of the other's voice (MOH-1)."""
    with softphones(exchange, "alice", "bob") as (alice, bob):
        bob.play(1200, -20)
        alice.play(523, -14)
        here, there = connect(alice, bob, "102")
        time.sleep(1.0)
        mark, asked_at = bob.mark(), time.monotonic()
        alice.do("hold", call=here)
        wait_for(lambda: held(exchange), 5, "the hold")
        held_at = time.monotonic()
        time.sleep(1.0)
        still_at = time.monotonic()
        alice.do("unhold", call=here)
        wait_for(lambda: not held(exchange), 5, "the resumption")
        resumed_at = time.monotonic()
        time.sleep(1.0)
        assert exchange.json("calls")[0]["state"] == "talking"
        began = bob.expect("recording", call=there)["now"]
        assert not any(event["event"] == "media" for event in bob.events[mark:])
        bob.do("hangup", call=there)
        alice.over(here)
    samples, rate = sound.read(bob.wav(there))
    before = samples[: int((asked_at - began - 0.1) * rate)]
    during = samples[int((held_at - began + 0.4) * rate) : int((still_at - began) * rate)]
    after = samples[int((resumed_at - began + 0.3) * rate) :]
    assert sound.find(before, rate, 523) is not None
    assert sound.find(during, rate, 523) is None
    assert np.abs(during).max() > 0.02  # music
    assert sound.find(after, rate, 523) is not None


def test_the_called_person_holds(exchange):
    with softphones(exchange, "alice", "bob") as (alice, bob):
        here, there = connect(alice, bob, "102")
        bob.do("hold", call=there)
        wait_for(lambda: held(exchange), 5, "the hold")
        alice.do("hangup", call=here)
        bob.over(there)


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_either_side_hangs_up_at_once(exchange, seen, who):
    with softphones(exchange, "alice", "bob") as (alice, bob):
        here, there = connect(alice, bob, "102")
        if who == "caller":
            alice.do("hangup", call=here)
        else:
            bob.do("hangup", call=there)
        alice.over(here)
        bob.over(there)
    assert exchange.history(seen + 1)[0]["reason"] == f"{who}_hung_up"


def test_the_caller_gives_up_while_it_rings(exchange, seen):
    with softphones(exchange, "alice", "bob") as (alice, bob):
        bob.do("answers", statuses=[180])
        here = alice.call("102")
        alice.expect("call", call=here, state="EARLY")
        there = bob.incoming()
        alice.do("hangup", call=here)
        assert alice.over(here)["status"] == 487
        assert bob.over(there)["status"] == 487
    record = exchange.history(seen + 1)[0]
    assert (record["result"], record["reason"]) == ("cancelled", "caller_cancelled")


def test_the_caller_gives_up_before_anything_rings(exchange, seen):
    with WirePhone(exchange, "alice") as alice, WirePhone(exchange, "bob") as bob:
        bob.register()
        session = alice.invite("102")
        invite = bob.wait("INVITE")
        session.cancel()
        assert alice.wait(200, method="CANCEL").status == 200
        assert session.refused().status == 487
        assert [text.method for text in bob.nothing_more(0.3)] == []  # no CANCEL before a provisional answer (9.1)
        bob.answer(invite, 180, "Ringing")
        cancel = bob.wait("CANCEL")
        assert "Reason" not in dict(cancel.headers)
        bob.answer(cancel, 200)
        bob.answer(invite, 487, "Request Terminated")
        bob.wait("ACK")
        bob.register(expires=0)
    assert exchange.history(seen + 1)[0]["reason"] == "caller_cancelled"


def test_bob_on_two_telephones_the_first_answer_wins(exchange, seen):
    with (
        softphones(exchange, "alice") as (alice,),
        WirePhone(exchange, "bob") as desk,
        WirePhone(exchange, "bob") as home,
    ):
        desk.register()
        home.register()
        here = alice.call("102")
        first, second = desk.wait("INVITE"), home.wait("INVITE")
        desk.answer(first, 180, "Ringing")
        home.answer(second, 180, "Ringing")
        alice.expect("call", call=here, state="EARLY")
        desk.answer(first, 200, body=desk.describe())
        assert desk.wait("ACK").method == "ACK"
        alice.talking(here)
        cancel = home.wait("CANCEL")
        reason = cancel.get("Reason").replace(" ", "")
        assert reason.startswith("SIP;cause=200;")
        assert 'text="Callcompletedelsewhere"' in reason
        home.answer(cancel, 200)
        home.answer(second, 487, "Request Terminated")
        home.wait("ACK")
        alice.do("hangup", call=here)
        bye = desk.wait("BYE")
        desk.answer(bye, 200)
        desk.register(expires=0)
        home.register(expires=0)
    record = exchange.history(seen + 1)[0]
    assert record["reason"] == "caller_hung_up"
    assert sorted(leg["reason"] for leg in record["legs"] if leg["leg"]) == ["caller_hung_up", "completed_elsewhere"]


def test_a_late_answer_gets_ack_and_bye(exchange):
    with WirePhone(exchange, "alice") as alice, WirePhone(exchange, "bob") as desk, WirePhone(exchange, "bob") as home:
        desk.register()
        home.register()
        session = alice.invite("102")
        first, second = desk.wait("INVITE"), home.wait("INVITE")
        desk.answer(first, 200, body=desk.describe())
        home.answer(second, 200, body=home.describe())
        session.answered()
        for phone in (desk, home):
            phone.wait("ACK")
        late = home.wait("BYE")
        home.answer(late, 200)
        session.hang_up()
        desk.answer(desk.wait("BYE"), 200)
        desk.register(expires=0)
        home.register(expires=0)


def test_no_sound_ends_the_call_but_not_on_hold(tmp_path):
    with (
        house(tmp_path, media=", silence: 2s") as made,
        WirePhone(made, "alice") as alice,
        WirePhone(made, "bob") as bob,
    ):
        bob.register()
        session = alice.invite("102")
        invite = bob.wait("INVITE")
        bob.answer(invite, 200, body=bob.describe("recvonly"))  # says itself that it will send nothing
        answer = session.answered()
        bob.wait("ACK")
        alice.talk(answer.audio, 3.0)  # longer than the limit, and bob's silence is no loss
        assert len(made.json("calls")) == 1
        bob.answer(bob.wait("BYE"), 200)
        alice.answer(alice.wait("BYE"), 200)
        record = made.record()
        assert (record["result"], record["reason"]) == ("answered", "media_timeout")
        bob.register(expires=0)

        with softphones(made, "alice", "bob") as (caller, callee):
            here, there = connect(caller, callee, "102")
            caller.do("hold", call=here)
            wait_for(lambda: held(made), 5, "the hold")
            time.sleep(3.0)
            assert len(made.json("calls")) == 1
            callee.do("hangup", call=there)
            caller.over(here)
        assert made.history(2)[0]["reason"] == "callee_hung_up"


def test_sound_of_a_telephone_behind_nat_is_learned(exchange):
    # Its description names an address that nobody can reach; its packets come from where its signalling comes from.
    with (
        WirePhone(exchange, "alice", "127.0.0.5", says="192.0.2.77") as alice,
        WirePhone(exchange, "bob", "127.0.0.6", says="198.51.100.9") as bob,
    ):
        assert bob.register().status == 200
        session = alice.invite("102")
        invite = bob.wait("INVITE")
        bob.answer(invite, 200, body=bob.describe())
        answer = session.answered()
        bob.wait("ACK")
        deadline = time.monotonic() + PATIENCE
        heard_both = [False, False]
        while not all(heard_both) and time.monotonic() < deadline:
            heard_both[1] |= bool(bob.talk(invite.audio, 0.1))
            heard_both[0] |= bool(alice.talk(answer.audio, 0.1))
        assert heard_both == [True, True]
        for phone in (alice, bob):
            while phone.hear(1, 0.02):  # what is still on its way
                pass
        alice.talk(answer.audio, 0.4)
        heard = bob.talk(invite.audio, 0.4)
        assert len(heard + bob.hear(18 - len(heard))) >= 18  # what alice has sent meanwhile
        assert len(alice.hear(18)) >= 18
        assert session.hang_up().status == 200
        bob.answer(bob.wait("BYE"), 200)


def test_a_wrong_password_and_an_unknown_user_look_the_same(exchange):
    phone = Softphone(exchange, "alice", name="impostor")
    try:
        mark = phone.mark()
        server = f"127.0.0.1:{exchange.sip}"
        phone.do("register", server=server, line="alice", user="alice-phone", password="wrong")
        assert phone.expect("registration", since=mark)["status"] in (401, 403)
    finally:
        phone.close()
