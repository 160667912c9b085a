"""A whole exchange in memory under bent messages (UDP, TCP, behind digest, within calls), a media relay under bent RTP.

No input may bring out anything but the protocol's own answers: an internal error of the core is a failure. At each of
some checkpoints everything that was begun is brought to its end; then nothing may be left in any table, and memory must
stay as it was at the first of them. The fuzzer signs in rightly and bends the rest, so that it gets behind the door.
"""

from __future__ import annotations

import gc
import hashlib
import itertools
import random
import re
import resource
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from media.engine import Tune
from media.local import LocalEngine
from records import events as e
from switch.clock import VirtualClock
from switch.net.bans import BanSettings
from switch.net.guard import Guard
from switch.net.limits import Limits
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Address, Flow
from switch.sip.framing import KeepAlive, StreamFramer
from tests.fuzz.fuzzer import CORPUS, Escape, mutate
from tests.support.exchange import CARRIER, HERE, NUMBERS, REALM, SECRETS, Exchange
from tests.support.network import Network
from tests.unit.media.media_phone import Phone, free_ports

CHECKPOINTS = 20
GROWTH_MIB = 12.0
"""What memory may grow between the third checkpoint and the last: the allocator's breathing, not a leak of millions."""
SDP = (
    "v=0\r\no=- {n} {n} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na={way}\r\n"
)
PHONES: dict[str, Address] = {
    name: (f"192.0.2.{20 + n}", 5060) for n, name in enumerate(("alice", "bob", "carol", "dave"))
}
DIALLED = ("600", "601", "101", "102", "103", "110", "911", "+12125550100", "999", "*21#", "")


class House(Exchange):
    """The exchange without the books that tests keep; what it sends is kept for a moment."""

    def _boot(self) -> None:
        super()._boot()
        guard = Guard(Limits(), bans=BanSettings(dry_run=True, size=500), at=lambda: self.clock.now() + 1e9)
        core = self.core
        core.admission.gate, core.endpoint.knows, core.endpoint.malformed = guard, guard.knows, guard.malformed
        self.guard = guard
        self.sent: deque[tuple[Flow, bytes]] = deque(maxlen=50)

    def _append(self, events: list[e.AnyEvent]) -> None:
        pass

    def _send(self, flow: Flow, data: bytes) -> None:
        self.sent.append((flow, data))

    def _flow_to(self, transport: str, host: str, port: int, local: Address | None, *tls: str) -> Flow | None:
        return Flow(transport, self.address, (host, port)) if transport == "udp" else None

    def _stands(self, flow: Flow) -> bool:
        return flow.transport == "udp" or flow.connection in self._streams

    def _after(self) -> None:
        if self.errors:
            raise Escape(self.errors[0][-1500:])

    def datagram(self, data: bytes, source: Address) -> None:
        """One comes in, by the guard's leave."""
        now = self.clock.now()
        if self.guard.admit(source[0], now, source[1], data):
            self.core.receive(data, Flow("udp", HERE, source), now)
        self._after()

    def octets(self, data: bytes, flow: Flow) -> None:
        """Some come over a connection, which ends when they are no SIP."""
        now = self.clock.now()
        _, framer = self._streams.setdefault(flow.connection, (flow, StreamFramer()))
        try:
            for item in framer.feed(data):
                if not isinstance(item, KeepAlive):
                    self.core.receive(item, flow, now)
        except RemoteProtocolError as error:
            self.core.unframed(error, flow, now)
            self.lose(flow)
        self._after()

    def lose(self, flow: Flow) -> None:
        """The connection breaks."""
        self._streams.pop(flow.connection, None)
        self.core.flow_lost(flow, self.clock.now())

    def finish(self) -> dict[str, int]:
        """Bring all to its end; what is left then, which should be nothing."""
        for flow, _ in list(self._streams.values()):
            self.lose(flow)
        for call in list(self.core.calls.by_id):
            self.core.hang_up(call, self.clock.now())
        for _ in range(90):  # registrations expire, too
            self.clock.advance(100.0)
        self._after()
        core, endpoint = self.core, self.core.endpoint
        left = {
            "calls": core.calls.by_id,
            "dialogs": core.calls.by_tag,
            "media legs": core.calls.by_media,
            "leases": self.engine.legs,
            "servers": endpoint.servers,
            "clients": endpoint.clients,
            "digests": endpoint.digests,
            "merges": endpoint.merges,
            "unfinished": endpoint.unfinished,
            "bindings": core.registrar,
            "subscriptions": core.subscriptions,
            "streams": self._streams,
        }
        self.engine.log.clear()
        self.sent.clear()
        return {name: len(what) for name, what in left.items() if len(what)}


