"""Two real softphones register with a password, talk, and each hears the other's tone, in each codec they may share."""

from __future__ import annotations

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import house
from tests.e2e.kit.phones import converse, softphones

pytestmark = pytest.mark.e2e


BEFORE_S = 0.8
"""So long each says nothing first: as much later the other may take notice of the answer."""


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.mark.parametrize(("codec", "named"), [("PCMU", "PCMU"), ("PCMA", "PCMA"), ("G722", "G722")])
def test_two_phones_hear_each_others_tone(exchange, codec, named):
    with softphones(exchange, "alice", "bob", codec=codec) as (alice, bob):
        # A tone that begins and ends, so that its length can be measured.
        alice.play(523, -14, 1.0, before_s=BEFORE_S, loop=False)
        bob.play(1200, -20, 1.0, before_s=BEFORE_S, loop=False)
        here, there = converse(alice, bob, "102")
        begun = {phone: phone.expect("recording", call=call)["now"] for phone, call in ((alice, here), (bob, there))}
        assert alice.expect("media", call=here)["codec"] == named
        assert bob.expect("media", call=there)["codec"] == named

    for speaker, hearer, heard, hz, dbfs in (
        (alice, bob, bob.wav(there), 523, -14),
        (bob, alice, alice.wav(here), 1200, -20),
    ):
        tone = sound.check(heard, hz, dbfs)
        assert sound.lasts(tone, 1.0)
        # Each speaks from when its own recording begins, which need not be when the other's does.
        assert -0.2 < tone.start_s - (begun[speaker] + BEFORE_S - begun[hearer]) < 0.7
        assert sound.whole(tone)
        assert tone.purity > 0.95
