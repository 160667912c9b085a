"""A telephone of text and sockets: no line of the exchange's code in it, so that a bug of both ends cannot hide.

It answers nothing by itself but repeats nothing either: on the loopback nothing is lost. What the exchange repeats, as
it must when a busy test has not answered for half a second, is the same octets again and is passed over. Sound is PCMU,
sent and received as RTP packets that the test can count.
"""

from __future__ import annotations

import hashlib
import os
import re
import select
import socket
import struct
import time
from collections.abc import Iterable

from tests.e2e.kit.house import PATIENCE, House, secret

HASHES = {"MD5": "md5", "SHA-256": "sha256"}


class Text:
    """One message, cut at its line ends and nothing else."""

    def __init__(self, data: bytes) -> None:
        self.text = data.decode("utf-8", "replace")
        head, _, self.body = self.text.partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        """Of a request, or that a response answers."""
        return self.get("CSeq").split()[-1] if self.status else self.start.split(" ")[0]

    @property
    def uri(self) -> str:
        """The Request-URI."""
        return self.start.split(" ")[1]

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for each, value in self.headers if each.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The first value of a header; empty when there is none."""
        return next(iter(self.all(name)), "")

    @property
    def contact(self) -> str:
        """The URI in Contact."""
        found = re.search(r"<([^>]+)>", self.get("Contact"))
        return found[1] if found else ""

    @property
    def audio(self) -> tuple[str, int]:
        """Where the description wants its sound."""
        address = re.search(r"^c=IN IP4 (\S+)", self.body, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        assert address is not None
        assert port is not None, self.text
        return address[1], int(port[1])

    @property
    def way(self) -> str:
        """The direction in the description; sendrecv where it says none."""
        found = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\r?$", self.body, re.MULTILINE)
        return found[1] if found else "sendrecv"

    def __repr__(self) -> str:
        return self.start


class WirePhone:
    """One line's telephone at `address`; what its description names as its sound's address is `says`."""

    def __init__(self, house: House, line: str, address: str = "127.0.0.1", *, says: str = "") -> None:
        self.house, self.line, self.user = house, line, f"{line}-phone"
        self.server = ("127.0.0.1", house.sip)
        self.inbox: list[Text] = []
        self.seen: list[Text] = []
        self._known: set[bytes] = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((address, 0))
        self.rtp.setblocking(False)
        self.host, self.port = self.socket.getsockname()
        self.says = says or address
        self.contact = f"sip:{line}@{says or address}:{self.port}"
        self._sent = 0
        self._ssrc = struct.unpack("!I", os.urandom(4))[0]

    def __enter__(self) -> WirePhone:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.rtp.close()

    # -- SIP ----------------------------------------------------------------------------------------------------

    def send(self, start: str, lines: Iterable[str], body: str = "") -> None:
        """One message."""
        kind = ["Content-Type: application/sdp"] if body else []
        head = "\r\n".join([start, *lines, *kind, f"Content-Length: {len(body)}"])
        self.socket.sendto(f"{head}\r\n\r\n{body}".encode(), self.server)

    def _receive(self, left: float) -> None:
        """Take what comes within so many seconds into the inbox, unless it is a copy of what has come before."""
        if not select.select([self.socket], [], [], left)[0]:
            return
        data = self.socket.recv(65536)
        if data not in self._known:
            self._known.add(data)
            text = Text(data)
            self.seen.append(text)
            self.inbox.append(text)

    def wait(self, kind: str | int, seconds: float = 5.0, method: str = "", call_id: str = "") -> Text:
        """The next request of that method, or response of that status (or class, as in 2), of that Call-ID if one is
        named; provisional 100s pass by."""
        deadline = time.monotonic() + seconds * PATIENCE

        def fits(text: Text) -> bool:
            if call_id not in ("", text.get("Call-ID")):
                return False
            if isinstance(kind, str):
                return not text.status and text.method == kind
            return bool(text.status) and kind in (text.status, text.status // 100) and method in ("", text.method)

        while True:
            for text in self.inbox:
                if fits(text):
                    self.inbox.remove(text)
                    return text
            left = deadline - time.monotonic()
            assert left > 0, f"{self.line} waited in vain for {kind} {method}; there were {self.seen}"
            self._receive(left)

    def nothing_more(self, seconds: float) -> list[Text]:
        """What comes within that time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._receive(left)
        found = list(self.inbox)
        self.inbox.clear()
        return found

    def describe(self, way: str = "sendrecv", version: int = 1) -> str:
        """Our session description."""
        return (
            f"v=0\r\no=wire 1 {version} IN IP4 {self.says}\r\ns=-\r\nc=IN IP4 {self.says}\r\nt=0 0\r\n"
            f"m=audio {self.rtp.getsockname()[1]} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na={way}\r\n"
        )

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str = "",
        body: str = "",
        more: Iterable[str] = (),
        session: Session | None = None,
    ) -> Session:
        """Send a request, with the password when asked for one; the Session holds its final answer in `last`."""
        session = session or Session(self, uri, to or f"<{uri}>")
        session.cseq += 1
        session.send(method, uri, body, more)
        answer = session.final(method)
        if answer.status in (401, 407):
            if method == "INVITE":
                session.send("ACK", uri, cseq_method="ACK", to=answer.get("To"))
            session.cseq += 1
            session.send(method, uri, body, [*more, self._credentials(answer, method, uri)])
            answer = session.final(method) if method != "INVITE" else answer
        session.last = answer
        return session

    def _credentials(self, answer: Text, method: str, uri: str) -> str:
        proxy = answer.status == 407
        challenge = answer.get("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        given = {name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}
        algorithm = given.get("algorithm", "MD5")

        def digest(text: str) -> str:
            return hashlib.new(HASHES[algorithm], text.encode()).hexdigest()

        ha1 = digest(f"{self.user}:{given['realm']}:{secret(self.line)}")
        proof = digest(f"{ha1}:{given['nonce']}:00000001:c0ffee:auth:{digest(f'{method}:{uri}')}")
        return (
            f'{"Proxy-" if proxy else ""}Authorization: Digest username="{self.user}", realm="{given["realm"]}",'
            f' nonce="{given["nonce"]}", uri="{uri}", response="{proof}", algorithm={algorithm},'
            ' qop=auth, nc=00000001, cnonce="c0ffee"'
        )

    def register(self, expires: int = 300) -> Text:
        """REGISTER with the password; the final answer."""
        uri = f"sip:127.0.0.1:{self.house.sip}"
        session = self.request("REGISTER", uri, to=f"<sip:{self.line}@127.0.0.1>", more=[f"Expires: {expires}"])
        return session.last

    def invite(self, number: str, body: str | None = None) -> Session:
        """INVITE with the password; what comes of it is for the test to wait for."""
        uri = f"sip:{number}@127.0.0.1:{self.house.sip}"
        return self.request("INVITE", uri, body=self.describe() if body is None else body)

    def answer(self, request: Text, status: int, reason: str = "OK", body: str = "") -> None:
        """Answer a request that came in."""
        to = request.get("To")
        lines = [f"Via: {via}" for via in request.all("Via")]
        lines += [f"From: {request.get('From')}", f"To: {to if ';tag=' in to or status == 100 else to + ';tag=w1'}"]
        lines += [f"Call-ID: {request.get('Call-ID')}", f"CSeq: {request.get('CSeq')}", f"Contact: <{self.contact}>"]
        self.send(f"SIP/2.0 {status} {reason}", lines, body)

    # -- sound --------------------------------------------------------------------------------------------------

    def talk(self, to: tuple[str, int], seconds: float) -> list[bytes]:
        """Send a packet of sound each 20 ms for so long; the packets that came meanwhile."""
        heard: list[bytes] = []
        begin = time.monotonic()
        for number in range(int(seconds * 50)):
            self._sent += 1
            head = struct.pack("!BBHII", 0x80, 0, self._sent & 0xFFFF, self._sent * 160 & 0xFFFFFFFF, self._ssrc)
            self.rtp.sendto(head + bytes([number & 0x7F]) * 160, to)
            time.sleep(max(0.0, begin + (number + 1) * 0.02 - time.monotonic()))
            heard += self.heard()
        return heard

    def hear(self, packets: int, seconds: float = 2.0) -> list[bytes]:
        """The RTP packets that come, until there are so many or the time is over, with all patience."""
        heard = self.heard()
        deadline = time.monotonic() + seconds * PATIENCE
        while len(heard) < packets and (left := deadline - time.monotonic()) > 0:
            select.select([self.rtp], [], [], left)
            heard += self.heard()
        return heard

    def heard(self) -> list[bytes]:
        """The RTP packets that wait."""
        found = []
        while True:
            try:
                found.append(self.rtp.recv(2048))
            except BlockingIOError:
                return found


class Session:
    """What the requests of one dialog share."""

    def __init__(self, phone: WirePhone, uri: str, to: str) -> None:
        self.phone, self.uri, self.to = phone, uri, to
        self.call_id = os.urandom(8).hex()
        self.tag = os.urandom(4).hex()
        self.cseq = 0
        self.branch = ""
        self.last: Text = Text(b"SIP/2.0 100 Trying\r\n\r\n")

    def send(
        self, method: str, uri: str, body: str = "", more: Iterable[str] = (), cseq_method: str = "", to: str = ""
    ) -> None:
        """One request. ACK to a refusal and CANCEL keep the branch."""
        phone = self.phone
        if not (cseq_method and self.branch):
            self.branch = "z9hG4bK" + os.urandom(8).hex()
        via = f"Via: SIP/2.0/UDP {phone.says}:{phone.port};branch={self.branch};rport"
        lines = [via, "Max-Forwards: 70", f"From: <sip:{phone.line}@127.0.0.1>;tag={self.tag}", f"To: {to or self.to}"]
        lines += [f"Call-ID: {self.call_id}", f"CSeq: {self.cseq} {method}", f"Contact: <{phone.contact}>", *more]
        phone.send(f"{method} {uri} SIP/2.0", lines, body)

    def cancel(self) -> None:
        """CANCEL the INVITE."""
        self.send("CANCEL", self.uri, cseq_method="CANCEL")

    def answered(self, seconds: float = 5.0) -> Text:
        """Wait for the 200 and acknowledge it."""
        answer = self.phone.wait(200, seconds, "INVITE", self.call_id)
        self.to, self.uri = answer.get("To"), answer.contact
        self.send("ACK", self.uri)
        return answer

    def refused(self, seconds: float = 5.0) -> Text:
        """Wait for a refusal (the one with the password apart) and acknowledge it."""
        answer = self.final("INVITE", seconds)
        assert answer.status >= 300, answer
        self.send("ACK", self.uri, cseq_method="ACK", to=answer.get("To"))
        return answer

    def final(self, method: str, seconds: float = 10.0) -> Text:
        """The next final answer to a request of this dialog."""
        deadline = time.monotonic() + seconds * PATIENCE
        phone = self.phone
        while True:
            for text in phone.inbox:
                if text.status >= 200 and text.method == method and text.get("Call-ID") == self.call_id:
                    phone.inbox.remove(text)
                    return text
            left = deadline - time.monotonic()
            assert left > 0, f"{phone.line}: no answer to {method}; there were {phone.seen}"
            phone._receive(left)

    def hang_up(self) -> Text:
        """BYE, and its answer."""
        self.cseq += 1
        self.send("BYE", self.uri)
        return self.final("BYE")
