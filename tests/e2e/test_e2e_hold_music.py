"""Who is held hears the holder's own music file, and the holder again afterwards (MOH-1, MOH-2), on real telephones."""

from __future__ import annotations

import time

import pytest

from tests.crash.ears import SETTLE_S
from tests.e2e.kit import sound
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import connect, softphones

pytestmark = pytest.mark.e2e
ALICE, BOB, MUSIC = 523.0, 1200.0, 850.0


def test_the_held_hear_the_file_and_then_each_other(tmp_path):
    sound.write(tmp_path / "tune.wav", sound.sine(MUSIC, -16, 2.0))
    with (
        house(tmp_path / "house", f"account: {{hold_music: {tmp_path}/tune.wav}}\n") as made,
        softphones(made, "alice", "bob") as (alice, bob),
    ):
        alice.play(ALICE, -14)
        bob.play(BOB, -14)
        here, there = connect(alice, bob, "102")

        def state() -> str:
            return str(made.json("calls")[0]["state"])

        spans = []
        time.sleep(0.8)
        for holder, call in ((alice, here), (bob, there)):
            holder.do("hold", call=call)
            wait_for(lambda: state() == "held", 5, "the hold")
            began = time.monotonic() + SETTLE_S
            time.sleep(1.4)
            spans.append((began, time.monotonic()))
            holder.do("unhold", call=call)
            wait_for(lambda: state() == "talking", 5, "the resumption")
            began = time.monotonic() + SETTLE_S
            time.sleep(1.2)
            spans.append((began, time.monotonic()))
        zero = {phone: phone.expect("recording", call=call)["now"] for phone, call in ((alice, here), (bob, there))}
        alice.do("hangup", call=here)
        bob.over(there)

    def heard(phone, call, span):
        samples, rate = sound.read(phone.wav(call))
        part = samples[int((span[0] - zero[phone]) * rate) : int((span[1] - zero[phone] - 0.1) * rate)]
        return {hz for hz in (ALICE, BOB, MUSIC) if sound.find(part, rate, hz) is not None}

    by_alice, talk, by_bob, again = spans
    assert heard(bob, there, by_alice) == {MUSIC}
    assert heard(alice, here, by_alice) == set()
    assert heard(bob, there, talk) == heard(bob, there, again) == {ALICE}
    assert heard(alice, here, talk) == heard(alice, here, again) == {BOB}
    assert heard(alice, here, by_bob) == {MUSIC}
