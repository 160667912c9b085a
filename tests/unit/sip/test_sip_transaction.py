"""Transactions one by one: every row of the tables, timers exactly at their times, nothing left in the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from switch.clock import VirtualClock
from switch.sip import client, server, writer
from switch.sip.effects import AckReceived, Answered, Cancelled, Effect, Failed, Incoming, Send, Stray, TimedOut
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.errors import LocalProtocolError
from switch.sip.flow import Flow
from switch.sip.message import Request, parse

UDP = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.10", 5062))
TCP = Flow("tcp", ("192.0.2.1", 5060), ("192.0.2.10", 41000), 7)
FLOWS = pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])


class Bench:
    """One endpoint, fed by hand. `sent` are the start lines' second or first words, with times."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        numbers = iter(range(10**6))
        self.endpoint = Endpoint(
            self.clock.timers, Timings(), lambda: f"id{next(numbers)}", lambda flow: "192.0.2.1:5060"
        )
        self.steps: set[tuple[str, str, str]] = set()
        self.endpoint.trace = self._note
        self.sent: list[tuple[float, str]] = []
        self.bytes: list[bytes] = []
        self.flows: list[Flow] = []
        self.seen: list[Effect] = []
        self.clock.timers.on_ran.append(lambda now: self.drain())

    def _note(self, txn: Any, state: str, event: object, after: str) -> None:
        STEPS.add((_name(txn.table), state, str(event)))

    def drain(self) -> None:
        for effect in self.endpoint.take():
            if isinstance(effect, Send):
                words = effect.data.split(b" ", 2)
                start = words[1] if words[0] == b"SIP/2.0" else words[0]
                self.sent.append((round(self.clock.now(), 6), start.decode()))
                self.bytes.append(effect.data)
                self.flows.append(effect.flow)
            else:
                self.seen.append(effect)

    def receive(self, data: bytes, flow: Flow = UDP) -> None:
        self.endpoint.receive(data, flow, self.clock.now())
        self.drain()

    def request(self, method: str = "INVITE", flow: Flow = UDP, owner: object = None) -> Any:
        txn = self.endpoint.request(flow, method, "sip:bob@192.0.2.10", lines(method), b"", self.clock.now(), owner)
        self.drain()
        return txn

    def reply(self, txn: Any, status: int, tag: str = "far", method: str = "", flow: Flow = UDP) -> None:
        method = method or txn.method
        via = f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={txn.branch};rport=5060;received=192.0.2.1"
        text = [f"SIP/2.0 {status} X", via, *lines(method, tag), "Content-Length: 0", "", ""]
        self.receive("\r\n".join(text).encode(), flow)

    def respond(self, txn: Any, status: int, **more: Any) -> bytes:
        data = self.endpoint.respond(txn, status, self.clock.now(), **more)
        self.drain()
        return data

    def cancel(self, txn: Any) -> None:
        self.endpoint.cancel(txn, self.clock.now(), ['Reason: SIP;cause=200;text="Call completed elsewhere"'])
        self.drain()

    def broken(self, flow: Flow = UDP) -> None:
        self.endpoint.send_failed(flow, self.clock.now())
        self.drain()

    def kinds(self) -> list[type[Any]]:
        return [type(effect) for effect in self.seen]

    def times(self, start: str) -> list[float]:
        return [at for at, what in self.sent if what == start]

    def serve(self, data: bytes, flow: Flow = UDP) -> Any:
        self.receive(data, flow)
        effect = self.seen[-1]
        assert isinstance(effect, Incoming)
        return effect.txn

    def empty(self) -> bool:
        e = self.endpoint
        return not (e.servers or e.clients or e.digests or e.merges or e.unfinished) and len(e.timers) == 0


STEPS: set[tuple[str, str, str]] = set()


def _name(table: object) -> str:
    tables = {**vars(client), **vars(server)}
    return next(name for name, value in tables.items() if value is table)


