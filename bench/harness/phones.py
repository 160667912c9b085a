"""Telephones that know a password: they register, or call and answer a 407. A program of its own, on the load's core.

    python -P bench/harness/phones.py register|call --target HOST:PORT --rate R --count N [--accounts FILE] ...

SIPp cannot be used for these: it reads the first challenge only and refuses when that is SHA-256, which RFC 8760 wants
offered first. This one takes the first challenge whatever it is. Written from raw text, none of Ringplan's code in it.
Prints one JSON object: made, good, failed, resent, mean_ms (first request to last answer, or to the 200 of the INVITE).
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import json
import re
import select
import socket
import time
from collections.abc import Generator
from pathlib import Path

PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
HASHES = {"MD5": "md5", "SHA-256": "sha256"}
GIVE_UP_S = 10.0
SDP = """v=0
o=caller 1 1 IN IP4 {host}
s=-
c=IN IP4 {host}
t=0 0
m=audio 16000 RTP/AVP 8 0 101
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
"""

Step = tuple[str, float, str]
"""What a script asks for: (request, its CSeq, message), (send, 0, message) or (sleep, seconds, nothing)."""
Script = Generator[Step, str, bool]


class Account:
    """Who speaks, from where, to whom."""

    __slots__ = ("host", "password", "port", "target", "user")

    def __init__(self, host: str, port: int, user: str, password: str, target: tuple[str, int]) -> None:
        self.host, self.port, self.user, self.password, self.target = host, port, user, password, target

    def message(self, method: str, uri: str, tag: str, to: str, cseq: int, more: list[str], body: str = "") -> str:
        """One request; `tag` names the session in branch, tag and Call-ID."""
        server = f"{self.target[0]}:{self.target[1]}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK-{tag}-{cseq}{method[0]}",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@{server}>;tag=f{tag}",
            f"To: {to}",
            f"Call-ID: {tag}@{self.host}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@{self.host}:{self.port}>",
            "User-Agent: bench",
            *more,
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines) + "\r\n\r\n" + body

    def credentials(self, answer: str, method: str, uri: str) -> str:
        """The answer to the first challenge of a 401 or 407 (RFC 7616)."""
        kind, challenge = re.findall(r"(?mi)^(WWW|Proxy)-Authenticate:\s*Digest\s+(.*?)\r?$", answer)[0]
        given = {name: quoted or bare for name, quoted, bare in PARAMETER.findall(challenge)}
        algorithm = given.get("algorithm", "MD5")

        def digest(text: str) -> str:
            return hashlib.new(HASHES[algorithm.upper()], text.encode()).hexdigest()

        one = digest(f"{self.user}:{given['realm']}:{self.password}")
        two = digest(f"{method}:{uri}")
        more = ""
        middle = given["nonce"]
        if "qop" in given:
            middle += ":00000001:0a4f113b:auth"
            more = ', qop=auth, nc=00000001, cnonce="0a4f113b"'
        header = "Authorization" if kind.lower() == "www" else "Proxy-Authorization"
        return (
            f'{header}: Digest username="{self.user}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
            f'uri="{uri}", response="{digest(f"{one}:{middle}:{two}")}", algorithm={algorithm}{more}'
            + (f', opaque="{given["opaque"]}"' if "opaque" in given else "")
        )


def status(answer: str) -> int:
    """The three digits."""
    return int(answer[8:11])


def header(answer: str, name: str) -> str:
    """The value of the first such line."""
    return re.search(rf"(?mi)^{name}:\s*(.*?)\r?$", answer)[1]  # type: ignore[index]


def registration(me: Account, tag: str) -> Script:
    """REGISTER, 401, REGISTER, 200."""
    uri = f"sip:{me.target[0]}:{me.target[1]}"
    to = f"<sip:{me.user}@{me.target[0]}:{me.target[1]}>"
    answer = yield "request", 1, me.message("REGISTER", uri, tag, to, 1, ["Expires: 3600"])
    if status(answer) == 401:
        more = [me.credentials(answer, "REGISTER", uri), "Expires: 3600"]
        answer = yield "request", 2, me.message("REGISTER", uri, tag, to, 2, more)
    return status(answer) == 200


def call(me: Account, tag: str, number: str, hold_s: float) -> Script:
    """INVITE, 407, ACK, INVITE, 100, 180, 200, ACK, BYE, 200."""
    uri = f"sip:{number}@{me.target[0]}:{me.target[1]}"
    sdp = SDP.format(host=me.host).replace("\n", "\r\n")
    answer = yield "request", 1, me.message("INVITE", uri, tag, f"<{uri}>", 1, [], sdp)
    if status(answer) != 407:
        return False
    yield "send", 0, me.message("ACK", uri, tag, header(answer, "To"), 1, []).replace("-1A\r\n", "-1I\r\n", 1)
    more = [me.credentials(answer, "INVITE", uri)]
    answer = yield "request", 2, me.message("INVITE", uri, tag, f"<{uri}>", 2, more, sdp)
    to = header(answer, "To")
    if status(answer) != 200:
        yield "send", 0, me.message("ACK", uri, tag, to, 2, []).replace("-2A\r\n", "-2I\r\n", 1)
        return False
    contact = re.search(r"sip:[^>]*", header(answer, "Contact"))[0]  # type: ignore[index]
    routes = [f"Route: {value}" for value in re.findall(r"(?mi)^Record-Route:\s*(.*?)\r?$", answer)][::-1]
    yield "send", 0, me.message("ACK", contact, tag, to, 2, routes)
    yield "sleep", hold_s, ""
    answer = yield "request", 3, me.message("BYE", contact, tag, to, 3, routes)
    return status(answer) == 200


class Session:
    """One script that runs: what it waits for, and when to send again."""

    __slots__ = ("began", "cseq", "data", "due", "first_s", "script", "sock", "target", "wait_s")

    def __init__(self, script: Script, sock: socket.socket, target: tuple[str, int]) -> None:
        self.script, self.sock, self.target = script, sock, target
        self.began = time.monotonic()
        self.cseq = 0
        self.data = b""
        self.due = 0.0
        self.wait_s = 0.5
        self.first_s = 0.0
        """How long until the answer that counts."""


class Load:
    """All sessions, one loop, no tasks."""

    def __init__(self, give_up_s: float) -> None:
        self.give_up_s = give_up_s
        self.sessions: dict[str, Session] = {}
        self.timers: list[tuple[float, str, float]] = []
        self.good = self.failed = self.resent = 0
        self.times: list[float] = []

    def begin(self, tag: str, session: Session) -> None:
        """Run the script to its first wait."""
        self.sessions[tag] = session
        self.advance(tag, session, None)

    def advance(self, tag: str, session: Session, answer: str | None) -> None:
        """Give the script what it waited for, and do what it asks for next."""
        now = time.monotonic()
        try:
            kind, value, text = session.script.send(answer) if answer is not None else next(session.script)
            while kind == "send":
                session.sock.sendto(text.encode(), session.target)
                kind, value, text = next(session.script)
        except StopIteration as end:
            del self.sessions[tag]
            self.times.append(session.first_s or now - session.began)
            if end.value:
                self.good += 1
            else:
                self.failed += 1
            return
        except (TypeError, LookupError):  # an answer without what a telephone needs
            del self.sessions[tag]
            self.failed += 1
            return
        if kind == "sleep":
            session.first_s = now - session.began
            session.cseq, session.data, session.due = 0, b"", now + value
        else:
            session.cseq, session.data, session.wait_s = int(value), text.encode(), 0.5
            session.due = now + session.wait_s
            session.sock.sendto(session.data, session.target)
        heapq.heappush(self.timers, (session.due, tag, session.due))

    def receive(self, data: bytes) -> None:
        """An answer, to the session that its Call-ID names; provisional ones only stop the retransmission."""
        answer = data.decode(errors="replace")
        if not answer.startswith("SIP/2.0 "):
            return
        session = self.sessions.get(tag := header(answer, "Call-ID").partition("@")[0])
        if session is None or int(header(answer, "CSeq").split()[0]) != session.cseq:
            return
        if status(answer) < 200:
            session.due = session.began + self.give_up_s
            heapq.heappush(self.timers, (session.due, tag, session.due))
            return
        self.advance(tag, session, answer)

    def run_timers(self, now: float) -> None:
        """Send again, wake up, or give up."""
        while self.timers and self.timers[0][0] <= now:
            _, tag, due = heapq.heappop(self.timers)
            session = self.sessions.get(tag)
            if session is None or session.due != due:
                continue
            if not session.data:
                self.advance(tag, session, None)
            elif now - session.began > self.give_up_s:
                del self.sessions[tag]
                self.failed += 1
            else:
                session.sock.sendto(session.data, session.target)
                self.resent += 1
                session.wait_s = min(session.wait_s * 2, 4.0)
                session.due = now + session.wait_s
                heapq.heappush(self.timers, (session.due, tag, session.due))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["register", "call"])
    parser.add_argument("--target", required=True)
    parser.add_argument("--accounts", type=Path, required=True, help="lines of: address user password")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--number", default="101")
    parser.add_argument("--hold", type=float, default=0.1)
    parser.add_argument("--give-up", type=float, default=GIVE_UP_S, help="seconds until a session has failed")
    options = parser.parse_args()
    host, _, port = options.target.partition(":")
    target = (host, int(port))
    rows = [line.split() for line in options.accounts.read_text().splitlines()]
    socks: dict[str, socket.socket] = {}
    poll = select.epoll()
    by_fd = {}
    for address in {row[0] for row in rows}:
        sock = socks[address] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        sock.bind((address, options.port))
        sock.setblocking(False)
        poll.register(sock.fileno(), select.EPOLLIN)
        by_fd[sock.fileno()] = sock
    load = Load(options.give_up)
    seed = f"{time.time_ns():x}"
    began = time.monotonic()
    made = 0
    while made < options.count or load.sessions:
        now = time.monotonic()
        while made < options.count and began + made / options.rate <= now:
            address, user, password = rows[made % len(rows)]
            me = Account(address, options.port, user, password, target)
            tag = f"{seed}{made}"
            script = (
                registration(me, tag) if options.what == "register" else call(me, tag, options.number, options.hold)
            )
            load.begin(tag, Session(script, socks[address], target))
            made += 1
        load.run_timers(now)
        for fd, _ in poll.poll(0.001):
            try:
                while True:
                    load.receive(by_fd[fd].recv(65535))
            except BlockingIOError:
                pass
    mean = sum(load.times) / len(load.times) * 1000 if load.times else 0.0
    counts = {"made": made, "good": load.good, "failed": load.failed, "resent": load.resent, "mean_ms": mean}
    print(json.dumps({**counts, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
