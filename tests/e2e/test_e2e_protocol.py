"""Extensions of SIP with real clients: PJSIP that insists on 100rel and session timers, SIPp that scripts a PRACK."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import softphones
from tests.e2e.kit.sipp import Sipp, answering, answering_reliably, calling, calling_with_timer, register

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), ring="5s", registrar=", algorithms: md5") as made:
        yield made


def test_two_telephones_that_insist_on_everything(exchange):
    """RFC 3262 and 4028 on both legs: early media is acknowledged, timers are agreed on, hold and UPDATE
    are answered."""
    with softphones(exchange, "alice", "bob", strict=True) as (alice, bob):
        bob.do("answers", statuses=[183])
        here = alice.call("102")
        there = bob.incoming()
        alice.expect("call", call=here, state="EARLY")
        alice.expect("recording", call=here)  # early media
        bob.do("answer", call=there, status=200)
        alice.talking(here)
        bob.talking(there)
        alice.do("hold", call=here)
        wait_for(lambda: exchange.json("calls")[0]["state"] == "held", 5, "the hold")
        alice.do("unhold", call=here)
        wait_for(lambda: exchange.json("calls")[0]["state"] == "talking", 5, "the resumption")
        bob.do("update", call=there)
        wait_for(lambda: "Response msg 200/UPDATE" in bob.log(), 5, "its answer")
        bob.do("hangup", call=there)
        alice.over(here)
        bob.over(there)
        for log in (alice.log(), bob.log()):
            assert "PRACK sip:" in log
            assert "RSeq:" in log
            assert "refresher=ua" in log


def test_one_that_insists_calls_one_that_does_not(exchange):
    before = exchange.settled()
    with softphones(exchange, "alice", strict=True) as (alice,), softphones(exchange, "bob") as (bob,):
        here = alice.call("102")
        alice.talking(here)
        bob.talking(bob.incoming())
        alice.do("hangup", call=here)
        alice.over(here)
    assert exchange.history(before + 1)[0]["reason"] == "caller_hung_up"


@pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester")
def test_sipp_rings_reliably(exchange):
    port = register(exchange, "carol")
    callee = Sipp(exchange, answering_reliably(), "reliable", port=port, calls=5)
    early = calling("103", "alice", 200).replace('response="180"', 'response="183"')
    caller = Sipp(exchange, early, "caller", calls=5, dials="103")
    assert caller.wait() == (5, 5, 0), caller.trouble() + callee.trouble()
    assert callee.wait(5) == (5, 5, 0), callee.trouble()


@pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester")
def test_sipp_is_told_a_longer_session_interval_and_refreshes(exchange):
    port = register(exchange, "dave")
    callee = Sipp(exchange, answering(), "callee", port=port, calls=5)
    caller = Sipp(exchange, calling_with_timer("104", "alice"), "timer", calls=5, dials="104")
    assert caller.wait() == (5, 5, 0), caller.trouble() + callee.trouble()
    assert callee.wait(5) == (5, 5, 0), callee.trouble()
