"""What a basic call costs the exchange itself: 13 messages through the whole core, with its journal, in one process.

    python bench/micro_call.py [calls] [--profile] [--watched LAMPS]

No sockets, no media worker, no record feeder and no sleep between messages: what is left is the work of the exchange's
own code on a warm core, the part of `bench/run.py`'s figure that a change of that code can move. Prints CPU-µs a call,
the best and the median of ten parts; with `--profile` also where the time goes. With `--watched` so many lamps show
the called line; as the calls follow each other quicker than a lamp is told, most of them make no NOTIFY.
"""

from __future__ import annotations

import argparse
import cProfile
import datetime
import gc
import pstats
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import structlog

from config.compiled import TrunkSettings
from dialplan import model as m
from dialplan import planner
from dialplan.destinations import user
from media import wire
from media.engine import Lease, MediaEvent, Remote
from records import events as e
from records.journal import FileJournal
from switch.auth import Authenticator, AuthSettings, Credentials, DeviceAuth
from switch.calls.context import CallSettings
from switch.core import Core
from switch.directory import Directory
from switch.installing import House as Around
from switch.installing import install
from switch.metrics import Counters
from switch.notices import Notices
from switch.operations import Recent
from switch.reception import Roll
from switch.registrar import Registrar, RegistrarSettings
from switch.sip.endpoint import Endpoint, Timings
from switch.sip.flow import Flow
from switch.sip.timer import Timers
from switch.tally import Tally
from switch.tokens import Tokens
from switch.trace import Tracer
from switch.trunk_hosts import TrunkHost

US = ("192.0.2.10", 5060)
A = Flow("udp", US, ("192.0.2.200", 5060))
B = Flow("udp", US, ("198.51.100.7", 5064))
PARTS = 10
_TAGGED = re.compile(rb"\r\nTo: ([^\r]*)\r\n")


def sdp(host: str) -> str:
    return (
        f"v=0\r\no=x 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 16000 RTP/AVP 8 0 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        "a=ptime:20\r\na=sendrecv\r\n"
    )


