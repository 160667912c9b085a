"""The limit of a call and call park on real telephones: the warning is heard and the call is cut (LIM-2, LIM-3); the
parked hears music, and whoever takes the call afterwards (CRD-7)."""

from __future__ import annotations

import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.company import carrier
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import connect, softphones

pytestmark = pytest.mark.e2e
ALICE, BOB, CAROL, MUSIC, BEEP = 523.0, 1200.0, 700.0, 850.0, 1400.0
LIMIT_S = 4.0
MORE = """\
account: {call_limit: 4s}
trunks:
  pacific: {host: 127.0.0.1, port: CARRIER-PORT, from: "127.0.0.1:CARRIER-PORT", caller_id: "+16695550100"}
default_trunk: pacific
dids: {"+16695550100": []}
call_keys: {"*7": park}
park_lots: {main: {extension: 700, slots: 701-709, music: lounge.wav}}
"""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), MORE) as made:
        sound.write(made.folder / "config" / "lounge.wav", sound.sine(MUSIC, -16, 2.0))
        yield made


def tones(phone, call, begins, ends):
    """Which of the tones are in what it heard between two instants, counted from when its recording began."""
    zero = phone.expect("recording", call=call)["now"]
    samples, rate = sound.read(phone.heard(call))
    part = samples[max(0, int((begins - zero) * rate)) : max(0, int((ends - zero) * rate))]
    return {hz for hz in (ALICE, BOB, CAROL, MUSIC, BEEP) if sound.find(part, rate, hz) is not None}


def test_a_call_is_warned_of_and_cut_at_its_limit(exchange):
    """The carrier says what it hears. A limit below 20 s warns at once."""
    before = exchange.recorded()
    with carrier(exchange) as pacific, softphones(exchange, "alice") as (alice,):
        alice.play(ALICE, -30)  # the warning comes over it, and is louder
        call = alice.call("6692223333")
        up = alice.talking(call)["now"]
        over = alice.over(call)
        heard = (tones(alice, call, up, up + 2.0), tones(alice, call, over["now"] - 1.7, over["now"] - 0.2))
        assert pacific.wait(5) == (1, 1, 0), pacific.trouble()
        (bye,) = pacific.received("BYE")
    assert heard == ({ALICE, BEEP}, {ALICE})
    reason = 'Q.850;cause=31;text="call duration limit"'
    assert bye.get("Reason") == reason
    assert f"Reason: {reason}" in alice.log()
    record = exchange.history(before + 1)[0]
    assert (record["result"], record["reason"]) == ("answered", "duration_limit")
    assert LIMIT_S - 0.1 < record["talk_s"] < LIMIT_S + 3


def test_the_parked_hears_music_and_then_whoever_takes_the_call(exchange):
    """Bob keys *7 and is told the slot; Alice hears the lot's music, also when the exchange is killed; Carol dials the
    slot."""
    before = exchange.settled()
    with softphones(exchange, "alice", "bob", "carol") as (alice, bob, carol):
        alice.play(ALICE, -14)
        bob.play(BOB, -14)
        carol.play(CAROL, -14)
        here, there = connect(alice, bob, "102")
        time.sleep(1.0)
        talked = time.monotonic()
        bob.do("dial", call=there, digits="*7")
        (parked,) = wait_for(lambda: exchange.json("parked"), 5, "the call in its slot")
        began = time.monotonic() + 0.3
        (shown,) = exchange.json("calls")
        time.sleep(1.0)
        exchange.kill("exchange")
        exchange.serving(2)
        (again,) = exchange.json("parked")
        time.sleep(0.3)
        music = time.monotonic()
        taken = carol.call("701")
        carol.talking(taken)
        wait_for(lambda: not exchange.json("parked"), 5, "the slot to be free")
        joined = time.monotonic() + 0.4
        time.sleep(1.4)
        ended = time.monotonic()
        bob.over(there)
        carol.do("hangup", call=taken)
        carol.over(taken)
        alice.over(here)
        assert tones(alice, here, talked - 0.8, talked) == {BOB}
        assert tones(alice, here, began, music) == {MUSIC}
        assert tones(alice, here, joined, ended - 0.1) == {CAROL}
        assert tones(carol, taken, joined, ended - 0.1) == {ALICE}
    assert (again["slot"], again["at"]) == (parked["slot"], parked["at"])
    assert (shown["state"], shown["slot"]) == ("parked", "701")
    assert (parked["lot"], parked["slot"], parked["name"], parked["by"]) == ("main", "701", "101", "bob")
    newest, *_ = exchange.history(before + 2)
    assert {each["reason"] for each in exchange.history(before + 2)[:2]} == {"joined", "callee_hung_up"}
    assert newest["result"] == "answered"