def lines(method: str, to_tag: str = "", cseq: int = 1) -> list[str]:
    return [
        "Route: <sip:proxy.example.com;lr>",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a",
        f"To: <sip:bob@example.com>{';tag=' + to_tag if to_tag else ''}",
        "Call-ID: c1",
        f"CSeq: {cseq} {method}",
    ]


def request(
    method: str = "INVITE",
    branch: str = "z9hG4bKx",
    *,
    to_tag: str = "",
    via: str = "192.0.2.10:5062",
    params: str = ";rport",
    cseq: int = 1,
    extra: tuple[str, ...] = (),
) -> bytes:
    top = f"Via: SIP/2.0/UDP {via};branch={branch}{params}"
    return writer.request(method, "sip:bob@example.com", [top, *lines(method, to_tag, cseq), *extra])


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.clock.run_out()
    for txn in list(bench.endpoint.servers.values()):
        # Only what the core still owes an answer may be left.
        assert txn.state in ("proceeding", "trying")
        bench.respond(txn, 500)
    for calling in list(bench.endpoint.clients.values()):
        assert calling.state == "proceeding"
        bench.cancel(calling)
    bench.clock.run_out()
    assert bench.empty()


# -- INVITE client --------------------------------------------------------------------------------------------------


def test_invite_is_repeated_by_a_and_given_up_by_b(bench: Bench) -> None:
    txn = bench.request()
    bench.clock.advance(100)
    assert bench.times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert len(set(bench.bytes)) == 1
    assert bench.seen == [TimedOut(txn)]
    assert bench.empty()


def test_invite_over_tcp_is_sent_once(bench: Bench) -> None:
    bench.request(flow=TCP)
    bench.clock.advance(31.999)
    assert bench.seen == []
    bench.clock.advance(0.001)
    assert bench.kinds() == [TimedOut]
    assert bench.times("INVITE") == [0]


def test_a_provisional_response_ends_the_repeats_and_b(bench: Bench) -> None:
    txn = bench.request()
    bench.clock.advance(0.6)
    bench.reply(txn, 100)
    bench.reply(txn, 180)
    bench.clock.advance(200)
    assert bench.times("INVITE") == [0, 0.5]
    assert [e.response.status for e in bench.seen if isinstance(e, Answered)] == [100, 180]
    assert txn.state == "proceeding"
    bench.reply(txn, 200)


@FLOWS
def test_each_further_2xx_is_passed_up_until_m(bench: Bench, flow: Flow) -> None:
    txn = bench.request(flow=flow, owner="leg")
    bench.reply(txn, 200, "one", flow=flow)
    bench.clock.advance(31.9)
    bench.reply(txn, 200, "two", flow=flow)
    assert [(e.txn.owner, e.response.to_tag) for e in bench.seen if isinstance(e, Answered)] == [
        ("leg", "one"),
        ("leg", "two"),
    ]
    bench.reply(txn, 180, flow=flow)
    bench.reply(txn, 486, flow=flow)
    bench.broken(flow)
    assert len(bench.seen) == 2
    bench.clock.advance(0.1)
    assert bench.empty()
    bench.reply(txn, 200, "three", flow=flow)
    assert bench.kinds()[-1] is Stray
    assert "ACK" not in [start for _, start in bench.sent]


@pytest.mark.parametrize("status", [302, 404, 503, 603])
def test_a_refusal_gets_its_ack_and_each_copy_again_until_d(bench: Bench, status: int) -> None:
    txn = bench.request()
    bench.reply(txn, status)
    bench.clock.advance(31.9)
    bench.reply(txn, status)
    assert bench.times("ACK") == [0, 31.9]
    assert bench.kinds() == [Answered]
    bench.clock.advance(0.1)
    assert bench.empty()
    bench.reply(txn, status)
    assert len(bench.times("ACK")) == 2


def test_the_ack_of_a_refusal_has_the_headers_of_17_1_1_3(bench: Bench) -> None:
    txn = bench.request()
    bench.reply(txn, 180)
    bench.reply(txn, 486, "busy")
    invite, ack = parse(bench.bytes[0]), parse(bench.bytes[1])
    assert isinstance(invite, Request)
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri) == ("ACK", invite.uri)
    assert ack.vias == invite.vias
    assert (ack.from_value, ack.call_id, ack.routes) == (invite.from_value, invite.call_id, invite.routes)
    assert ack.to_tag == "busy"
    assert (ack.cseq, ack.cseq_method) == (1, "ACK")


