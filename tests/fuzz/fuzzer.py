"""A mutational fuzzer for everything that reads what peers send: seeded, bounded, repeatable.

Messages, of RFC 4475 and ordinary ones, are bent at random and given to parser, checks, writer, framing, addresses,
headers, digest and SDP. Nothing but the declared protocol error may come out, no input may take long, and what one part
accepts the others must bear. Run by `script/fuzz`; a short run is a test.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from media import sdp
from switch.sip import digest, keyed, refer, writer
from switch.sip.effects import Incoming, Send
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.framing import StreamFramer
from switch.sip.headers import NameAddr, Via, parse_params, split_list, stamp_via
from switch.sip.message import Message, Request, Response, parse
from switch.sip.parser import check_request
from switch.sip.replaces import replaces_of
from switch.sip.subscription import event_of
from switch.sip.timer import Timers
from switch.sip.transaction import Timings
from switch.sip.uri import Uri
from tests.torture.build import sip
from tests.torture.table import CASES

SLOW_S = 0.25
TRIES = 3
"""An input that takes longer, of this thread's time, is tried again: slow is only what is slow each time."""
LAZY = [name for name in Message.__slots__ if not name.startswith("_")]

_CALL = sip("""\
INVITE sip:*21%23@192.0.2.1;transport=udp;user=phone SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKPj0d6b3e9c, SIP/2.0/TCP [2001:db8::9:1]:5061;branch=z9hG4bKx
Max-Forwards: 70
From: "Alice \\"A\\"" <sip:101@192.0.2.1>;tag=a1b2
To: <tel:+49-30-1234;phone-context=example.com>
Contact: <sip:101@[2001:db8::1]:5062;ob>;+sip.instance="<urn:uuid:1>";q=0.5
Route: <sip:p1.example.com;lr>, "Two, P" <sip:p2.example.com;lr>
Call-ID: 38482762@192.0.2.10
CSeq: 12 INVITE
Proxy-Authorization: Digest username="101", realm="r", nonce="n", uri="sip:102@192.0.2.1", qop=auth, nc=00000001,
 cnonce="c", response="00", algorithm=SHA-256, opaque=""
k: timer,replaces
Content-Type: application/sdp
Content-Length: 129

v=0
o=- 1 1 IN IP4 192.0.2.10
s=-
c=IN IP4 192.0.2.10
t=0 0
m=audio 4000 RTP/AVP 0 8 101
a=rtpmap:101 telephone-event/8000
a=sendrecv
""")
_OK = sip("""\
SIP/2.0 401 Unauthorized
Via: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.1;branch=z9hG4bK77
From: <sip:a@example.com>;tag=1
To: <sip:a@example.com>;tag=2
Call-ID: x
CSeq: 2 REGISTER
Record-Route: <sip:p1.example.com;lr>
WWW-Authenticate: Digest realm="a \\"b\\"", nonce="n", algorithm=MD5-sess, qop="auth,auth-int", stale=TRUE
Contact: *
Content-Length: 0

""")
_REFER = sip("""\
REFER sip:101@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK78
Max-Forwards: 70
From: <sip:a@example.com>;tag=1
To: <sip:b@example.com>;tag=2
Call-ID: x
CSeq: 3 REFER
Contact: <sip:101@192.0.2.10>
Refer-To: "Bob" <sip:102@example.com;user=phone?Replaces=c%40h%3Bto-tag%3Dt%3Bfrom-tag%3Df>
Referred-By: <sip:a@example.com>
Replaces: c@h;to-tag=t;from-tag=f
Refer-Sub: false
Content-Type: application/dtmf-relay
Content-Length: 24

Signal=5
Duration=160
""")
_SUBSCRIBE = sip("""\
SUBSCRIBE sip:102@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK79
Max-Forwards: 70
From: <sip:a@example.com>;tag=1
To: <sip:b@example.com>
Call-ID: y
CSeq: 3 SUBSCRIBE
Contact: <sip:101@192.0.2.10>
Record-Route: <sip:p1.example.com;lr>
o: dialog;id=7;sla
Accept: application/dialog-info+xml, */*
Supported: eventlist
Expires: 600
Content-Length: 0

""")
CORPUS = [_CALL, _OK, _REFER, _SUBSCRIBE, *(case.message for case in CASES)]
SPICE = [
    b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\t", b" ", b"\t", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b'"',
    b"\\", b"<", b">", b"<>", b",", b";", b";;", b"=", b":", b"@", b"%", b"%00", b"%zz", b"[", b"]", b"[::1]",
    b"*", b"?", b"#", b"-1", b"99999999999999999999", b"4294967296", b"SIP/2.0", b"sip:", b"tel:",
    b"Content-Length: 5\r\n", b"l: 0\r\n", b";tag=", b";rport", b";received=", b"\xe2\x80\xa8", b"\x85",
    b"\x0b", b"\x1c", b"\xd9\xa1", b"\xc2\xb2",
]  # fmt: skip


