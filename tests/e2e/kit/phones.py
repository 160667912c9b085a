"""The test's side of softphone.py: one object a telephone, which waits for events instead of sleeping."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.kit import sound
from tests.e2e.kit.house import PATIENCE, House, secret, wait_for

PROGRAM = Path(__file__).with_name("softphone.py")


class Softphone:
    """One PJSIP telephone, registered as one line."""

    def __init__(
        self,
        house: House,
        line: str,
        codec: str = "PCMU",
        *,
        name: str = "",
        rate: int = 16000,
        address: str = "127.0.0.1",
        server: str = "",
        ca: str = "",
        inside: Sequence[str] = (),
        port: int = 0,
        trace: int = 5,
    ) -> None:
        """`address` is its own, of IPv4, as this PJSIP has no IPv6; `server` (`host:port`) where it registers; with a
        `ca` it speaks TLS; `inside` begins the command that puts it into a network namespace. On UDP it listens on
        `port`; of `trace` 5 its log has the messages."""
        self.house, self.line, self.name = house, line, name or line
        self.server = server or f"{address}:{house.sip}"
        self.folder = house.folder / "phones"
        self.folder.mkdir(exist_ok=True)
        self.events: list[dict[str, Any]] = []
        self._seen = 0
        self._changed = threading.Condition()
        self._errors = (self.folder / f"{self.name}.err").open("w")
        self.process = subprocess.Popen(
            [*inside, sys.executable, "-P", str(PROGRAM), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        quiet = self.folder / "quiet.wav"
        if not quiet.exists():
            sound.write(quiet, sound.silence(1))
        how = {"codec": codec, "rate": rate, "trace": trace, "address": address, "ca": ca, "port": port}
        self.do("start", name=self.name, quiet=str(quiet), **how)

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self.events.append({"event": "gone", "now": time.monotonic()})
            self._changed.notify_all()

    def do(self, what: str, **more: Any) -> None:
        """Tell it something, and wait until it has done so."""
        before = len(self.events)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        event = self._wait(lambda e: e["event"] in ("done", "error"), before, 10.0, f"{self.name}: {what}")
        assert event["event"] == "done", event

    def quietly(self, what: str, **more: Any) -> bool:
        """The same for what may have become impossible meanwhile; whether it was done."""
        try:
            self.do(what, **more)
        except AssertionError:
            return False
        return True

    def up(self, since: int = 0) -> list[str]:
        """The calls of which the first event came after number `since`, and no end has come."""
        found: dict[str, bool] = {}
        for event in self.events[since:]:
            if event["event"] in ("call", "incoming"):
                found[event["call"]] = event.get("state") != "DISCONNECTED"
        return [call for call, lasts in found.items() if lasts]

    def expect(self, event: str, seconds: float = 10.0, *, since: int = 0, **fields: Any) -> dict[str, Any]:
        """The first event (of those from number `since` on) of this kind with these fields; it may be there."""

        def wanted(e: dict[str, Any]) -> bool:
            return bool(e["event"] == event and all(e.get(name) == value for name, value in fields.items()))

        return self._wait(wanted, since, seconds, f"{self.name}: {event} {fields}")

    def _wait(self, wanted: Any, since: int, seconds: float, what: str) -> dict[str, Any]:
        deadline = time.monotonic() + seconds * PATIENCE
        with self._changed:
            while True:
                for event in self.events[since:]:
                    if wanted(event):
                        return event
                    assert event["event"] != "gone", f"{what}: the telephone died"
                left = deadline - time.monotonic()
                shown = [{k: v for k, v in e.items() if k not in ("header", "whole")} for e in self.events[since:]]
                assert left > 0, f"waited in vain for {what}; there were {shown}"
                self._changed.wait(left)

    def mark(self) -> int:
        """The number of the next event."""
        return len(self.events)

    # -- what one does with a telephone ---------------------------------------------------------------------------

    def register(
        self,
        transport: str = "udp",
        password: str = "",
        *,
        strict: bool = False,
        lamp: bool = False,
        srtp: bool = False,
    ) -> None:
        """Register the line, and wait for the 200. `strict`: in its calls it insists on 100rel and a session timer.
        `lamp`: it subscribes to its mailbox. `srtp`: it insists on SRTP."""
        mark = self.mark()
        user = f"{self.line}-phone"
        server = f"127.0.0.1:{self.house.tls}" if transport == "tls" else self.server
        password = password or secret(self.line)
        credentials = {"user": user, "password": password}
        how = {"transport": transport, "strict": strict, "lamp": lamp, "srtp": srtp}
        self.do("register", server=server, line=self.line, **how, **credentials)
        self.expect("registration", since=mark, status=200)

    def listen(self) -> None:
        """Take calls without a registration, as a carrier does."""
        self.do("listen", user=self.line)

    def play(self, hz: float, dbfs: float, seconds: float = 1.0, before_s: float = 0.0, loop: bool = True) -> None:
        """What it says in its calls from now on."""
        path = self.folder / f"{self.name}-says-{hz:g}-{dbfs:g}-{before_s:g}.wav"
        sound.write(path, sound.silence(before_s), sound.sine(hz, dbfs, seconds), sound.silence(before_s))
        self.do("play", path=str(path), loop=loop)

    def call(self, number: str, name: str = "") -> str:
        """Dial; the call's name."""
        name = name or f"{self.name}-out-{self.mark()}"
        self.do("call", name=name, uri=f"sip:{number}@{self.server}")
        return name

    def talking(self, call: str, seconds: float = 10.0) -> dict[str, Any]:
        """Wait until a call is up and its sound is plugged in."""
        self.expect("recording", seconds, call=call)
        return self.expect("call", seconds, call=call, state="CONFIRMED")

    def said(self, call: str, seconds: float = 10.0) -> None:
        """Wait until all that it plays, with `loop=False`, has been said in a call."""
        self.expect("said", seconds, call=call)

    def incoming(self, since: int = 0, seconds: float = 10.0) -> str:
        """Wait for a call that comes in; its name."""
        return str(self.expect("incoming", seconds, since=since)["call"])

    def over(self, call: str, seconds: float = 10.0) -> dict[str, Any]:
        """Wait until a call has ended."""
        return self.expect("call", seconds, call=call, state="DISCONNECTED")

    def log(self) -> str:
        """What it has sent and received, and thought of it."""
        return (self.folder / f"{self.name}.log").read_text(errors="replace")

    def wav(self, call: str) -> Path:
        """What it heard in a call."""
        return self.folder / f"{call}.wav"

    def heard(self, call: str) -> Path:
        """What it heard in a call that is over, as soon as the recording is whole: PJSIP writes its end by and by."""
        path = self.wav(call)

        def whole() -> bool:
            size = int.from_bytes(path.read_bytes()[4:8], "little") if path.exists() else 0
            return bool(size) and size + 8 == path.stat().st_size

        wait_for(whole, 3, f"the whole of {path}")
        return path

    def switch_off(self) -> None:
        """Let it end by itself: it hangs up and takes its registration back."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def close(self) -> None:
        """Wait for its end. Only now its recordings are whole."""
        self.switch_off()
        try:
            self.process.wait(8 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._errors.close()


@contextlib.contextmanager
def softphones(
    house: House, *lines: str, codec: str = "PCMU", strict: bool = False, srtp: bool = False, **options: Any
) -> Iterator[list[Softphone]]:
    """Telephones that are registered, one for each line, and say nothing yet. With a `ca` they speak TLS."""
    made: list[Softphone] = []
    try:
        for line in lines:
            made.append(Softphone(house, line, codec, **options))
            made[-1].register("tls" if options.get("ca") else "udp", strict=strict, srtp=srtp)
        yield made
    finally:
        for phone in made:
            phone.switch_off()
        for phone in made:
            phone.close()


def connect(caller: Softphone, callee: Softphone, number: str) -> tuple[str, str]:
    """A call from one to the other, up on both sides; its names on both sides."""
    mark = callee.mark()
    here = caller.call(number)
    there = callee.incoming(mark)
    caller.talking(here)
    callee.talking(there)
    return here, there


def converse(caller: Softphone, callee: Softphone, number: str) -> tuple[str, str]:
    """The same, and each says all that it plays (with `loop=False`); then the caller hangs up."""
    here, there = connect(caller, callee, number)
    caller.said(here)
    callee.said(there)
    caller.do("hangup", call=here)
    caller.over(here)
    callee.over(there)
    return here, there