def test_over_tcp_a_refusal_ends_it_at_once(bench: Bench) -> None:
    txn = bench.request(flow=TCP)
    bench.reply(txn, 486, flow=TCP)
    assert bench.times("ACK") == [0]
    assert bench.empty()


def test_a_2xx_after_a_refusal_is_a_stray(bench: Bench) -> None:
    txn = bench.request()
    bench.reply(txn, 486)
    bench.reply(txn, 200, "other")
    assert bench.kinds() == [Answered, Stray]


@pytest.mark.parametrize("ringing", [False, True])
@FLOWS
def test_a_broken_flow_fails_an_invite(bench: Bench, ringing: bool, flow: Flow) -> None:
    txn = bench.request(flow=flow)
    if ringing:
        bench.reply(txn, 180, flow=flow)
    bench.broken(Flow(flow.transport, flow.local, ("192.0.2.99", 5060), flow.connection))
    assert Failed not in bench.kinds()
    bench.broken(flow)
    assert bench.seen[-1] == Failed(txn)
    assert bench.empty()


# -- CANCEL, client side --------------------------------------------------------------------------------------------


def test_cancel_waits_for_a_provisional_response(bench: Bench) -> None:
    txn = bench.request()
    bench.cancel(txn)
    bench.clock.advance(2)
    assert bench.times("CANCEL") == []
    bench.reply(txn, 100)
    assert bench.times("CANCEL") == [2]
    bench.reply(txn, 200, method="CANCEL")
    bench.reply(txn, 487)
    assert bench.times("ACK") == [2]
    assert [e.response.status for e in bench.seen if isinstance(e, Answered)] == [100, 487]


