"""A telephone scripted from text: it shares no line of code with the exchange, so that no bug of both can hide.

It repeats nothing and answers nothing by itself: each test says what it sends and looks at what has come.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable

from switch.sip.flow import Address, Flow
from tests.support.network import Host, Network

EXCHANGE = ("192.0.2.10", 5060)
DOMAIN = "pbx.example.com"


def describe(
    address: str, port: int = 4000, way: str = "sendrecv", version: int = 1, formats: str = "", more: str = ""
) -> str:
    """A session description with one audio stream; `more` is put behind it. Each version after the first changes the
    codec, so that as a new offer it concerns the other side, too; `formats` says otherwise."""
    formats = formats or changing(version)
    family = "IP6" if ":" in address else "IP4"
    lines = [
        "v=0",
        f"o=phone 77 {version} IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP {formats}",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        f"a={way}",
    ]
    return "\r\n".join(lines) + "\r\n" + more


FORMATS = "0 8 101"


def changing(version: int) -> str:
    """The formats of a far end that changes its mind with each description."""
    return FORMATS if version == 1 else ("8 101", "0 101")[version % 2]


VIDEO = "m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
T38 = (
    "v=0\r\no=phone 77 9 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\n"
    "m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\n"
)


class Text:
    """One message as text, cut at its line breaks and nothing else."""

    def __init__(self, data: bytes, flow: Flow) -> None:
        head, _, self.body = data.decode("utf-8", "surrogateescape").partition("\r\n\r\n")
        self.flow = flow
        self.start, *lines = head.split("\r\n")
        self.headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    @property
    def kind(self) -> str:
        """The method or the status."""
        words = self.start.split(" ")
        return words[1] if words[0] == "SIP/2.0" else words[0]

    @property
    def uri(self) -> str:
        """The Request-URI."""
        return self.start.split(" ")[1]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The first value of a header, empty when there is none."""
        return next(iter(self.all(name)), "")

    def tag(self, name: str) -> str:
        """The tag of From or To."""
        found = re.search(r";tag=([^;>\s]+)", self.get(name))
        return found[1] if found else ""

    @property
    def contact(self) -> str:
        """The URI in Contact."""
        found = re.search(r"<([^>]+)>", self.get("Contact"))
        return found[1] if found else ""

    @property
    def audio_port(self) -> int:
        """The port in the first audio line of the body; -1 without."""
        found = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        return int(found[1]) if found else -1

    def __repr__(self) -> str:
        return self.start


