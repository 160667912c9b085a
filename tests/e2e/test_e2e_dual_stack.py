"""A telephone that speaks IPv4 and one that speaks IPv6 talk to each other: both are heard (issue 3, Transports)."""

from __future__ import annotations

import contextlib
import re
import socket
import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.baresip import Baresip, modules
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import softphones


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6"),
    pytest.mark.skipif(modules() is None, reason="needs the Debian package baresip"),
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    listen = "[{{port: {port}}}, {{address: '::', port: {port}}}]"
    with house(tmp_path_factory.mktemp("house"), listen=listen, sound="[0.0.0.0, '::']") as made:
        yield made


def test_an_ipv6_phone_calls_an_ipv4_phone_and_both_are_heard(exchange):
    with contextlib.ExitStack() as stack:
        alice = Baresip(exchange, "alice", address="::1")
        stack.callback(alice.close)
        alice.registered()
        (bob,) = stack.enter_context(softphones(exchange, "bob"))
        bob.play(1200, -20)
        shown = exchange.run("phones").stdout
        assert re.search(r"alice +alice-phone +udp \[::1\]:\d+ ", shown), shown
        assert re.search(r"bob +bob-phone +udp 127\.0\.0\.1:\d+ ", shown), shown
        assert f"udp [::] port {exchange.sip}" in exchange.run("status").stdout
        alice.do("dial", f"sip:102@[::1]:{exchange.sip}")
        there = bob.incoming()
        bob.talking(there)
        alice.expect("CALL_ESTABLISHED")
        time.sleep(1.2)
        alice.do("hangup")
        bob.over(there)
        offered = bob.expect("incoming")["whole"]
    assert sound.strongest(*sound.read(alice.heard())) == pytest.approx(1200, abs=4)
    assert sound.strongest(*sound.read(bob.wav(there))) == pytest.approx(440, abs=4)
    assert re.findall(r"^c=IN (\S+ \S+)\s*$", offered, re.MULTILINE) == ["IP4 127.0.0.1"]
    assert f"Via: SIP/2.0/UDP 127.0.0.1:{exchange.sip};" in offered
    assert "::1" not in offered


def test_an_ipv4_phone_calls_an_ipv6_phone_and_both_are_heard(exchange):
    with contextlib.ExitStack() as stack:
        bob = Baresip(exchange, "bob", hz=800, address="::1", answer="auto")
        stack.callback(bob.close)
        bob.registered()
        (alice,) = stack.enter_context(softphones(exchange, "alice"))
        alice.play(523, -14)
        here = alice.call("102")
        alice.talking(here)
        time.sleep(1.2)
        alice.do("hangup", call=here)
        wait_for(lambda: "session closed" in bob.output(), 5, "the BYE at the other end")
        told = bob.output()
    assert sound.strongest(*sound.read(bob.heard())) == pytest.approx(523, abs=4)
    assert sound.strongest(*sound.read(alice.wav(here))) == pytest.approx(800, abs=4)
    assert re.search(rf"^Via: SIP/2.0/UDP \[::1\]:{exchange.sip};", told, re.MULTILINE)
    assert re.search(rf"^Contact: <sip:\[::1\]:{exchange.sip}>", told, re.MULTILINE)
    assert "c=IN IP6 ::1" in told