def request(method: str, n: int, uri: str, to: str, cseq: int, body: str = "") -> bytes:
    """What SIPp's caller of `bench/sipp` sends."""
    more = (
        "Contact: <sip:caller@192.0.2.200:5060>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nUser-Agent: bench\r\n"
        "Content-Type: application/sdp\r\n"
    )
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.200:5060;branch=z9hG4bK-{method}-{n}\r\n"
        f'Max-Forwards: 70\r\nFrom: "Caller" <sip:+442079460{n}@192.0.2.200:5060>;tag=c-{n}\r\nTo: {to}\r\n'
        f"Call-ID: {n}-4711@192.0.2.200\r\nCSeq: {cseq} {method}\r\n{more if body else ''}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def reply(asked: bytes, status: str, tag: str, body: str = "") -> bytes:
    """A response of the called telephone to a request of ours."""
    lines = asked.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
    kept = [line for line in lines if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
    kept = [f"{line};tag={tag}" if line.startswith("To:") and "tag=" not in line else line for line in kept]
    kept.append("Contact: <sip:101@198.51.100.7:5064>")
    if body:
        kept.append("Content-Type: application/sdp")
    return ("\r\n".join([f"SIP/2.0 {status}", *kept, f"Content-Length: {len(body)}"]) + "\r\n\r\n" + body).encode()


class Engine:
    """A `MediaEngine` without workers: commands are encoded, as they would be, and dropped."""

    def __init__(self) -> None:
        self.on_event: Callable[[MediaEvent], None] = lambda event: None
        self._commands: list[wire.Command] = []
        self._given = 0

    def lease(self, near: int | None = None, v6: bool = False, urgent: bool = False) -> Lease:
        self._given += 1
        return Lease(self._given, 0, US[0], 20000 + 2 * (self._given % 10000))

    def open(self, lease: Lease, silence_s: float) -> None:
        self._add(wire.Open(lease.leg, silence_s))

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        self._add(wire.Update(leg, remote, again))

    def bridge(self, first: int, second: int) -> None:
        self._add(wire.Bridge(first, second))

    def play(self, leg: int, source: str, again: bool = False) -> None:
        self._add(wire.Play(leg, source, again))

    def stop(self, leg: int) -> None:
        self._add(wire.Stop(leg))

    def close(self, leg: int) -> None:
        self._add(wire.Close(leg))

    def adopt(self, legs: dict[int, Lease]) -> None:
        """There is nothing to adopt."""

    def _add(self, command: wire.Command) -> None:
        self._commands.append(command)
        if len(self._commands) >= 8:
            wire.encode(self._commands)
            self._commands.clear()


class Nobody:
    """No telephone has a password here."""

    def lookup(self, digest_user: str, realm: str) -> DeviceAuth | None:
        """See `switch.auth.Credentials`."""
        return None


class House:
    """The core as `switch/app.py` wires it, and the two telephones."""

    def __init__(self, folder: Path, credentials: Credentials | None = None) -> None:
        profile = m.Profile("GB", "")
        line = m.Line(id="101", extension="101", name="101", profile=profile, ring_s=30.0)
        self.model = m.versioned(
            m.Model(
                profile=profile,
                lines={"101": line},
                devices={"101": m.Device(id="101", lines=("101",), country="GB")},
                extensions={"101": user("101")},
                services={},
                trunks={"carrier": m.TrunkRule(id="carrier", extensions=True, profile=profile)},
                default_trunk="carrier",
                emergency=m.Emergency(elsewhere=m.EmergencyPlace(numbers=frozenset(("999",))), trunks=("carrier",)),
            )
        )
        self.timers = Timers()
        self.journal = FileJournal(folder)
        self.sent: list[bytes] = []
        self.errors: list[object] = []
        self.tracer = Tracer()
        counters = Counters()
        self.tally = Tally(
            counters,
            Recent(),
            Roll(lambda *_, **__: None),
            lambda _: None,
            Notices(structlog.get_logger(), counters, False),
        )
        directory: list[Directory] = []

        class Lines:
            """Registrar and directory need each other."""

            def line_of(self, user: str, host: str) -> str | None:
                return directory[0].line_of(user, host)

        registrar = Registrar(self.timers, Lines(), RegistrarSettings())
        directory.append(
            Directory(registrar, lambda transport, host, port, local, *tls: Flow(transport, US, (host, port)))
        )
        carrier = TrunkHost(TrunkSettings(id="carrier", hosts=()), (), (A.remote[0],))
        directory[0].use(self.model, {"carrier": carrier})
        token = Tokens()
        sent_by = f"{US[0]}:{US[1]}"
        self.core = Core(
            endpoint=Endpoint(self.timers, Timings(), token, lambda flow: sent_by),
            registrar=registrar,
            authenticator=Authenticator(AuthSettings("bench"), credentials or Nobody(), b"k" * 32),
            directory=directory[0],
            engine=Engine(),
            plan=lambda wanted, facts: planner.plan(self.model, wanted, facts),
            settings=CallSettings(),
            token=token,
            advertised=lambda flow: US,
            at=lambda: datetime.datetime.now(datetime.UTC),
            journal=self._append,
            send=self._send,
            on_error=lambda *about: self.errors.append(about),
            counters=counters,
        )
        unused = Mock()  # nobody keys anything, leaves a message or is recorded here
        around = Around(
            model=lambda: self.model,
            wish=unused,
            check_account=unused,
            account_refused=unused,
            words=unused,
            desk=unused,
            check_conference=unused,
            recordings=unused,
        )
        install(self.core.calls.context, around)
        self.core.facts.use(self.model)
        at = datetime.datetime.now(datetime.UTC)
        flow = e.FlowAddress("udp", *US, *B.remote)
        uri = "sip:101@198.51.100.7:5064"
        expires_at = at.timestamp() + 86400
        registrar.apply(e.Bound("101", "101", uri, f"<{uri}>", "r1", 1, 1.0, expires_at, flow, "", 0, (), "", at))
        registrar.resume(0.0, at)

    def watch(self, lamps: int) -> None:
        """So many telephones have a busy lamp for the called line, and answer each NOTIFY."""
        at = datetime.datetime.now(datetime.UTC)
        flow = e.FlowAddress("udp", *US, *B.remote)
        self.core.resume(
            [
                e.Subscribed(
                    "101", "101", "dialog", "line:101", "", "<sip:192.0.2.10:5060>", "sip:101@192.0.2.10",
                    e.Dialog(f"w{n}", f"wl{n}", f"wr{n}", "<sip:101@192.0.2.10>", "<sip:101@192.0.2.10>",
                             "sip:101@198.51.100.7:5064", (), 0, 1),
                    flow, at.timestamp() + 86400, 0, "", at,
                )
                for n in range(lamps)
            ],
            0.0,
        )  # fmt: skip

    def _append(self, events: list[e.AnyEvent]) -> None:
        self.journal.append(events)
        self.tally.add(events)

    def _send(self, flow: Flow, data: bytes) -> None:
        self.tracer.add(None, False, flow, data, time.time())
        self.sent.append(data)

    def _in(self, data: bytes, flow: Flow, now: float) -> list[bytes]:
        self.tracer.add(None, True, flow, data, time.time())
        self.sent.clear()
        self.core.receive(data, flow, now)
        return self.sent

    def call(self, n: int, now: float) -> None:
        """All 13 messages of one call."""
        self.sent.clear()
        self.core.run_timers(now)
        for notify in [data for data in self.sent if data.startswith(b"NOTIFY")]:
            self.core.receive(reply(notify, "200 OK", ""), B, now)
        _trying, invite = self._in(
            request("INVITE", n, "sip:101@192.0.2.10:5060", "<sip:101@192.0.2.10>", 1, sdp("192.0.2.200")), A, now
        )
        self._in(reply(invite, "180 Ringing", f"t{n}"), B, now)
        sent = list(self._in(reply(invite, "200 OK", f"t{n}", sdp("198.51.100.7")), B, now))
        ok = next(data for data in sent if data.startswith(b"SIP/2.0 200"))
        found = _TAGGED.search(ok)
        assert found is not None
        to = found[1].decode()
        self._in(request("ACK", n, "sip:192.0.2.10:5060", to, 1), A, now)
        sent = list(self._in(request("BYE", n, "sip:192.0.2.10:5060", to, 2), A, now))
        bye = next(data for data in sent if data.startswith(b"BYE"))
        self._in(reply(bye, "200 OK", f"t{n}"), B, now)


def measure(one: Callable[[int, float], None], what: str) -> None:
    """Take the time of `one(n, now)`, and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("times", type=int, nargs="?", default=5000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--watched", type=int, default=0)
    options = parser.parse_args()
    for n in range(200):
        one(n, n / 500)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    profile = cProfile.Profile()
    used = []
    each = max(1, options.times // PARTS)
    for part in range(PARTS):
        began = time.process_time()
        if options.profile:
            profile.enable()
        for n in range(part * each, (part + 1) * each):
            one(1000 + n, (1000 + n) / 500)
        profile.disable()
        used.append((time.process_time() - began) / each * 1e6)
    print(f"CPU a {what}: best {min(used):.0f} µs, median {statistics.median(used):.0f} µs")
    if options.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        house.call(999, 0.0)
        assert not house.core.calls.by_id, "the calls do not end"
        if "--watched" in sys.argv:
            house.watch(int(sys.argv[sys.argv.index("--watched") + 1]))
        measure(house.call, "call")
        assert not house.errors, house.errors[0]


if __name__ == "__main__":
    main()