def test_cancel_has_the_headers_of_9_1(bench: Bench) -> None:
    txn = bench.request()
    bench.reply(txn, 180)
    bench.cancel(txn)
    bench.cancel(txn)
    assert len(bench.times("CANCEL")) == 1
    invite, cancel = parse(bench.bytes[0]), parse(bench.bytes[1])
    assert isinstance(invite, Request)
    assert isinstance(cancel, Request)
    assert cancel.uri == invite.uri
    assert cancel.vias == invite.vias
    assert (cancel.from_value, cancel.to_value, cancel.call_id) == (invite.from_value, invite.to_value, invite.call_id)
    assert (cancel.cseq, cancel.cseq_method, cancel.routes) == (1, "CANCEL", invite.routes)
    assert cancel.header("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert cancel.header("Contact") is None


def test_cancel_is_repeated_and_its_end_is_not_told(bench: Bench) -> None:
    txn = bench.request()
    bench.reply(txn, 180)
    bench.cancel(txn)
    bench.clock.advance(40)
    assert bench.times("CANCEL") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    # 9.1: 64*T1 after the CANCEL the INVITE counts as cancelled.
    assert bench.kinds() == [Answered, TimedOut]
    assert bench.empty()


def test_cancel_crossing_a_200_tells_the_200(bench: Bench) -> None:
    txn = bench.request()
    bench.reply(txn, 180)
    bench.cancel(txn)
    bench.reply(txn, 200)
    bench.reply(txn, 481, method="CANCEL")
    assert [e.response.status for e in bench.seen if isinstance(e, Answered)] == [180, 200]
    assert txn.state == "accepted"


def test_cancel_held_back_is_dropped_when_the_answer_comes_first(bench: Bench) -> None:
    txn = bench.request()
    bench.cancel(txn)
    bench.reply(txn, 200)
    assert bench.times("CANCEL") == []
    bench.cancel(txn)
    assert bench.times("CANCEL") == []


def test_cancel_without_any_answer_ends_by_b(bench: Bench) -> None:
    txn = bench.request()
    bench.cancel(txn)
    bench.clock.advance(32)
    assert bench.seen == [TimedOut(txn)]


@pytest.mark.parametrize("provisional", [False, True])
def test_a_broken_flow_ends_a_cancel_silently(bench: Bench, provisional: bool) -> None:
    txn = bench.request()
    bench.reply(txn, 180)
    bench.cancel(txn)
    if provisional:
        bench.reply(txn, 100, method="CANCEL")
        bench.clock.advance(0.5)
    bench.broken()
    assert bench.seen[1:] == [Failed(txn)]
    assert bench.empty()


@pytest.mark.parametrize("status", [200, 481, 0])
def test_a_cancel_that_was_told_100_still_ends(bench: Bench, status: int) -> None:
    txn = bench.request()
    bench.reply(txn, 180)
    bench.cancel(txn)
    bench.reply(txn, 100, method="CANCEL")
    if status:
        bench.reply(txn, status, method="CANCEL")
    bench.clock.advance(32)
    assert bench.empty()


def test_a_cancel_can_be_sent_without_its_invite(bench: Bench) -> None:
    """After a crash the transaction is gone, the branch is in the journal."""
    bench.endpoint.request(UDP, "CANCEL", "sip:bob@192.0.2.10", lines("CANCEL"), b"", 0.0, None, "z9hG4bKold")
    bench.drain()
    bench.clock.advance(32)
    assert len(bench.times("CANCEL")) == 11
    assert bench.seen == []
    assert bench.empty()


# -- non-INVITE client ----------------------------------------------------------------------------------------------


def test_non_invite_is_repeated_by_e_and_given_up_by_f(bench: Bench) -> None:
    txn = bench.request("OPTIONS")
    bench.clock.advance(40)
    assert bench.times("OPTIONS") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.seen == [TimedOut(txn)]


def test_in_proceeding_e_is_t2(bench: Bench) -> None:
    txn = bench.request("OPTIONS")
    bench.clock.advance(0.1)
    bench.reply(txn, 100)
    bench.reply(txn, 182)
    bench.clock.advance(40)
    assert bench.times("OPTIONS") == [0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert bench.kinds() == [Answered, Answered, TimedOut]


@pytest.mark.parametrize("first", [0, 100])
@pytest.mark.parametrize("status", [200, 404])
def test_a_final_response_completes_and_k_absorbs(bench: Bench, first: int, status: int) -> None:
    txn = bench.request("BYE")
    if first:
        bench.reply(txn, first)
    bench.reply(txn, status)
    before = len(bench.seen)
    bench.clock.advance(4.9)
    bench.reply(txn, status)
    assert len(bench.seen) == before
    assert not bench.empty()
    bench.clock.advance(0.1)
    assert bench.empty()


@pytest.mark.parametrize("first", [0, 100])
def test_a_broken_flow_fails_a_non_invite(bench: Bench, first: int) -> None:
    txn = bench.request("BYE", TCP)
    if first:
        bench.reply(txn, first, flow=TCP)
    bench.broken(TCP)
    assert bench.seen[-1] == Failed(txn)
    assert bench.empty()


def test_over_tcp_a_non_invite_is_sent_once_and_ends_with_its_answer(bench: Bench) -> None:
    txn = bench.request("BYE", TCP)
    bench.clock.advance(20)
    bench.reply(txn, 200, flow=TCP)
    assert bench.times("BYE") == [0]
    assert bench.empty()


# -- INVITE server --------------------------------------------------------------------------------------------------


def test_100_is_sent_after_200_ms_by_itself(bench: Bench) -> None:
    bench.serve(request())
    bench.clock.advance(0.199)
    assert bench.sent == []
    bench.clock.advance(0.001)
    assert bench.sent == [(0.2, "100")]
    assert parse(bench.bytes[0]).to_tag is None


def test_no_100_by_itself_when_the_core_was_faster(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 180)
    bench.clock.advance(1)
    assert bench.sent == [(0, "180")]


def test_copies_of_an_invite_get_the_latest_provisional_response(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.receive(request())
    assert bench.sent == []
    bench.respond(txn, 100)
    bench.respond(txn, 180)
    bench.receive(request())
    assert [start for _, start in bench.sent] == ["100", "180", "180"]
    assert bench.kinds() == [Incoming]
    assert bench.endpoint.counters.retransmissions_in == 2


def test_a_copy_in_other_bytes_is_known_by_its_branch(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 180)
    bench.receive(request(extra=("User-Agent: rewritten",)))
    assert [start for _, start in bench.sent] == ["180", "180"]
    assert bench.kinds() == [Incoming]


@FLOWS
def test_a_2xx_rests_in_accepted_for_64_t1(bench: Bench, flow: Flow) -> None:
    txn = bench.serve(request(), flow)
    txn.owner = "leg"
    sent = bench.respond(txn, 200)
    assert txn.owner is None
    bench.receive(request(), flow)
    assert len(bench.sent) == 1
    bench.clock.advance(0.5)
    bench.endpoint.repeat(txn, bench.clock.now())
    bench.drain()
    assert bench.bytes == [sent, sent]
    assert bench.respond(txn, 486) == b""
    bench.broken(flow)
    assert Failed not in bench.kinds()
    bench.clock.advance(31.4)
    assert not bench.empty()
    bench.clock.advance(0.1)
    assert bench.empty()
    with pytest.raises(LocalProtocolError):
        _ = txn.request


def test_the_ack_for_a_2xx_goes_to_the_core_whatever_its_branch(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 200, to_tag="ours")
    bench.receive(request("ACK", "z9hG4bKnew", to_tag="ours"))
    bench.receive(request("ACK", "z9hG4bKx", to_tag="ours"))
    assert bench.kinds() == [Incoming, AckReceived, AckReceived]


def test_a_refusal_is_repeated_by_g_until_h(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 486)
    bench.clock.advance(40)
    assert bench.times("486") == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.kinds() == [Incoming, TimedOut]
    assert bench.empty()


def test_a_copy_of_a_refused_invite_gets_the_refusal(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 486)
    bench.receive(request())
    assert bench.times("486") == [0, 0]
    bench.receive(request("ACK", to_tag=txn.to_tag))


def test_the_ack_for_a_refusal_is_absorbed_and_so_are_its_copies_until_i(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 486)
    for _ in range(3):
        bench.receive(request("ACK", to_tag=txn.to_tag))
    bench.receive(request())
    bench.clock.advance(4.9)
    assert bench.kinds() == [Incoming]
    assert bench.times("486") == [0]
    assert not bench.empty()
    bench.clock.advance(0.1)
    assert bench.empty()


def test_over_tcp_a_refusal_is_sent_once_and_ends_with_its_ack(bench: Bench) -> None:
    txn = bench.serve(request(), TCP)
    bench.respond(txn, 486)
    bench.clock.advance(20)
    bench.receive(request("ACK", to_tag=txn.to_tag), TCP)
    assert bench.times("486") == [0]
    assert bench.empty()


def test_over_tcp_h_still_ends_an_unacknowledged_refusal(bench: Bench) -> None:
    txn = bench.serve(request(), TCP)
    bench.respond(txn, 486)
    bench.clock.advance(32)
    assert bench.seen[-1] == TimedOut(txn)
    assert bench.empty()


def test_a_broken_flow_fails_an_unanswered_invite(bench: Bench) -> None:
    txn = bench.serve(request(), TCP)
    bench.broken(TCP)
    assert bench.seen[-1] == Failed(txn)
    assert bench.respond(txn, 200) == b""
    assert bench.empty()


# -- CANCEL, server side --------------------------------------------------------------------------------------------


def test_cancel_is_answered_before_the_core_hears_of_it(bench: Bench) -> None:
    txn = bench.serve(request())
    bench.respond(txn, 180, to_tag="ours")
    bench.receive(request("CANCEL"))
    assert [start for _, start in bench.sent] == ["180", "200"]
    assert parse(bench.bytes[1]).to_tag == "ours"
    assert bench.seen[-1] == Cancelled(txn)
    bench.respond(txn, 487)
    bench.receive(request("CANCEL"))
    assert [start for _, start in bench.sent] == ["180", "200", "487", "200"]
    assert bench.kinds() == [Incoming, Cancelled]


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_the_final_response_does_nothing(bench: Bench, status: int) -> None:
    txn = bench.serve(request())
    bench.respond(txn, status)
    bench.receive(request("CANCEL"))
    assert [start for _, start in bench.sent] == [str(status), "200"]
    assert bench.kinds() == [Incoming]


def test_cancel_that_meets_nothing_gets_481(bench: Bench) -> None:
    bench.receive(request("CANCEL"))
    assert [start for _, start in bench.sent] == ["481"]
    assert bench.seen == []


def test_cancel_of_a_non_invite_has_no_effect(bench: Bench) -> None:
    txn = bench.serve(request("OPTIONS"))
    bench.receive(request("CANCEL"))
    assert [start for _, start in bench.sent] == ["481"]
    assert txn.state == "trying"
    assert bench.kinds() == [Incoming]
    assert len(bench.endpoint.servers) == 1


@FLOWS
@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
def test_a_challenge_is_sent_once_and_leaves_nothing(bench: Bench, method: str, flow: Flow) -> None:
    """26.3.2.4: "challenge questionable requests with only a single 401 or 407, forgoing the normal response
    retransmission algorithm"."""
    for turn in (1, 2):
        txn = bench.serve(request(method), flow)
        bench.endpoint.answer_once(txn, 401, bench.clock.now(), lines=["WWW-Authenticate: Digest realm=x, nonce=y"])
        bench.drain()
        assert [start for _, start in bench.sent] == ["401"] * turn
        assert txn.finished
        assert bench.empty()
    assert b"WWW-Authenticate: Digest" in bench.bytes[0]
    assert b";tag=" in bench.bytes[0].partition(b"\r\nTo:")[2].partition(b"\r\n")[0]


# -- non-INVITE server ----------------------------------------------------------------------------------------------


def test_copies_of_a_non_invite_get_the_stored_answer_until_j(bench: Bench) -> None:
    txn = bench.serve(request("OPTIONS"))
    bench.receive(request("OPTIONS"))
    assert bench.sent == []
    bench.respond(txn, 182)
    bench.respond(txn, 183)
    bench.receive(request("OPTIONS"))
    bench.respond(txn, 200)
    bench.clock.advance(31.9)
    bench.receive(request("OPTIONS"))
    assert [start for _, start in bench.sent] == ["182", "183", "183", "200", "200"]
    assert bench.bytes[3] == bench.bytes[4]
    assert bench.respond(txn, 500) == b""
    bench.clock.advance(0.1)
    assert bench.empty()
    bench.receive(request("OPTIONS"))
    assert bench.kinds() == [Incoming, Incoming]


@pytest.mark.parametrize("provisional", [False, True])
@pytest.mark.parametrize("status", [200, 404])
def test_over_tcp_a_non_invite_ends_with_its_answer(bench: Bench, provisional: bool, status: int) -> None:
    txn = bench.serve(request("OPTIONS"), TCP)
    if provisional:
        bench.respond(txn, 182)
    bench.respond(txn, status)
    assert bench.empty()


@pytest.mark.parametrize("provisional", [False, True])
def test_a_broken_flow_fails_an_unanswered_non_invite(bench: Bench, provisional: bool) -> None:
    txn = bench.serve(request("OPTIONS"))
    if provisional:
        bench.respond(txn, 182)
    bench.broken()
    assert bench.seen[-1] == Failed(txn)
    assert bench.empty()


def test_every_row_of_every_table_was_taken() -> None:
    """Runs last in this file, by its place; the tests above have met each state and event that the tables name."""
    if len(STEPS) < 40:
        pytest.skip("only meaningful after the whole file ran in one process")
    rows = {
        (name, state, event)
        for module in (client, server)
        for name, table in vars(module).items()
        if name.isupper() and isinstance(table, dict)
        for state, events in table.items()
        for event in events
    }
    assert rows - STEPS == set()
