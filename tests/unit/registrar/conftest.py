"""A registrar's desk: devices, lines, a clock moved by hand, and REGISTER requests as raw text."""

from __future__ import annotations

import datetime

import pytest

from records.events import Bound, Unbound
from switch.auth import MD5, SHA256, Accepted, Authenticator, AuthSettings, Challenge, DeviceAuth, Refused
from switch.registrar import RegisterOutcome, Registrar, RegistrarSettings
from switch.sip import digest
from switch.sip.flow import Flow
from switch.sip.message import Request, parse
from switch.sip.timer import Timers

REALM = "pbx.example.com"
START = datetime.datetime(2026, 11, 22, 2, 0, 0, tzinfo=datetime.UTC)
SECRETS = {"desk-1": "right one", "desk-2": "other"}


def device(name: str, *lines: str, secret: str = "") -> DeviceAuth:
    """A device whose digest user name is its id."""
    secret = secret or SECRETS.get(name, "x")
    return DeviceAuth(name, name, lines, digest.ha1(name, REALM, secret, MD5), digest.ha1(name, REALM, secret, SHA256))


class Book:
    """The configuration's part: who may authenticate, and which lines exist."""

    def __init__(self) -> None:
        self.devices = {"desk-1": device("desk-1", "1001", "1002"), "desk-2": device("desk-2", "1001")}
        self.line_ids = {"1001", "1002", "1003"}
        self.lookups: list[str] = []

    def lookup(self, digest_user: str, realm: str) -> DeviceAuth | None:
        self.lookups.append(digest_user)
        return self.devices.get(digest_user)

    def line_of(self, user: str, host: str) -> str | None:
        return user if user in self.line_ids and host in ("pbx.example.com", "") else None


def request(method: str, *lines: str, uri: str = "sip:pbx.example.com", body: str = "") -> Request:
    """A request from header lines; what every request needs is added where the lines do not have it."""
    given = {line.partition(":")[0].lower() for line in lines}
    needed = [
        "Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKa;rport",
        "Max-Forwards: 70",
        "From: <sip:1001@pbx.example.com>;tag=a",
        "To: <sip:1001@pbx.example.com>",
        "Call-ID: one@192.0.2.7",
        f"CSeq: 1 {method}",
    ]
    head = [f"{method} {uri} SIP/2.0", *(n for n in needed if n.partition(":")[0].lower() not in given), *lines]
    parsed = parse(("\r\n".join([*head, f"Content-Length: {len(body)}", "", body])).encode("utf-8", "surrogateescape"))
    assert isinstance(parsed, Request)
    return parsed


class Desk:
    """A registrar and an authenticator on one virtual clock; it keeps the journal, and can lose all else."""

    def __init__(self, settings: RegistrarSettings | None = None) -> None:
        self.book = Book()
        self.now = 1000.0
        self.wall_offset = START.timestamp() - self.now
        self.settings = settings or RegistrarSettings()
        self.journal: list[Bound | Unbound] = []
        self.cseq = 0
        self.auth = Authenticator(AuthSettings(REALM), self.book, b"k" * 16)
        self._start()

    def _start(self) -> None:
        self.timers = Timers()
        self.registrar = Registrar(self.timers, self.book, self.settings)

    @property
    def at(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.now + self.wall_offset, datetime.UTC)

    def flow(self, host: str = "192.0.2.7", port: int = 5060, transport: str = "udp") -> Flow:
        return Flow(transport, ("192.0.2.1", 5060), (host, port))

    def register(
        self, *lines: str, who: str = "desk-1", flow: Flow | None = None, cseq: int | None = None
    ) -> RegisterOutcome:
        """A REGISTER that has been authenticated."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        outcome = self.registrar.register(
            request("REGISTER", f"CSeq: {cseq} REGISTER", *lines),
            self.book.devices[who],
            flow or self.flow(),
            self.now,
            self.at,
        )
        self.journal += outcome.events
        return outcome

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.timers.run(self.now)
        self.journal += self.registrar.out
        self.registrar.out.clear()

    def crash(self, away_s: float = 0.0, monotonic: float = 5.0) -> None:
        """The process dies and starts again from the journal; the monotonic clock may have begun anew."""
        wall = self.now + self.wall_offset + away_s
        self.now = monotonic
        self.wall_offset = wall - monotonic
        self._start()
        for event in self.journal:
            self.registrar.apply(event)
        self.registrar.resume(self.now, self.at)

    def uris(self, line: str = "1001") -> list[str]:
        return [binding.uri for binding in self.registrar.contacts(line, self.now)]

    # -- digest -------------------------------------------------------------------------------------------------

    def check(
        self, *lines: str, method: str = "REGISTER", kind: str = "www", host: str = ""
    ) -> Accepted | Challenge | Refused:
        return self.auth.check(request(method, *lines), self.now, kind, host)  # type: ignore[arg-type]

    def challenge(self, algorithm: str = SHA256, host: str = "") -> digest.Digest:
        """The challenge for one algorithm that a first request meets."""
        outcome = self.check(host=host)
        assert isinstance(outcome, Challenge)
        return pick(outcome, algorithm)


def pick(outcome: Challenge, algorithm: str = SHA256) -> digest.Digest:
    """One algorithm's challenge out of the answer."""
    for line in outcome.lines:
        found = digest.parse(line.partition(": ")[2])
        if found is not None and found.algorithm == algorithm:
            return found
    raise AssertionError(f"no challenge for {algorithm}")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def make_desk() -> type[Desk]:
    return Desk


@pytest.fixture(name="request_of")
def _request_of():  # type: ignore[no-untyped-def]
    return request


@pytest.fixture(name="pick")
def _pick():  # type: ignore[no-untyped-def]
    return pick