class Attacker:
    """Makes the inputs, seeded. It knows the passwords of the house."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.rng = random.Random(seed)
        self._numbers = itertools.count(1)
        self._connections = itertools.count(1)
        self._stream: Flow | None = None
        self._nonces: dict[str, tuple[str, int]] = {}

    def turn(self) -> None:
        """One input, and a moment passes."""
        rng = self.rng
        what = rng.random()
        if what < 0.35:
            self.house.datagram(mutate(rng.choice(CORPUS), rng), self.anywhere())
        elif what < 0.5:
            self.stream()
        elif what < 0.8:
            self.signed()
        else:
            self.answer()
        self.house.clock.advance(rng.choice((0.0, 0.0, 0.001, 0.01, 0.2, 1.0)))
        self.house._after()

    def anywhere(self) -> Address:
        """A stranger, a telephone of ours, or the carrier."""
        rng = self.rng
        if rng.random() < 0.5:
            return f"203.0.{rng.randrange(8)}.{rng.randrange(256)}", rng.choice((5060, 40000))
        return rng.choice((*PHONES.values(), CARRIER))

    def stream(self) -> None:
        """Octets over a connection, cut anywhere; now and then it breaks."""
        rng = self.rng
        if self._stream is None or self._stream.connection not in self.house._streams:
            self._stream = Flow("tcp", HERE, self.anywhere(), next(self._connections))
        data = mutate(rng.choice(CORPUS), rng) if rng.random() < 0.7 else rng.choice(CORPUS)
        flow = self._stream
        at = rng.randrange(len(data) + 1)
        for piece in (data[:at], data[at:]):
            if piece and (flow.connection in self.house._streams or piece is data[:at] or at == 0):
                self.house.octets(piece, flow)
        if rng.random() < 0.05 and flow.connection in self.house._streams:
            self.house.lose(flow)

    def signed(self) -> None:
        """A request with right credentials; what stands beside them is bent, mostly."""
        rng = self.rng
        name = rng.choice(tuple(PHONES))
        host, port = PHONES[name]
        method = rng.choice(("REGISTER", "INVITE", "INVITE", "SUBSCRIBE", "OPTIONS", "MESSAGE"))
        uri = f"sip:{REALM}" if method == "REGISTER" else f"sip:{rng.choice(DIALLED)}@{REALM}"
        number = next(self._numbers)
        body = SDP.format(n=number, host=host, port=4000, way="sendrecv") if method == "INVITE" else ""
        lines = [
            f"Max-Forwards: {rng.choice((70, 70, 70, 1))}",
            f"From: <sip:{NUMBERS[name]}@{REALM}>;tag=f{number}",
            f"To: <{uri}>" if method != "REGISTER" else f"To: <sip:{NUMBERS[name]}@{REALM}>",
            f"Call-ID: {number}@{host}",
            f"CSeq: {number % 1000 + 1} {method}",
            f"Contact: <sip:{name}@{host}:{port}>" + rng.choice(("", ";expires=60", ";expires=0", ";q=0.5")),
            rng.choice(("Supported: timer, 100rel, replaces", "Supported: timer", "Session-Expires: 90;refresher=uac")),
            *(["Content-Type: application/sdp"] if body else []),
            *(self.event() if method == "SUBSCRIBE" else ()),
            f"Content-Length: {len(body)}",
        ]
        rest = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        if rng.random() < 0.7:
            rest = mutate(rest, rng)
        head = f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{number}\r\n"
        proof = self.proof(name, method, uri)
        self.house.datagram(head.encode() + proof.encode() + rest, (host, port))

    def event(self) -> tuple[str, ...]:
        """What a SUBSCRIBE asks for."""
        rng = self.rng
        package = rng.choice(("dialog", "dialog", "presence", "message-summary", "dialog;id=3", "refer"))
        return f"Event: {package}", f"Expires: {rng.choice((0, 5, 60, 600, 600, 99999))}"

    def proof(self, name: str, method: str, uri: str) -> str:
        """The credentials' header line, by a nonce that may be used again."""
        nonce, count = self._nonces.get(name, ("", 0))
        if not nonce or count > 50 or self.rng.random() < 0.02:
            nonce, count = self.ask(name), 0
        count += 1
        self._nonces[name] = nonce, count

        def h(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        one, two = h(f"{name}:{REALM}:{SECRETS[name]}"), h(f"{method}:{uri}")
        response = h(f"{one}:{nonce}:{count:08x}:c:auth:{two}")
        header = "Authorization" if method in ("REGISTER", "SUBSCRIBE") else "Proxy-Authorization"
        return (
            f'{header}: Digest username="{name}", realm="{REALM}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc={count:08x}, cnonce="c"\r\n'
        )

    def ask(self, name: str) -> str:
        """A fresh nonce, out of a challenge."""
        host, port = PHONES[name]
        number = next(self._numbers)
        self.house.datagram(
            f"REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKn{number}\r\n"
            f"From: <sip:{name}@{REALM}>;tag=n{number}\r\nTo: <sip:{name}@{REALM}>\r\nCall-ID: n{number}\r\n"
            f"CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode(),
            (host, port),
        )
        found = re.search(rb'nonce="([^"]+)"', self.house.sent[-1][1])
        if found is None:
            raise Escape(f"no challenge: {self.house.sent[-1][1]!r}")
        return found[1].decode()

    def answer(self) -> None:
        """React to something that the exchange has sent: answer its request, or go on in the dialog; bent, or not."""
        if not self.house.sent:
            return
        rng = self.rng
        flow, data = rng.choice(self.house.sent)
        text = data.decode("utf-8", "replace")
        made = self.reply(text, flow) if not text.startswith("SIP/2.0") else self.follow(text, flow)
        if made:
            message = made.encode("utf-8", "replace")
            if rng.random() < 0.4:
                message = mutate(message, rng)
            if flow.transport == "udp":
                self.house.datagram(message, flow.remote)
            elif flow.connection in self.house._streams:
                self.house.octets(message, flow)

    def reply(self, text: str, flow: Flow) -> str:
        """An answer to a request of the exchange."""
        rng = self.rng
        if text.startswith("NOTIFY"):
            status = rng.choice((200, 200, 200, 200, 481, 500, 503, 404))
        else:
            status = rng.choice((100, 180, 183, 200, 200, 200, 302, 422, 486, 491, 500, 603))
        body = SDP.format(n=1, host=flow.remote[0], port=4000, way=rng.choice(("sendrecv", "sendonly", "inactive")))
        body = body if status in (183, 200) and " INVITE\r\n" in text else ""
        to = header(text, "To")
        return "\r\n".join(
            [
                f"SIP/2.0 {status} Whatever",
                *re.findall(r"(?m)^Via: [^\r]*", text),
                f"From: {header(text, 'From')}",
                f"To: {to}" if ";tag=" in to else f"To: {to};tag=p{rng.randrange(3)}",
                f"Call-ID: {header(text, 'Call-ID')}",
                f"CSeq: {header(text, 'CSeq')}",
                f"Contact: <sip:x@{flow.remote[0]}:{flow.remote[1]}>",
                *(["Require: 100rel", f"RSeq: {rng.randrange(1, 5)}"] if status in (180, 183) else []),
                *(["Content-Type: application/sdp"] if body else []),
                f"Content-Length: {len(body)}",
                "",
                body,
            ]
        )

    def follow(self, text: str, flow: Flow) -> str:
        """What a caller sends after an answer: ACK, and more within the dialog."""
        rng = self.rng
        cseq = header(text, "CSeq").split()
        target = re.search(r"(?m)^Contact: <([^>]*)>", text)
        if len(cseq) != 2 or not cseq[0].isdecimal():
            return ""
        method = rng.choice(("ACK", "ACK", "ACK", "BYE", "CANCEL", "INVITE", "UPDATE", "INFO", "PRACK", "REFER"))
        if " SUBSCRIBE" in text and rng.random() < 0.9:
            method = "SUBSCRIBE"
        number = cseq[0] if method in ("ACK", "CANCEL") else str(int(cseq[0]) + rng.randrange(1, 4))
        body = SDP.format(n=2, host=flow.remote[0], port=4002, way=rng.choice(("sendrecv", "sendonly")))
        body = body if method in ("INVITE", "UPDATE") else ""
        kind = "application/sdp"
        if method == "INFO" and rng.random() < 0.8:
            body, kind = f"Signal={rng.choice('0123456789*#')}\r\nDuration=100\r\n", "application/dtmf-relay"
        replaced = f"?Replaces={header(text, 'Call-ID').replace('@', '%40')}%3Bto-tag%3Dt0%3Bfrom-tag%3Df1"
        refer_to = f"<sip:{rng.choice(('101', '102', '600', '6695550199'))}@{REALM}{rng.choice(('', '', replaced))}>"
        via = next(iter(re.findall(r"(?m)^Via: ([^\r]*)", text)), "")
        if method != "CANCEL":
            via = re.sub("branch=[^;]*", f"branch=z9hG4bKf{next(self._numbers)}", via)
        uri = target[1] if target else f"sip:600@{REALM}"
        name = next((each for each, place in PHONES.items() if place == flow.remote), "alice")
        return "\r\n".join(
            [
                f"{method} {uri} SIP/2.0",
                f"Via: {via}",
                "Max-Forwards: 70",
                f"From: {header(text, 'From')}",
                f"To: {header(text, 'To')}",
                f"Call-ID: {header(text, 'Call-ID')}",
                f"CSeq: {number} {method}",
                f"Contact: <sip:x@{flow.remote[0]}:{flow.remote[1]}>",
                *([f"RAck: {rng.randrange(1, 3)} {cseq[0]} INVITE"] if method == "PRACK" else []),
                *([f"Refer-To: {refer_to}"] if method == "REFER" else []),
                *([*self.event(), self.proof(name, method, uri).strip()] if method == "SUBSCRIBE" else []),
                *([f"Content-Type: {kind}"] if body else []),
                f"Content-Length: {len(body)}",
                "",
                body,
            ]
        )


def header(text: str, name: str) -> str:
    """The value of a header that the exchange has written."""
    found = re.search(rf"(?m)^{name}: ([^\r]*)", text)
    return found[1] if found else ""


def resident_mib() -> float:
    """What this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


class Memory:
    """Readings at the checkpoints."""

    def __init__(self) -> None:
        self.readings: list[float] = []

    def read(self) -> None:
        """One more."""
        gc.collect()
        self.readings.append(resident_mib())

    def check(self) -> None:
        """Raises Escape when it has grown since the third."""
        if len(self.readings) > 3 and self.readings[-1] - self.readings[2] > GROWTH_MIB:
            raise Escape(f"memory grows: {' '.join(f'{each:.0f}' for each in self.readings)} MiB")


def fuzz_core(count: int, seed: int) -> tuple[list[float], list[str]]:
    """`count` inputs; resident MiB at the checkpoints, and what went wrong: at most one line, since it ends there."""
    house = House(Network(VirtualClock()))
    attacker, memory = Attacker(house, seed), Memory()
    step = max(1, count // CHECKPOINTS)
    number = 0
    try:
        for number in range(1, count + 1):
            attacker.turn()
            if number % step == 0:
                left = house.finish()
                if left:
                    raise Escape(f"left when all is over: {left}")
                memory.read()
                memory.check()
    except Exception as error:
        return memory.readings, [f"core, input {number}, seed {seed}: {type(error).__name__}: {error}"]
    return memory.readings, []


def packets(rng: random.Random) -> Iterable[bytes]:
    """RTP, RTCP, STUN and rubbish without end, bent more often than not."""
    for number in itertools.count():
        rtp = bytes((0x80, rng.choice((0, 8, 101, 13)))) + (number & 0xFFFF).to_bytes(2, "big")
        rtp += (number * 160 & 0xFFFFFFFF).to_bytes(4, "big") + b"\x00\x00\x12\x34" + bytes(160)
        plain = rng.choice((rtp, rtp, rtp[:12], bytes((0x81, 200)) + bytes(26), b"\x00\x01\x00\x08\x21\x12\xa4\x42"))
        yield mutate(plain, rng)[:2000] if rng.random() < 0.7 else plain


def fuzz_relay(count: int, seed: int) -> tuple[list[float], list[str]]:
    """`count` packets at the ports of a bridge and of an echo, from the right address and from others."""
    rng, memory = random.Random(seed), Memory()
    first = free_ports(16)
    engine = LocalEngine(first_port=first, last_port=first + 15, rest_s=0.0)
    now = 100.0
    engine.run(now)
    phones = [Phone(), Phone(), Phone(), Phone("127.0.0.9")]
    number = 0
    try:
        leases = [engine.lease() for _ in range(3)]
        for phone, lease in zip(phones, leases, strict=False):
            assert lease is not None
            phone.lease = lease
            engine.open(lease, 0.0)
            engine.update(lease.leg, phone.remote())
        given = [lease for lease in leases if lease is not None]
        engine.bridge(given[0].leg, given[1].leg)
        engine.play(given[2].leg, Tune(("echo",)))
        step = max(1, count // CHECKPOINTS)
        for number, data in zip(range(1, count + 1), packets(rng), strict=False):
            phone, lease = rng.choice(phones), rng.choice(given)
            sock = rng.choice((phone.rtp, phone.rtp, phone.rtcp))
            sock.sendto(data, ("127.0.0.1", lease.port + rng.choice((0, 0, 0, 1))))
            if number % 64 == 0:
                now += 0.02
                engine.run(now)
                for each in phones:
                    each.heard()
                    each.heard(rtcp=True)
            if number % step == 0:
                memory.read()
                memory.check()
    except Exception as error:
        return memory.readings, [f"relay, packet {number}, seed {seed}: {type(error).__name__}: {error}"]
    finally:
        engine.shut()
        for phone in phones:
            phone.rtp.close()
            phone.rtcp.close()
    return memory.readings, []