class RawPhone:
    """One address on the network. `inbox` holds what has come and was not taken yet."""

    def __init__(
        self,
        network: Network,
        user: str,
        address: Address,
        *,
        transport: str = "udp",
        secret: str = "",
        exchange: Address = EXCHANGE,
    ) -> None:
        self.network = network
        self.user = user
        self.address = address
        self.secret = secret
        self.inbox: list[Text] = []
        self.seen: list[Text] = []
        self.broken = 0
        self._numbers = itertools.count(1)
        self._name = address[0].replace(".", "-")
        self.host: Host = network.attach(address, self._deliver, self._lost)
        self.flow = self.host.flow_to(exchange, transport)
        self.transport = transport
        self.quiet: set[str] = set()
        """Kinds that are not kept in the inbox."""

    # -- the wire -----------------------------------------------------------------------------------------------

    def send(self, text: str | bytes, flow: Flow | None = None) -> None:
        """Send as it is."""
        self.network.send(flow or self.flow, text.encode() if isinstance(text, str) else text)

    def take(self, kind: str | int) -> Text:
        """The oldest message of that method or status, taken out. Everything before it stays."""
        for message in self.inbox:
            if message.kind == str(kind):
                self.inbox.remove(message)
                return message
        raise AssertionError(f"{self.user}: no {kind} among {self.inbox}")

    def has(self, kind: str | int) -> bool:
        """Whether such a message is there."""
        return any(message.kind == str(kind) for message in self.inbox)

    def count(self, kind: str | int) -> int:
        """How many such messages ever came."""
        return sum(1 for message in self.seen if message.kind == str(kind))

    def reconnect(self) -> None:
        """Open a new connection."""
        self.flow = self.host.flow_to(EXCHANGE, self.transport)

    def _deliver(self, data: bytes, flow: Flow, now: float) -> None:
        message = Text(data, flow)
        self.seen.append(message)
        if message.kind not in self.quiet:
            self.inbox.append(message)

    def _lost(self, flow: Flow, now: float) -> None:
        self.broken += 1

    # -- writing ------------------------------------------------------------------------------------------------

    def token(self) -> str:
        """Something new."""
        return f"r{self._name}-{next(self._numbers)}"

    def via(self, branch: str = "") -> str:
        """A Via value."""
        host, port = self.address
        host = f"[{host}]" if ":" in host else host
        return f"SIP/2.0/{self.transport.upper()} {host}:{port};branch={branch or 'z9hG4bK' + self.token()};rport"

    def contact(self) -> str:
        """Our Contact value."""
        host, port = self.address
        host = f"[{host}]" if ":" in host else host
        return f"<sip:{self.user}@{host}:{port}{'' if self.transport == 'udp' else f';transport={self.transport}'}>"

    def request(self, method: str, uri: str, headers: list[str], body: str = "") -> str:
        """Send a request; `headers` are complete but for Content-Length. Returns the text, to be sent again."""
        if body and not any(line.lower().startswith("content-type") for line in headers):
            headers = [*headers, "Content-Type: application/sdp"]
        length = len(body.encode())
        text = "\r\n".join([f"{method} {uri} SIP/2.0", *headers, f"Content-Length: {length}", "", body])
        self.send(text)
        return text

    def reply(self, to: Text, status: int, body: str = "", tag: str = "", headers: tuple[str, ...] = ()) -> str:
        """Answer a request. Returns the text."""
        lines = [f"SIP/2.0 {status} Whatever"]
        lines += [f"Via: {value}" for value in to.all("Via")]
        lines += [f"Record-Route: {value}" for value in to.all("Record-Route")]
        lines.append(f"From: {to.get('From')}")
        lines.append(f"To: {to.get('To')}" + (f";tag={tag}" if tag and not to.tag("To") else ""))
        lines += [f"Call-ID: {to.get('Call-ID')}", f"CSeq: {to.get('CSeq')}"]
        if not any(line.startswith("Contact") for line in headers):
            lines.append(f"Contact: {self.contact()}")
        lines += headers
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body.encode())}")
        text = "\r\n".join([*lines, "", body])
        self.send(text, to.flow)
        return text

    # -- longer moves -------------------------------------------------------------------------------------------

    def outside(self, method: str, uri: str, headers: tuple[str, ...] = (), body: str = "", cseq: int = 1) -> str:
        """A request outside any dialog."""
        lines = [
            f"Via: {self.via()}",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@{DOMAIN}>;tag={self.token()}",
            f"To: <{uri}>",
            f"Call-ID: {self.token()}",
            f"CSeq: {cseq} {method}",
            f"Contact: {self.contact()}",
            *headers,
        ]
        return self.request(method, uri, lines, body)

    def digest(self, challenge: str, method: str, uri: str, nc: int = 1, secret: str | None = None) -> str:
        """Credentials by RFC 7616, worked out by hand."""
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        name = {"MD5": "md5", "SHA-256": "sha256"}[fields["algorithm"]]

        def h(text: str) -> str:
            return hashlib.new(name, text.encode()).hexdigest()

        secret = self.secret if secret is None else secret
        count, cnonce = f"{nc:08x}", "c0ffee"
        one, two = h(f"{self.user}:{fields['realm']}:{secret}"), h(f"{method}:{uri}")
        proof = h(f"{one}:{fields['nonce']}:{count}:{cnonce}:auth:{two}")
        return (
            f'Digest username="{self.user}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
            f'response="{proof}", algorithm={fields["algorithm"]}, qop=auth, nc={count}, cnonce="{cnonce}"'
        )

    def challenge_in(self, message: Text, algorithm: str = "MD5") -> str:
        """The challenge for that algorithm."""
        name = "WWW-Authenticate" if message.kind == "401" else "Proxy-Authenticate"
        return next(value for value in message.all(name) if f"algorithm={algorithm}" in value)


