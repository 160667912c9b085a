"""Transfers by real telephones' own keys, blind and attended: afterwards the right two hear each other (K.8)."""

from __future__ import annotations

import time

import pytest

from tests.crash.ears import SETTLE_S
from tests.e2e.kit import sound
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import connect, softphones

pytestmark = pytest.mark.e2e
TONES = {"alice": 523.0, "bob": 1200.0, "carol": 850.0, "dave": 1700.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), 'call_keys: {"*2": transfer}\n') as made:
        yield made


def voices(phone, call, span, zero):
    """Whose tones a telephone has heard in a call in that time."""
    samples, rate = sound.read(phone.wav(call))
    part = samples[int((span[0] - zero[call]) * rate) : int((span[1] - zero[call] - 0.1) * rate)]
    return {name for name, hz in TONES.items() if sound.find(part, rate, hz) is not None}


def test_a_call_goes_on_to_one_and_then_to_another(made):
    """Alice has called Bob, who sends her on to Carol; Carol asks Dave, and puts the two through."""
    before = made.settled()
    with softphones(made, "alice", "bob", "carol", "dave") as phones:
        alice, bob, carol, dave = phones
        for phone in phones:
            phone.play(TONES[phone.name], -14)
        here, there = connect(alice, bob, "102")
        bob.do("transfer", call=there, uri=f"sip:103@{bob.server}")
        assert bob.expect("transfer", final=True)["status"] == 200
        bob.over(there)
        first = carol.incoming()
        assert "sip:101@" in carol.expect("incoming")["remote"], "who calls is Alice"
        carol.expect("recording", call=first)
        began = time.monotonic() + SETTLE_S
        time.sleep(1.3)
        spans = [(began, time.monotonic())]
        carol.do("hold", call=first)
        carol.do("call", name="asking", uri=f"sip:104@{carol.server}")
        carol.expect("recording", call="asking")
        second = dave.incoming()
        dave.expect("recording", call=second)
        began = time.monotonic() + SETTLE_S
        time.sleep(1.2)
        spans.append((began, time.monotonic()))
        carol.do("transfer_to", call=first, other="asking")
        assert carol.expect("transfer", final=True)["status"] == 200
        carol.over(first)
        carol.over("asking")
        began = time.monotonic() + SETTLE_S
        time.sleep(1.3)
        spans.append((began, time.monotonic()))
        legs = ((alice, here), (carol, first), (carol, "asking"), (dave, second))
        zero = {call: phone.expect("recording", call=call)["now"] for phone, call in legs}
        alice.do("hangup", call=here)
        dave.over(second)
        wait_for(lambda: not made.json("calls"), 5, "the end of the calls")
        made.history(before + 2)
        shown = (made.folder / "phones" / "alice.log").read_text()

    def heard(phone, call, span):
        return voices(phone, call, span, zero)

    blind, asking, attended = spans
    assert heard(alice, here, blind) == {"carol"}
    assert heard(carol, first, blind) == {"alice"}
    assert heard(carol, "asking", asking) == {"dave"}
    assert heard(dave, second, asking) == {"carol"}
    assert heard(alice, here, asking).isdisjoint({"bob", "carol", "dave"}), "music, and nobody's voice"
    assert heard(alice, here, attended) == {"dave"}
    assert heard(dave, second, attended) == {"alice"}
    for number in (103, 104):
        assert f"P-Asserted-Identity: <sip:{number}@" in shown, "her display is told"


def test_a_telephone_without_keys_for_it_asks_and_puts_through(made):
    """`*2`, the number, a word with the target, and hanging up; the keys come as RFC 4733."""
    with softphones(made, "alice", "bob", "carol") as phones:
        alice, bob, carol = phones
        for phone in phones:
            phone.play(TONES[phone.name], -14)
        here, there = connect(alice, bob, "102")
        for key in "*2":
            bob.do("dial", call=there, digits=key)
        time.sleep(1.0)  # the keys go out one by one, and then it is asked for the number
        for key in "103#":
            bob.do("dial", call=there, digits=key)
        target = carol.incoming(seconds=15)
        carol.expect("recording", call=target)
        began = time.monotonic() + SETTLE_S
        time.sleep(1.2)
        spans = [(began, time.monotonic())]
        bob.do("hangup", call=there)
        bob.over(there)
        began = time.monotonic() + SETTLE_S
        time.sleep(1.2)
        spans.append((began, time.monotonic()))
        legs = ((alice, here), (bob, there), (carol, target))
        zero = {call: phone.expect("recording", call=call)["now"] for phone, call in legs}
        alice.do("hangup", call=here)
        carol.over(target)
        wait_for(lambda: not made.json("calls"), 5, "the end of the call")
    asking, after = spans
    assert voices(bob, there, asking, zero) == {"carol"}
    assert voices(carol, target, asking, zero) == {"bob"}
    assert voices(alice, here, asking, zero).isdisjoint({"bob", "carol"}), "music, and nobody's voice"
    assert voices(alice, here, after, zero) == {"carol"}
    assert voices(carol, target, after, zero) == {"alice"}
