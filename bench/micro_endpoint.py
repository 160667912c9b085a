"""What the transaction layer costs: the 13 messages of a basic call through a back-to-back user agent, one endpoint.

    python bench/micro_endpoint.py [calls]

Prints µs a message for the endpoint with parser and writer, for parser and writer alone, and the difference; and the
memory that one finished call keeps in transactions until their timers end them.
"""

from __future__ import annotations

import gc
import itertools
import sys
import time
import tracemalloc

from switch.sip import writer
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.flow import Flow
from switch.sip.message import parse
from switch.sip.parser import check_request
from switch.sip.timer import Timers

A = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.10", 5062))
B = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.20", 5064))
SDP = b"v=0\r\no=a 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 6000 RTP/AVP 8 0 101\r\n" * 2
MESSAGES = 13


def head(method: str, n: int, *, via: str, cseq: int = 1, to_tag: str = "") -> list[str]:
    return [
        f"Via: SIP/2.0/UDP 192.0.2.10:5062;branch={via};rport",
        *lines(method, n, cseq=cseq, to_tag=to_tag),
    ]


def lines(method: str, n: int, *, cseq: int = 1, to_tag: str = "") -> list[str]:
    return [
        "Max-Forwards: 70",
        f'From: "Alice" <sip:alice@example.com>;tag=a{n}',
        f"To: <sip:bob@example.com>{';tag=' + to_tag if to_tag else ''}",
        f"Call-ID: {n}.abcdef@192.0.2.10",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:alice@192.0.2.10:5062>",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS",
        "User-Agent: Phone/1.0",
    ]


def inbound(n: int) -> list[bytes]:
    """What the two telephones send in call `n`, with the branches that the endpoint will choose."""
    invite = writer.request("INVITE", "sip:bob@example.com", head("INVITE", n, via=f"z9hG4bKi{n}"), SDP)
    ack = writer.request("ACK", "sip:b@192.0.2.1", head("ACK", n, via=f"z9hG4bKa{n}", to_tag="t"))
    bye = writer.request("BYE", "sip:b@192.0.2.1", head("BYE", n, via=f"z9hG4bKb{n}", cseq=2, to_tag="t"))

    def reply(status: int, branch: str, method: str, body: bytes = b"") -> bytes:
        top = f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport=5060;received=192.0.2.1"
        text = [f"SIP/2.0 {status} X", top, *lines(method, n, to_tag="far"), f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(text).encode() + body

    out, last = f"z9hG4bKx{n}", f"z9hG4bKy{n}"
    return [
        invite,
        reply(180, out, "INVITE"),
        reply(200, out, "INVITE", SDP),
        ack,
        bye,
        reply(200, last, "BYE"),
    ]


def call(endpoint: Endpoint, n: int, packets: list[bytes], now: float) -> None:
    """One call, driven as the core would."""
    out = endpoint.out
    invite, ringing, answer, ack, bye, ok = packets
    contact = ["Contact: <sip:x@192.0.2.1>"]
    endpoint.receive(invite, A, now)
    first = out[-1].txn  # type: ignore[union-attr]
    endpoint.respond(first, 100, now)
    endpoint.request(B, "INVITE", "sip:bob@192.0.2.20", lines("INVITE", n), SDP, now, None, f"z9hG4bKx{n}")
    endpoint.receive(ringing, B, now)
    endpoint.respond(first, 180, now, lines=contact)
    endpoint.receive(answer, B, now)
    endpoint.respond(first, 200, now, lines=contact, body=SDP)
    endpoint.receive(ack, A, now)
    endpoint.ack(B, "sip:bob@192.0.2.20", lines("ACK", n), b"", now)
    endpoint.receive(bye, A, now)
    endpoint.respond(out[-1].txn, 200, now)  # type: ignore[union-attr]
    endpoint.request(B, "BYE", "sip:bob@192.0.2.20", lines("BYE", n), b"", now, None, f"z9hG4bKy{n}")
    endpoint.receive(ok, B, now)
    out.clear()


def wire(n: int, packets: list[bytes]) -> None:
    """Parser, checks and writer for the same call, without an endpoint."""
    contact = ["Contact: <sip:x@192.0.2.1>"]
    via = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport"
    messages = [parse(packet) for packet in packets]
    for message in messages:
        _ = message.branch, message.cseq_method, message.to_value
    for request in (messages[0], messages[3], messages[4]):
        check_request(request)  # type: ignore[arg-type]
    invite, bye = messages[0], messages[4]
    top = invite.vias[0] + "=5062;received=192.0.2.10"
    writer.response(invite, 100, None, None, (), b"", top)  # type: ignore[arg-type]
    writer.response(invite, 180, None, "t", contact, b"", top, True)  # type: ignore[arg-type]
    writer.response(invite, 200, None, "t", contact, SDP, top, True)  # type: ignore[arg-type]
    writer.response(bye, 200, None, "t", (), b"", bye.vias[0] + "=5062;received=192.0.2.10")  # type: ignore[arg-type]
    writer.request("INVITE", "sip:bob@192.0.2.20", [via, *lines("INVITE", n)], SDP)
    writer.request("ACK", "sip:bob@192.0.2.20", [via, *lines("ACK", n)])
    writer.request("BYE", "sip:bob@192.0.2.20", [via, *lines("BYE", n)])


def fresh() -> Endpoint:
    ids = itertools.count()
    return Endpoint(Timers(), Timings(), lambda: f"{next(ids):016x}", lambda flow: "192.0.2.1:5060")


def main(calls: int = 5000) -> None:
    traffic = [inbound(n) for n in range(calls)]
    endpoint = fresh()
    for warm in (0, 1):
        began = time.process_time()
        for n, packets in enumerate(traffic):
            # 500 calls a second of virtual time, so that as many transactions linger as would in earnest.
            now = n / 500 + 1000.0 * warm
            endpoint.timers.run(now)
            call(endpoint, n, packets, now)
        whole = time.process_time() - began
        endpoint.timers.run(now + 100)
    began = time.process_time()
    for n, packets in enumerate(traffic):
        wire(n, packets)
    bare = time.process_time() - began
    scale = 1e6 / calls / MESSAGES
    print(f"endpoint with parser and writer {whole * scale:6.2f} µs a message, {whole / calls * 1e6:6.1f} µs a call")
    print(f"parser and writer alone         {bare * scale:6.2f} µs a message")
    print(f"transactions                    {(whole - bare) * scale:6.2f} µs a message")

    endpoint = fresh()
    traffic = [inbound(n) for n in range(1000)]
    gc.collect()
    tracemalloc.start()
    for n, packets in enumerate(traffic):
        call(endpoint, n, packets, 0.0)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    bytes_kept = sum(len(txn.response_bytes) + 33 for txn in endpoint.servers.values())
    count = len(endpoint.servers) + len(endpoint.clients)
    tracemalloc.stop()
    print(
        f"a finished call keeps {kept / 1000:.0f} B in {count / 1000:.0f} transactions: "
        f"{(kept - bytes_kept) / count:.0f} B each and {bytes_kept / 1000:.0f} B of responses"
    )
    endpoint.timers.run(1e9)
    left = (endpoint.servers, endpoint.clients, endpoint.digests, endpoint.merges, endpoint.unfinished)
    assert not any(left) and len(endpoint.timers) == 0, left  # noqa: PT018


if __name__ == "__main__":
    main(*[int(argument) for argument in sys.argv[1:]])