class RawDialog:
    """A dialog kept by hand, for either side."""

    def __init__(self, phone: RawPhone, call_id: str, local: str, remote: str, target: str, cseq: int) -> None:
        self.phone = phone
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.cseq = cseq
        self.routes: list[str] = []
        self.branch = ""
        self.invite = ""

    @classmethod
    def call(
        cls, phone: RawPhone, number: str, body: str = "", headers: tuple[str, ...] = (), max_forwards: int = 70
    ) -> RawDialog:
        """Send an INVITE."""
        uri = number if ":" in number else f"sip:{number}@{DOMAIN}"
        local = f"<sip:{phone.user}@{DOMAIN}>;tag={phone.token()}"
        made = cls(phone, phone.token() + "@" + phone.address[0], local, f"<{uri}>", uri, 0)
        made.max_forwards = max_forwards
        made.invite = made.request("INVITE", body, headers)
        return made

    max_forwards = 70

    @classmethod
    def authenticated(
        cls,
        phone: RawPhone,
        number: str,
        wait: Callable[[float], None],
        body: str | None = None,
        headers: tuple[str, ...] = (),
        max_forwards: int = 70,
    ) -> RawDialog:
        """Send an INVITE, meet the challenge, send it again. `wait` lets the answer come; body "" is no offer."""
        body = describe(phone.address[0]) if body is None else body
        made = cls.call(phone, number, body, headers, max_forwards)
        wait(0.05)
        challenged = phone.take(407)
        made.ack_refusal(challenged)
        proof = phone.digest(phone.challenge_in(challenged), "INVITE", made.target)
        made.invite = made.request("INVITE", body, (f"Proxy-Authorization: {proof}", *headers))
        return made

    @classmethod
    def of_invite(cls, phone: RawPhone, invite: Text, tag: str) -> RawDialog:
        """The called side of an INVITE that came."""
        made = cls(
            phone, invite.get("Call-ID"), f"{invite.get('To')};tag={tag}", invite.get("From"), invite.contact, 100
        )
        made.routes = invite.all("Record-Route")
        return made

    def take_answer(self, message: Text) -> None:
        """Remember what a 2xx says of the far end."""
        self.remote = message.get("To")
        self.target = message.contact
        self.routes = list(reversed(message.all("Record-Route")))

    def request(
        self, method: str, body: str = "", headers: tuple[str, ...] = (), branch: str = "", cseq: int | None = None
    ) -> str:
        """Send a request in the dialog."""
        if cseq is None:
            if method not in ("ACK", "CANCEL"):
                self.cseq += 1
            cseq = self.cseq
        branch = branch or "z9hG4bK" + self.phone.token()
        if method == "INVITE":
            self.branch = branch
        lines = [f"Via: {self.phone.via(branch)}", f"Max-Forwards: {self.max_forwards}"]
        lines += [f"Route: {route}" for route in self.routes]
        lines += [
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: {self.phone.contact()}",
            *headers,
        ]
        return self.phone.request(method, self.target, lines, body)

    def ack(self, body: str = "", cseq: int | None = None) -> str:
        """ACK a 2xx."""
        return self.request("ACK", body, cseq=cseq)

    def ack_refusal(self, message: Text) -> str:
        """ACK a refusal: the INVITE's own branch."""
        keep, self.remote = self.remote, message.get("To")
        text = self.request("ACK", branch=self.branch)
        self.remote = keep
        return text

    def cancel(self, headers: tuple[str, ...] = ()) -> str:
        """CANCEL the INVITE."""
        return self.request("CANCEL", branch=self.branch, headers=headers)