class Escape(Exception):
    """Something other than the protocol error came out, or an invariant broke."""


def mutate(data: bytes, rng: random.Random) -> bytes:
    """`data` bent in one to eight places."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 2, 5, 20, 100)))
        match rng.randrange(8):
            case 0 if at < len(out):
                out[at] = rng.randrange(256)
            case 1:
                del out[at:end]
            case 2:
                out[at:at] = out[at:end]
            case 3:
                out[at:at] = (bytes(out[at:end]) or b"x") * rng.choice((10, 100))
            case 4:
                del out[at:]
            case 5:
                other = rng.choice(CORPUS)
                start = rng.randrange(len(other))
                out[at:end] = other[start : start + rng.choice((5, 50, 500))]
            case 6:
                out[at:end] = rng.choice(SPICE)
            case _:
                out[at:at] = rng.choice(SPICE) * rng.choice((1, 1, 1, 2, 3000))
    return bytes(out[:70000])


def fuzz_message(data: bytes, rng: random.Random) -> None:
    """The parser, every lazy value, the checks, and an answer to what can be answered."""
    try:
        message: Message | None = parse(data)
        for name, value in message.header_lines:
            if value not in message.all(name):
                raise Escape(f"{name} lost its value")
    except RemoteProtocolError as error:
        message = error.request
        if message is None:
            return
    for name in LAZY:
        allow(lambda name=name: getattr(message, name))
    for name in {line.partition(":")[0] for line in message._lines}:
        allow(lambda name=name: message.values(name))
    if isinstance(message, Request):
        request = message
        allow(lambda: check_request(request))
        top: str | None = None
        try:
            top = stamp_via(request.vias[0], "2001:db8::7", 5060)
        except RemoteProtocolError:
            pass
        written = writer.response(request, 400, to_tag="t", via_top=top, copy_record_route=True)
        back = parse(written)
        if not isinstance(back, Response) or back.status != 400:
            raise Escape("our own response cannot be read")


def fuzz_framing(data: bytes, rng: random.Random) -> None:
    """Cutting must not depend on how the octets arrive."""
    results = []
    for step in (len(data) or 1, rng.randrange(1, 200)):
        framer, found = StreamFramer(20000), []
        try:
            for at in range(0, len(data), step):
                found += framer.feed(data[at : at + step])
                if len(framer) > 20000 + step:
                    raise Escape("the framer holds more than it may")
        except RemoteProtocolError:
            pass
        results.append([item for item in found if isinstance(item, bytes)])
    if results[0] != results[1]:
        raise Escape("framing depends on the pieces")
    for item in results[0]:
        fuzz_message(item, rng)


def fuzz_endpoint(data: bytes, rng: random.Random) -> None:
    """Messages through the transactions: what they send can be read, and nothing is left in the end."""
    timers = Timers()
    endpoint = Endpoint(timers, Timings(), lambda: f"{rng.getrandbits(64):x}", lambda flow: "192.0.2.1")
    flow = Flow(rng.choice(("udp", "tcp")), ("192.0.2.1", 5060), ("192.0.2.9", 5060))
    for message in (rng.choice(CORPUS), data, data):
        endpoint.receive(message, flow, 0.0)
        effects, endpoint.out[:] = list(endpoint.out), []
        for effect in effects:
            if isinstance(effect, Incoming):
                endpoint.respond(effect.txn, rng.choice((180, 200, 404)), 0.0)
        for effect in [*effects, *endpoint.out]:
            if isinstance(effect, Send) and len(effect.data) < 8000:
                parse(effect.data)
        endpoint.out.clear()
    for _ in range(200):
        when = timers.next()
        if when is None:
            return
        timers.run(when)
    raise Escape("timers without end")


def fuzz_uri(data: bytes, rng: random.Random) -> None:
    """Addresses: the text comes back, derived values never fail, equality is reflexive and agrees with the hash."""
    text = _snippet(data, rng)
    uri = Uri.parse(text)
    twin = Uri.parse(text.replace("@", "@", 1))
    if str(uri) != text or uri != twin or hash(uri) != hash(twin):
        raise Escape("an address is not itself")
    _ = uri.number(), uri.user_text, uri.param("user"), uri == Uri.parse("sip:a@b;user=phone")


def fuzz_headers(data: bytes, rng: random.Random) -> None:
    """Lists, addresses, Vias, parameters: what is read and written again reads the same."""
    text = _snippet(data, rng)
    allow(lambda: parse_params(text))
    allow(lambda: stamp_via(text, "192.0.2.7", 5060))
    for item in split_list(text):
        for kind in (NameAddr, Via):
            try:
                value = kind.parse(item)
            except RemoteProtocolError:
                continue
            if kind.parse(str(value)) != value:
                raise Escape(f"{value!r} does not survive")


def fuzz_digest(data: bytes, rng: random.Random) -> None:
    """Credentials and challenges, both roles."""
    found = digest.parse(_snippet(data, rng))
    if found is not None:
        _ = found.algorithm, found.qops, digest.verify(found, "0" * 32, "INVITE")
        answer = digest.parse(digest.authorization(found, "u", "s", "INVITE", "sip:x"))
        if answer is None or not digest.verify(
            answer, digest.ha1("u", found.get("realm"), "s", found.algorithm), "INVITE"
        ):
            raise Escape("our answer to a challenge is wrong")


def fuzz_sdp(data: bytes, rng: random.Random) -> None:
    """Session descriptions."""
    start = data.find(b"v=")
    try:
        found = sdp.parse(data[start:] if start >= 0 else data)
    except sdp.SdpError:
        return
    sdp.write(found)


def fuzz_refer(data: bytes, rng: random.Random) -> None:
    """What a REFER or a SUBSCRIBE asks for, the dialog that an INVITE replaces, and keys told by INFO."""
    keyed.read(data)
    request = parse(data)
    if isinstance(request, Request):
        allow(lambda: replaces_of(request))
        allow(lambda: event_of(request))
        keyed.read(request.body)
        found = refer.referral_of(request)
        if len(found.by) > refer.MAX_BY or "?" in found.uri:
            raise Escape(f"{found!r} is more than was to be taken")


TARGETS: list[Callable[[bytes, random.Random], None]] = [
    fuzz_message, fuzz_message, fuzz_framing, fuzz_endpoint, fuzz_uri, fuzz_headers, fuzz_digest, fuzz_sdp, fuzz_refer
]  # fmt: skip


def allow(action: Callable[[], object]) -> None:
    """Do it; the protocol error is fine."""
    try:
        action()
    except RemoteProtocolError:
        pass


def _snippet(data: bytes, rng: random.Random) -> str:
    """A piece of the message such as a header value or an address would be."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    line = rng.choice(lines).partition(":")[2].strip(" \t") or text[:300]
    if rng.random() < 0.5 and ("sip:" in line or "tel:" in line):
        at = max(line.find("sip:"), line.find("tel:"))
        line = line[at:].partition(">")[0]
    return line


def run(count: int, seed: int) -> list[str]:
    """Try `count` bent inputs; what went wrong, one line each, at most ten."""
    rng, failures = random.Random(seed), list[str]()
    for number in range(count):
        data = mutate(rng.choice(CORPUS), rng)
        target, dice = rng.choice(TARGETS), rng.getrandbits(64)
        found, took = tried(target, data, dice)
        for _ in range(TRIES - 1):
            if took > SLOW_S:
                took = min(took, tried(target, data, dice)[1])
        if took > SLOW_S:
            found = found or f"took {took:.2f} s"
        if found:
            failures.append(f"#{number} {target.__name__}: {found} for {data[:1500]!r}")
        if len(failures) >= 10:
            break
    return failures


def tried(target: Callable[[bytes, random.Random], None], data: bytes, dice: int) -> tuple[str, float]:
    """What was wrong, and the seconds of this thread."""
    rng = random.Random(dice)
    found = ""
    began = time.thread_time()
    try:
        target(data, rng)
    except RemoteProtocolError as error:
        if target is fuzz_endpoint:  # which answers them itself
            found = f"{error} escaped"
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    return found, time.thread_time() - began
