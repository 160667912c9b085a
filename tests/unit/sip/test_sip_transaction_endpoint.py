"""What an endpoint answers by itself, what it never answers, and which way its answers go."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from switch.sip import writer
from switch.sip.effects import AckReceived, Effect, Incoming, Send, Stray
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.flow import Flow
from switch.sip.message import Response, parse
from switch.sip.timer import Timers

LOCAL = ("192.0.2.1", 5060)
UDP = Flow("udp", LOCAL, ("198.51.100.7", 40123))
TCP = Flow("tcp", LOCAL, ("198.51.100.7", 51000), 3)


def endpoint() -> Endpoint:
    numbers = iter(range(10**6))
    return Endpoint(Timers(), Timings(), lambda: f"id{next(numbers)}", lambda flow: "192.0.2.1:5060")


def request(
    method: str = "OPTIONS",
    via: str = "192.0.2.10:5062;branch=z9hG4bKx",
    *,
    cseq: str = "",
    to: str = "<sip:bob@example.com>",
    forwards: str = "70",
    call_id: str = "c1",
    uri: str = "sip:bob@example.com",
    more: tuple[str, ...] = (),
) -> bytes:
    lines = [
        f"Via: SIP/2.0/UDP {via}",
        f"Max-Forwards: {forwards}",
        "From: <sip:alice@example.com>;tag=a",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq or '1 ' + method}",
        *more,
    ]
    return writer.request(method, uri, lines)


def run(data: bytes, flow: Flow = UDP, on: Endpoint | None = None) -> list[Effect]:
    on = on or endpoint()
    on.receive(data, flow, 0.0)
    return on.take()


def answer(effects: list[Effect]) -> Response:
    """The one response among the effects, which must hold nothing else."""
    (send,) = effects
    assert isinstance(send, Send)
    response = parse(send.data)
    assert isinstance(response, Response)
    return response


def served(data: bytes, flow: Flow) -> tuple[Send, Response]:
    """How a request is answered that the core answers 200."""
    on = endpoint()
    (incoming,) = run(data, flow, on)
    assert isinstance(incoming, Incoming)
    on.respond(incoming.txn, 200, 0.0)
    (send,) = on.take()
    assert isinstance(send, Send)
    response = parse(send.data)
    assert isinstance(response, Response)
    return send, response


# -- the way back (18.2.1, 18.2.2, RFC 3581) ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "stamped", "port"),
    [
        ("192.0.2.10:5062;branch=z9hG4bKx;rport", "192.0.2.10:5062;branch=z9hG4bKx;rport=40123;RECEIVED", 40123),
        ("192.0.2.10:5062;rport;branch=z9hG4bKx", "192.0.2.10:5062;rport=40123;branch=z9hG4bKx;RECEIVED", 40123),
        ("192.0.2.10:5062;branch=z9hG4bKx", "192.0.2.10:5062;branch=z9hG4bKx;RECEIVED", 5062),
        ("phone.example.com;branch=z9hG4bKx", "phone.example.com;branch=z9hG4bKx;RECEIVED", 5060),
        ("198.51.100.7:5064;branch=z9hG4bKx", "198.51.100.7:5064;branch=z9hG4bKx", 5064),
        ("198.51.100.7:40123;branch=z9hG4bKx", "198.51.100.7:40123;branch=z9hG4bKx", 40123),
        # What a client claims of itself is not believed, nor is anybody else aimed at.
        ("192.0.2.10;branch=z9hG4bKx;received=203.0.113.5", "192.0.2.10;branch=z9hG4bKx;RECEIVED", 5060),
        ("192.0.2.10;branch=z9hG4bKx;maddr=203.0.113.5", "192.0.2.10;branch=z9hG4bKx;maddr=203.0.113.5;RECEIVED", 5060),
    ],
)
def test_udp_responses_go_to_the_source_or_to_sent_by(via: str, stamped: str, port: int) -> None:
    send, response = served(request(via=via), UDP)
    assert response.vias == [f"SIP/2.0/UDP {stamped.replace('RECEIVED', 'received=198.51.100.7')}"]
    assert send.flow == Flow("udp", LOCAL, ("198.51.100.7", port))


@pytest.mark.parametrize("via", ["192.0.2.10:5062;branch=z9hG4bKx", "192.0.2.10:5062;branch=z9hG4bKx;rport"])
def test_tcp_responses_go_back_on_the_connection(via: str) -> None:
    send, response = served(request(via=via), TCP)
    assert send.flow == TCP
    assert response.via.received == "198.51.100.7"


def test_only_the_top_via_is_stamped() -> None:
    _, response = served(request(more=("Via: SIP/2.0/UDP far.example.com;branch=z9hG4bKf;rport",)), UDP)
    assert response.vias[1] == "SIP/2.0/UDP far.example.com;branch=z9hG4bKf;rport"
    assert len(response.vias) == 2


def test_our_requests_ask_for_rport() -> None:
    on = endpoint()
    on.request(TCP, "OPTIONS", "sip:x@example.com", ["CSeq: 1 OPTIONS"], b"", 0.0, None)
    (send,) = on.take()
    assert isinstance(send, Send)
    assert b"\r\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKid0;rport\r\n" in send.data


def test_record_route_comes_back_in_what_makes_a_dialog() -> None:
    on = endpoint()
    (incoming,) = run(request("INVITE", more=("Record-Route: <sip:p.example.com;lr>",)), UDP, on)
    assert isinstance(incoming, Incoming)
    found = []
    for status in (100, 180, 486):
        on.respond(incoming.txn, status, 0.0)
        (send,) = on.take()
        assert isinstance(send, Send)
        found.append(b"Record-Route" in send.data)
    assert found == [False, True, False]


# -- what no core is asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), 505),
        (request("INVITE", forwards="0"), 483),
        (request("MESSAGE", forwards="0"), 483),
        (request(cseq="1 INVITE"), 400),
        (request(cseq="99999999999 OPTIONS"), 400),
        (request().replace(b"Content-Length: 0", b"Content-Length: -7"), 400),
        (request().replace(b"From: <", b"From <"), 400),
        (request(via="192.0.2.10:5062;branch=z9hG4bK"), 400),
        (request(to="<sip:bob@example.com"), 400),
        (request("INVITE", cseq="1 OPTIONS"), 400),
        (request(more=('Via: SIP/2.0/UDP h;x="left, open',)), 400),
    ],
)
@pytest.mark.parametrize("flow", [UDP, TCP], ids=["udp", "tcp"])
def test_what_is_not_sane_is_answered(data: bytes, status: int, flow: Flow) -> None:
    on = endpoint()
    response = answer(run(data, flow, on))
    assert response.status == status
    assert response.reason
    assert response.header("Call-ID") == "c1"
    assert on.counters.refused == 1


@pytest.mark.parametrize(
    "data",
    [
        request("ACK", cseq="1 INVITE"),
        request("ACK").replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1),
        request("ACK").replace(b"Content-Length: 0", b"Content-Length: x"),
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: junk\r\nCSeq: 1 INVITE\r\n\r\n",
        b"SIP/2.0 99 X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\r\n",
        b"SIP/3.0 200 OK\r\n\r\n",
        b"OPTIONS sip:x@example.com SIP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" + bytes(range(256)),
        b"",
        b"\0" * 40,
        b"\r\n\r\n",
    ],
)
def test_what_can_or_may_not_be_answered_is_counted_and_dropped(data: bytes) -> None:
    on = endpoint()
    assert run(data, UDP, on) == []
    assert on.counters.malformed == 1
    assert len(on.timers) == 0


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER"])
def test_max_forwards_0_reaches_the_core_where_we_are_the_target(method: str) -> None:
    (effect,) = run(request(method, forwards="0"))
    assert isinstance(effect, Incoming)


def test_max_forwards_0_inside_a_dialog_reaches_the_core() -> None:
    (effect,) = run(request("BYE", forwards="0", to="<sip:bob@example.com>;tag=b"))
    assert isinstance(effect, Incoming)


def test_an_invite_that_is_refused_unread_is_forgotten_at_once() -> None:
    on = endpoint()
    for _ in range(2):
        assert answer(run(request("INVITE", forwards="0"), UDP, on)).status == 483
    assert not on.servers
    (effect,) = run(request("ACK", cseq="1 ACK"), UDP, on)
    assert isinstance(effect, AckReceived)


def test_when_there_is_no_room_strangers_are_answered_503_and_leave_nothing() -> None:
    on = endpoint()
    on.room = 2
    on.knows = lambda host, now: host == UDP.remote[0]
    stranger = Flow("udp", UDP.local, ("203.0.113.9", 5060))

    def one(name: str, flow: Flow, method: str = "OPTIONS", to: str = "<sip:bob@example.com>") -> list[Effect]:
        return run(request(method, f"192.0.2.10:5062;branch=z9hG4bK{name}", to=to, call_id=name), flow, on)

    assert isinstance(one("a", stranger)[0], Incoming)
    assert isinstance(one("b", stranger)[0], Incoming)
    assert answer(one("c", stranger)).status == 503
    assert isinstance(one("d", stranger, "BYE", "<sip:bob@example.com>;tag=b")[0], Incoming)
    assert isinstance(one("e", UDP)[0], Incoming)
    assert answer(one("f", UDP)).status == 503
    assert len(on.servers) == 4


# -- one request, two ways (8.2.2.2) --------------------------------------------------------------------------------


def test_a_merged_request_gets_482() -> None:
    on = endpoint()
    (first,) = run(request("INVITE", "192.0.2.10;branch=z9hG4bKone"), UDP, on)
    assert isinstance(first, Incoming)
    assert answer(run(request("INVITE", "192.0.2.11;branch=z9hG4bKtwo"), UDP, on)).status == 482
    on.respond(first.txn, 404, 0.0)
    on.take()
    assert answer(run(request("INVITE", "192.0.2.11;branch=z9hG4bKthree"), UDP, on)).status == 482
    on.timers.run(200.0)
    on.take()
    (again,) = run(request("INVITE", "192.0.2.11;branch=z9hG4bKfour"), UDP, on)
    assert isinstance(again, Incoming)


@pytest.mark.parametrize(
    "other",
    [
        request("INVITE", "192.0.2.10;branch=z9hG4bKtwo", cseq="2 INVITE"),
        request("INVITE", "192.0.2.10;branch=z9hG4bKtwo", call_id="c2"),
        request("INVITE", "192.0.2.10;branch=z9hG4bKtwo", to="<sip:bob@example.com>;tag=b"),
        request("OPTIONS", "192.0.2.10;branch=z9hG4bKtwo"),
        request("INVITE", "192.0.2.77;branch=z9hG4bKone", call_id="c3"),
    ],
)
def test_what_only_resembles_it_is_not_merged(other: bytes) -> None:
    on = endpoint()
    run(request("INVITE", "192.0.2.10;branch=z9hG4bKone"), UDP, on)
    (effect,) = run(other, UDP, on)
    assert isinstance(effect, Incoming)


# -- matching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", [";branch=1", "", ";branch=Z9HG4BKx"])
def test_rfc_2543_requests_are_matched_by_their_headers(branch: str) -> None:
    on = endpoint()
    via = f"192.0.2.10:5062{branch}"
    data = request("INVITE", via)
    (first,) = run(data, UDP, on)
    assert isinstance(first, Incoming)
    on.respond(first.txn, 486, 0.0)
    on.take()
    assert answer(run(data + b"", UDP, on)).status == 486
    assert answer(run(data, TCP, on)).status == 486
    ack = request("ACK", via, to=f"<sip:bob@example.com>;tag={first.txn.to_tag}")
    assert run(ack, UDP, on) == []
    assert first.txn.state == "confirmed"
    (second,) = run(request("INVITE", via, cseq="2 INVITE"), UDP, on)
    assert isinstance(second, Incoming)


def test_rfc_2543_cancel_finds_its_invite() -> None:
    on = endpoint()
    run(request("INVITE", "192.0.2.10:5062"), UDP, on)
    effects = run(request("CANCEL", "192.0.2.10:5062"), UDP, on)
    assert [type(effect).__name__ for effect in effects] == ["Send", "Cancelled"]


def test_the_same_branch_from_another_sent_by_is_another_request() -> None:
    on = endpoint()
    run(request("INVITE", "192.0.2.10:5062;branch=z9hG4bKx"), UDP, on)
    (effect,) = run(request("INVITE", "192.0.2.11:5062;branch=z9hG4bKx", call_id="c2"), UDP, on)
    assert isinstance(effect, Incoming)


def test_an_ack_that_meets_nothing_is_the_cores() -> None:
    (effect,) = run(request("ACK", to="<sip:bob@example.com>;tag=b"))
    assert isinstance(effect, AckReceived)
    assert effect.flow == UDP


def test_an_ack_before_any_answer_is_ignored() -> None:
    on = endpoint()
    run(request("INVITE"), UDP, on)
    assert run(request("ACK"), UDP, on) == []


@pytest.mark.parametrize(
    ("status", "cseq", "stray"), [(200, "1 INVITE", True), (180, "1 INVITE", False), (200, "1 BYE", False)]
)
def test_of_responses_that_nobody_waits_for_only_a_2xx_to_invite_is_told(status: int, cseq: str, stray: bool) -> None:
    data = (
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKnone\r\nFrom: <sip:a@x>;tag=a\r\n"
        f"To: <sip:b@x>;tag=b\r\nCall-ID: c\r\nCSeq: {cseq}\r\n\r\n"
    )
    on = endpoint()
    assert [type(effect) for effect in run(data.encode(), UDP, on)] == ([Stray] if stray else [])
    assert on.counters.unmatched == 1


def test_a_response_to_another_method_of_the_same_branch_is_not_ours() -> None:
    on = endpoint()
    txn = on.request(UDP, "OPTIONS", "sip:x@example.com", ["CSeq: 1 OPTIONS"], b"", 0.0, None)
    on.take()
    data = (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch={txn.branch}\r\nFrom: <sip:a@x>;tag=a\r\n"
        "To: <sip:b@x>;tag=b\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n"
    )
    assert run(data.encode(), UDP, on) == []
    assert txn.state == "trying"


@pytest.mark.parametrize("change", [lambda data: data, lambda data: data.replace(b"70", b"69")])
def test_copies_are_answered_from_store(change: Callable[[bytes], bytes]) -> None:
    """The first is the very same datagram, known without reading it; the second must be read."""
    on = endpoint()
    (incoming,) = run(request(), UDP, on)
    assert isinstance(incoming, Incoming)
    sent = on.respond(incoming.txn, 200, 0.0)
    assert on.take() == [Send(incoming.txn.flow, sent)]
    assert run(change(request()), UDP, on) == [Send(incoming.txn.flow, sent)]


def test_a_copy_from_another_source_is_not_taken_for_a_copy_unread() -> None:
    on = endpoint()
    run(request("INVITE", "192.0.2.10;branch=z9hG4bKx"), UDP, on)
    other = Flow("udp", LOCAL, ("203.0.113.9", 5060))
    assert hash((request("INVITE", "192.0.2.10;branch=z9hG4bKx"), other)) not in on.digests
