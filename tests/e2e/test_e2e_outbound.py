"""Real telephones and reachability: asked by OPTIONS (FWD-4), and registered over several flows (RFC 5626)."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.kit.baresip import Baresip, modules
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import Softphone, connect, softphones

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    with house(tmp_path_factory.mktemp("house"), qualify="2s") as made:
        yield made


def reachable(exchange, line):
    return [each["reachable"] for each in exchange.json("phones")["phones"] if each["line"] == line]


def test_a_telephone_that_hangs_is_an_outage_at_once_and_comes_back(exchange):
    with softphones(exchange, "alice", "bob") as (alice, bob):
        wait_for(lambda: reachable(exchange, "bob") == [True], 8, "bob's answer to OPTIONS")
        os.kill(bob.process.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: reachable(exchange, "bob") == [False], 12, "bob's silence to be noticed")
            mark = alice.mark()
            call = alice.call("102")
            event = alice.expect("call", 3.0, since=mark, call=call, state="DISCONNECTED")
            assert event["status"] == 480
        finally:
            os.kill(bob.process.pid, signal.SIGCONT)
        wait_for(lambda: reachable(exchange, "bob") == [True], 12, "bob's return")
        for event in ("telephone unreachable", "telephone reachable again"):
            wait_for(lambda event=event: event in exchange.log(), 3, f"{event}, in the log")
    record = exchange.history(1)[0]
    assert (record["result"], record["reason"]) == ("unreachable", "outage")


def test_pjsip_over_tcp_registers_with_outbound_and_its_ob_contact_is_called(exchange):
    before = exchange.settled()
    with softphones(exchange, "alice") as (alice,):
        bob = Softphone(exchange, "bob")
        try:
            bob.register("tcp")
            (phone,) = [each for each in exchange.json("phones")["phones"] if each["line"] == "bob"]
            assert ";ob" in phone["contact"]
            here, there = connect(alice, bob, "102")
            alice.do("hangup", call=here)
            bob.over(there)
        finally:
            bob.close()
    assert ";reg-id=1;+sip.instance=" in bob.log()
    assert "has SIP outbound active" in bob.log()
    assert exchange.history(before + 1)[0]["result"] == "answered"


@pytest.mark.skipif(modules() is None, reason="needs the Debian package baresip")
def test_baresip_over_two_flows_rings_once(exchange):
    before = exchange.settled()
    with softphones(exchange, "alice") as (alice,):
        bob = Baresip(exchange, "bob", flows=("udp", "tcp"))
        try:
            wait_for(lambda: len(reachable(exchange, "bob")) == 2, 8, f"two flows\n{bob.output()}")
            here = alice.call("102")
            bob.expect("CALL_INCOMING")
            bob.do("accept")
            alice.talking(here)
            alice.do("hangup", call=here)
            bob.expect("CALL_CLOSED")
            assert not [event for event in bob.events if event.get("type") == "CALL_INCOMING"]
        finally:
            bob.close()
    record = exchange.history(before + 1)[0]
    assert record["result"] == "answered"
