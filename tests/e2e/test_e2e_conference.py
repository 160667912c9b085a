"""Three real telephones of three codecs meet in a conference behind a PIN, over two media workers (CRD-6): each hears
the two others and not itself; who is muted is heard by nobody. And three in one call, one of them added by keys."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import Softphone, connect, softphones

pytestmark = pytest.mark.e2e

MORE = """
conferences: {board: {extension: 700, pin: "2468", announce: tone}}
call_keys: {"*3": add_party}
"""
TONES = {"alice": 440.0, "bob": 770.0, "carol": 1300.0}
DBFS = -18.0
SAYS_S = 0.6


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), MORE, media=", workers: 2") as made:
        yield made


def talk(wait_s: float) -> float:
    """Let them talk; whose tones are heard is looked at in the last `SAYS_S` before the instant that is returned."""
    time.sleep(wait_s + SAYS_S + 0.1)
    return time.monotonic()


def heard(phone: Softphone, call: str, until: float) -> set[str]:
    """Whose tones were in what it heard just before that instant."""
    samples, rate = sound.read(phone.wav(call))
    end = int((until - 0.1 - phone.expect("recording", call=call)["now"]) * rate)
    part = samples[end - int(SAYS_S * rate) : end]
    assert len(part) == int(SAYS_S * rate)
    # Frame by frame: telephones that hide a late packet shift the tone, and what follows would cancel what was before.
    frames = part[: len(part) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50)
    window = np.hanning(frames.shape[1])
    found = set()
    for name, hz in TONES.items():
        turn = np.exp(-2j * np.pi * hz * np.arange(frames.shape[1]) / rate) * window
        usual, best = np.quantile(np.abs(frames @ turn), (0.5, 0.9)) * np.sqrt(2) / window.sum()
        if 20 * np.log10(usual + 1e-9) > DBFS - 20:
            # A busy machine makes some frames weaker, never all; a wrong level is that of every frame.
            dbfs = 20 * np.log10(best)
            assert abs(dbfs - DBFS) < 2, f"{phone.name} hears {name} at {dbfs:.1f} dBFS"
            found.add(name)
    return found


def test_three_meet_behind_a_pin_and_one_is_muted(exchange):
    with (
        softphones(exchange, "alice", codec="PCMU") as (alice,),
        softphones(exchange, "bob", codec="PCMA") as (bob,),
        softphones(exchange, "carol", codec="G722") as (carol,),
    ):
        phones = {"alice": alice, "bob": bob, "carol": carol}
        calls = {}

        def parts() -> list[tuple[str, str]]:
            return [(call["room"], call["part"]) for call in exchange.json("calls")]

        for name, phone in phones.items():
            phone.play(TONES[name], DBFS)
            calls[name] = phone.call("700")
            phone.talking(calls[name])
            phone.do("dial", call=calls[name], digits="2468#")
        wait_for(lambda: parts() == [("board", "")] * 3, 8, "the keys to be heard")
        met = talk(1.2)  # and a tone that says so
        bob.do("dial", call=calls["bob"], digits="*1")
        wait_for(lambda: sorted(parts()) == [("board", ""), ("board", ""), ("board", "muted")], 8, "the mute")
        muted = talk(1.8)  # he is told so, which takes a while
        carol.do("hangup", call=calls["carol"])
        carol.over(calls["carol"])
        left = talk(0.8)
        for name in ("alice", "bob"):
            phones[name].do("hangup", call=calls[name])
            phones[name].over(calls[name])

    def heard_by(until: float, *names: str) -> dict[str, set[str]]:
        return {name: heard(phones[name], calls[name], until) for name in names}

    assert heard_by(met, *phones) == {name: set(phones) - {name} for name in phones}
    assert heard_by(muted, *phones) == {"alice": {"carol"}, "bob": {"alice", "carol"}, "carol": {"alice"}}
    assert heard_by(left, "alice", "bob") == {"alice": set(), "bob": {"alice"}}
    assert "2468" not in exchange.log()


def test_a_third_one_is_taken_into_a_call_by_keys(exchange):
    with softphones(exchange, "alice", "bob", "carol") as (alice, bob, carol):
        phones = {"alice": alice, "bob": bob, "carol": carol}
        for name, phone in phones.items():
            phone.play(TONES[name], DBFS)
        here, there = connect(alice, bob, "102")
        calls = {"alice": here, "bob": there}
        mark = carol.mark()
        alice.do("dial", call=here, digits="*3")
        time.sleep(0.5)
        alice.do("dial", call=here, digits="103#")
        calls["carol"] = carol.incoming(mark)
        carol.talking(calls["carol"])
        three = talk(1.0)
        alice.do("hangup", call=here)
        alice.over(here)
        two = talk(0.5)
        bob.do("hangup", call=there)
        carol.over(calls["carol"])
        bob.over(there)
    for name in phones:
        assert heard(phones[name], calls[name], three) == set(phones) - {name}
    assert heard(bob, there, two) == {"carol"}
    assert heard(carol, calls["carol"], two) == {"bob"}
