"""Two real softphones that have no codec in common, or not the same encryption, hear each other."""

from __future__ import annotations

import re

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import contents, house
from tests.e2e.kit.phones import converse, softphones

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


def test_g722_alone_and_pcma_alone(exchange):
    with softphones(exchange, "alice", codec="G722") as (alice,), softphones(exchange, "bob", codec="PCMA") as (bob,):
        alice.play(523, -14, 1.0, before_s=0.8, loop=False)
        bob.play(1200, -20, 1.0, before_s=0.8, loop=False)
        here, there = converse(alice, bob, "102")
        assert alice.expect("media", call=here)["codec"] == "G722"
        assert bob.expect("media", call=there)["codec"] == "PCMA"
        # This PJSIP takes G.722 for 6 dB quieter than everybody else does (its issue 4419).
        for heard, hz, dbfs in ((bob.heard(there), 523, -20), (alice.heard(here), 1200, -14)):
            tone = sound.check(heard, hz, dbfs)
            assert sound.lasts(tone, 1.0)
            assert sound.whole(tone)
            assert tone.purity > 0.95


def test_one_with_srtp_and_one_without(exchange):
    """Each leg for itself: Carol offers nothing but SRTP, Dave has none. Her keys, and ours, stand nowhere. Then she is
    called, and gets what `srtp: required` says."""
    text = exchange.config.read_text()
    exchange.config.write_text(text.replace("lines: carol}", "lines: carol, srtp: required}"))
    assert exchange.run("reload").returncode == 0
    with softphones(exchange, "carol", srtp=True) as (carol,), softphones(exchange, "dave", codec="PCMA") as (dave,):
        carol.play(523, -14, 1.0, before_s=0.8, loop=False)
        dave.play(1200, -20, 1.0, before_s=0.8, loop=False)
        here, there = converse(carol, dave, "104")
        for heard, hz, dbfs in ((dave.heard(there), 523, -14), (carol.heard(here), 1200, -20)):
            tone = sound.check(heard, hz, dbfs)
            assert sound.lasts(tone, 1.0)
            assert sound.whole(tone)
        there, here = converse(dave, carol, "103")
        sound.check(carol.heard(here), 1200, -20)
        sound.check(dave.heard(there), 523, -14)
        keys = set(re.findall(r"inline:([A-Za-z0-9+/=]{40})", carol.log()))
        assert len(keys) >= 2  # hers and ours
        assert "crypto" not in dave.log()
    kept = {path: data for path, data in contents(exchange.folder) if "phones" not in path.parts}
    assert any(b"SAVP" in data for data in kept.values())  # the journal has the descriptions, without the keys
    for path, data in kept.items():
        assert not [key for key in keys if key.encode() in data], path
