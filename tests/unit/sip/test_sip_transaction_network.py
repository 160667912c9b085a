"""Two endpoints on a network that loses, doubles, delays, reorders and hides: both sides agree, and nothing is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.clock import VirtualClock
from switch.sip.effects import AckReceived, Answered, Cancelled, Effect, Failed, Incoming, TimedOut
from tests.support.examples import examples
from tests.support.network import Nat, Network, Packet, Station

A = ("192.0.2.10", 5060)
B = ("192.0.2.20", 5060)
CONTACT = ["Contact: <sip:x@192.0.2.20>"]


def lines(method: str, cseq: int = 1) -> list[str]:
    return [
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a",
        "To: <sip:bob@example.com>",
        "Call-ID: c1",
        f"CSeq: {cseq} {method}",
    ]


class Caller:
    """Sends one request; acknowledges each 2xx to an INVITE, as a dialog usage would."""

    def __init__(self, network: Network, transport: str = "udp") -> None:
        self.station = Station(network, A, self.core)
        self.transport = transport
        self.results: list[int] = []

    def send(self, method: str) -> None:
        now = self.station.clock.now()
        self.flow = self.station.flow_to(B, self.transport)
        self.txn = self.station.endpoint.request(
            self.flow, method, "sip:bob@example.com", lines(method), b"", now, self
        )
        self.station.drain(now)

    def cancel(self) -> None:
        now = self.station.clock.now()
        self.station.endpoint.cancel(self.txn, now)
        self.station.drain(now)

    def core(self, effect: Effect, now: float) -> None:
        if isinstance(effect, Answered) and effect.response.status >= 200:
            self.results.append(effect.response.status)
            if effect.txn.method == "INVITE" and effect.response.status < 300:
                self.station.endpoint.ack(self.flow, "sip:x@192.0.2.20", lines("ACK"), b"", now)
        elif isinstance(effect, TimedOut):
            self.results.append(408)
        elif isinstance(effect, Failed):
            self.results.append(503)


class Called:
    """Rings for `ring_s`, then gives `status`; answers a CANCEL with 487; repeats a 2xx until its ACK comes."""

    def __init__(self, network: Network, status: int = 200, ring_s: float = 0.0) -> None:
        self.station = Station(network, B, self.core)
        self.status = status
        self.ring_s = ring_s
        self.acked = False
        self.final: list[int] = []

    def core(self, effect: Effect, now: float) -> None:
        endpoint = self.station.endpoint
        if isinstance(effect, Incoming):
            if effect.txn.method == "INVITE":
                endpoint.respond(effect.txn, 180, now, lines=CONTACT)
            if self.ring_s or effect.txn.method == "INVITE":
                endpoint.timers.after(self.ring_s, now, self, effect.txn)
            else:
                self.answer(effect.txn, self.status, now)
        elif isinstance(effect, Cancelled):
            self.answer(effect.txn, 487, now)
        elif isinstance(effect, AckReceived):
            self.acked = True

    def on_timer(self, what: object, now: float) -> None:
        if isinstance(what, tuple):
            txn, began, interval = what
            if not self.acked and now - began < 32:
                self.station.endpoint.repeat(txn, now)
                self.station.endpoint.timers.after(interval, now, self, (txn, began, min(2 * interval, 4.0)))
        else:
            self.answer(what, self.status, now)

    def answer(self, txn: object, status: int, now: float) -> None:
        endpoint = self.station.endpoint
        if not endpoint.respond(txn, status, now, lines=CONTACT):  # type: ignore[arg-type]
            return
        self.final.append(status)
        if 200 <= status < 300 and txn.method == "INVITE":  # type: ignore[attr-defined]
            endpoint.timers.after(0.5, now, self, (txn, now, 1.0))


def test_a_call_on_a_good_network_needs_no_repeats() -> None:
    clock = VirtualClock()
    network = Network(clock)
    caller, called = Caller(network), Called(network, ring_s=3.0)
    caller.send("INVITE")
    clock.run_out()
    assert [packet.start for packet in network.log] == ["INVITE", "180", "200", "ACK"]
    assert caller.results == [200]
    assert called.acked
    assert caller.station.left() == called.station.left() == {}


@pytest.mark.parametrize(
    ("lost", "log"),
    [
        ("INVITE", ["INVITE", "INVITE", "180", "486", "ACK"]),
        ("486", ["INVITE", "180", "486", "486", "ACK"]),
        ("ACK", ["INVITE", "180", "486", "ACK", "486", "ACK"]),
        ("180", ["INVITE", "180", "486", "ACK"]),
    ],
)
def test_each_message_of_a_refused_call_may_be_lost_once(lost: str, log: list[str]) -> None:
    clock = VirtualClock()
    network = Network(clock)
    missed: list[Packet] = []

    def drop(packet: Packet) -> bool:
        if packet.start == lost and not missed:
            missed.append(packet)
            return True
        return False

    network.drop = drop
    caller, called = Caller(network), Called(network, 486)
    caller.send("INVITE")
    clock.run_out()
    assert [packet.start for packet in network.log] == log
    assert caller.results == [486]
    assert caller.station.left() == called.station.left() == {}


def test_a_2xx_is_repeated_until_its_ack_and_each_copy_gets_one() -> None:
    clock = VirtualClock()
    network = Network(clock)
    network.drop = lambda packet: packet.start == "ACK" and packet.at < 3
    caller, called = Caller(network), Called(network)
    caller.send("INVITE")
    clock.run_out()
    assert len(network.sent("200")) == len(network.sent("ACK")) == 4
    assert caller.results == [200] * 4
    assert called.acked
    assert caller.station.left() == called.station.left() == {}


def test_cancel_and_200_cross() -> None:
    clock = VirtualClock()
    network = Network(clock, delay_s=0.1)
    caller, called = Caller(network), Called(network, ring_s=1.0)
    caller.send("INVITE")
    clock.advance(1.05)
    caller.cancel()
    clock.run_out()
    # The CANCEL left before the 200 came and came after it had left: the call stands, the CANCEL got its own 200.
    assert caller.results == [200]
    assert called.final == [200]
    assert [p.start for p in network.log] == ["INVITE", "180", "CANCEL", "200", "200", "ACK"]
    assert caller.station.left() == called.station.left() == {}


def test_cancel_and_487_with_the_cancel_lost_twice() -> None:
    clock = VirtualClock()
    network = Network(clock, delay_s=0.1)
    network.drop = lambda packet: packet.start == "CANCEL" and packet.at < 2
    caller, called = Caller(network), Called(network, ring_s=30.0)
    caller.send("INVITE")
    clock.advance(1)
    caller.cancel()
    clock.run_out()
    assert caller.results == [487]
    assert called.final == [487]
    assert network.sent("CANCEL") == [1.0, 1.5, 2.5]
    assert caller.station.left() == called.station.left() == {}


def test_cancel_before_the_180_waits_for_it() -> None:
    clock = VirtualClock()
    network = Network(clock, delay_s=0.1)
    caller, called = Caller(network), Called(network, ring_s=30.0)
    caller.send("INVITE")
    caller.cancel()
    clock.run_out()
    assert network.sent("CANCEL") == [0.2]
    assert caller.results == [487]
    assert caller.station.left() == called.station.left() == {}


def test_nobody_there() -> None:
    clock = VirtualClock()
    network = Network(clock)
    caller = Caller(network)
    caller.send("OPTIONS")
    clock.run_out()
    assert caller.results == [408]
    assert clock.now() == 32.0


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
@pytest.mark.parametrize("status", [200, 486])
def test_over_tcp_nothing_is_repeated(method: str, status: int) -> None:
    clock = VirtualClock()
    network = Network(clock, delay_s=2.0)
    caller, called = Caller(network, "tcp"), Called(network, status, ring_s=10.0 if method == "OPTIONS" else 0.4)
    caller.send(method)
    clock.run_out()
    assert len(network.sent(method)) == 1
    assert caller.results[0] == status
    if status == 486 and method == "INVITE":
        assert len(network.sent("486")) == len(network.sent("ACK")) == 1
    assert caller.station.left() == called.station.left() == {}


def test_a_cut_stream_fails_both_sides_at_once() -> None:
    clock = VirtualClock()
    network = Network(clock)
    caller, called = Caller(network, "tcp"), Called(network, ring_s=60.0)
    caller.send("INVITE")
    clock.advance(1)
    network.cut(caller.flow)
    assert caller.results == [503]
    assert [type(effect) for effect in called.station.seen] == [Incoming, Failed]
    clock.run_out()
    assert caller.station.left() == called.station.left() == {}


def test_a_stream_to_nowhere_fails() -> None:
    clock = VirtualClock()
    network = Network(clock)
    caller = Caller(network, "tcp")
    caller.send("INVITE")
    clock.run_out()
    assert caller.results == [503]


def test_answers_find_the_way_back_through_a_nat() -> None:
    clock = VirtualClock()
    network = Network(clock)
    network.put_behind(Nat("198.51.100.1"), A[0])
    caller, called = Caller(network), Called(network, 486)
    caller.send("INVITE")
    clock.run_out()
    assert caller.results == [486]
    (incoming,) = called.station.of(Incoming)
    assert incoming.txn.flow.remote == ("198.51.100.1", 40000)
    assert caller.station.left() == called.station.left() == {}


def test_the_same_seed_gives_the_same_run() -> None:
    logs = []
    for seed in (1, 1, 2):
        clock = VirtualClock()
        network = Network(clock, seed, loss=0.3, duplicate=0.3, jitter_s=1.0)
        caller, _ = Caller(network), Called(network, 486, ring_s=1.0)
        caller.send("INVITE")
        clock.run_out()
        logs.append(network.log)
    assert logs[0] == logs[1]
    assert logs[0] != logs[2]


@examples(60)
@given(
    seed=st.integers(0, 10**6),
    loss=st.sampled_from([0.0, 0.1, 0.3]),
    duplicate=st.sampled_from([0.0, 0.5]),
    jitter_s=st.sampled_from([0.0, 0.3, 2.0]),
    method=st.sampled_from(["INVITE", "OPTIONS"]),
    status=st.sampled_from([200, 302, 486]),
    ring_s=st.sampled_from([0.0, 0.5, 20.0]),
    cancel_at=st.sampled_from([None, 0.0, 0.5, 3.0]),
)
def test_whatever_the_network_does_both_sides_agree_and_nothing_is_left(
    seed: int,
    loss: float,
    duplicate: float,
    jitter_s: float,
    method: str,
    status: int,
    ring_s: float,
    cancel_at: float | None,
) -> None:
    clock = VirtualClock()
    network = Network(clock, seed, loss=loss, duplicate=duplicate, jitter_s=jitter_s)
    caller, called = Caller(network), Called(network, status, ring_s)
    caller.send(method)
    if cancel_at is not None and method == "INVITE":
        clock.advance(cancel_at)
        caller.cancel()
    clock.run_out()
    assert caller.station.left() == called.station.left() == {}
    assert len(called.station.of(Incoming)) <= 1
    # The caller never learns what the called side did not say; and says 408 only when nothing could be heard.
    assert caller.results
    assert set(caller.results) <= {*called.final, 408}
    assert len(set(caller.results)) == 1
    if loss == 0.0:
        assert set(caller.results) == set(called.final)
    # Copies of a refusal are acknowledged by the transaction and never reach the core.
    if caller.results[0] >= 300:
        assert len(caller.results) == 1
