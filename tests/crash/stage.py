"""The exchange that is killed, its telephones, and the calls that they hold meanwhile: talking, held, parked, recorded,
limited, in a conference."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from records.events import CallEnded
from records.recovery import open_calls
from records.segments import Reader
from switch.arguments import Places
from switch.control import ControlClient, NotRunning, Refused
from switch.views import CallView, ParkedView, RecordView, StatusView
from tests.crash.ears import Party
from tests.e2e.kit import sound
from tests.e2e.kit.house import House, wait_for
from tests.e2e.kit.phones import Softphone

HOLD_MUSIC, LOUNGE = 2900.0, 3100.0
CONFIG = """\
account: {hold_music: hold.wav, record: {on_demand: true}}
trunks:
  pacific: {host: 127.0.0.1, port: CARRIER-PORT, from: "127.0.0.1:CARRIER-PORT", caller_id: "+16695550100"}
default_trunk: pacific
dids: {"+16695550100": []}
call_keys: {"*7": park}
park_lots:
  main: {extension: 700, slots: 701-709, music: lounge.wav}
  short: {extension: 720, slots: 721-729, music: lounge.wav, timeout: RETURNS}
conferences: {board: {extension: 800}}
"""
AT_ONCE = """\
import sys
from pathlib import Path
from switch import supervisor as s
s.use_large_pages()
sys.exit(s.serve(s.Places(*map(Path, sys.argv[1:])), s.write_log, s.Patience(delays_s=(0.0,))))
"""
"""A supervisor that does not lose its patience with an exchange that dies every second."""


class Stage(House):
    """The exchange, with two media workers, and what one does with it. `limit_s`: of Alice's calls with somebody
    outside, and of the park lot whose calls ring again."""

    def __init__(self, folder: Path, limit_s: float) -> None:
        self.places = Places(*(folder / name for name in ("config", "data", "run")))
        self.serves = (sys.executable, "-P", "-c", AT_ONCE, *map(str, self.places))
        self.limit_s = self.returns_s = limit_s
        (folder / "config").mkdir(parents=True)
        sound.write(folder / "config" / "hold.wav", sound.sine(HOLD_MUSIC, -16, 1.0))
        sound.write(folder / "config" / "lounge.wav", sound.sine(LOUNGE, -16, 1.0))
        self.kills: list[float] = []
        self.absent: list[tuple[float, float]] = []
        """From each kill to when it was served again; of kills in a row from the first."""
        limits = {"alice": f"{limit_s:g}s", "carol": "10m"}
        super().__init__(folder, CONFIG.replace("RETURNS", f"{limit_s:g}s"), media=", workers: 2", limits=limits)

    @classmethod
    @contextlib.contextmanager
    def running(cls, folder: Path, limit_s: float) -> Iterator[Stage]:
        """One that serves, and is stopped in the end."""
        made = cls(folder, limit_s)
        try:
            yield made
        finally:
            made.close()

    def ask(self, do: str, kind: Any, **args: Any) -> Any:
        """What the exchange answers; None while there is none. Raises Refused."""
        try:
            with ControlClient(self.places.control, 5.0) as there:
                return there.ask(do, kind, **args)
        except NotRunning:
            return None

    def calls(self) -> tuple[CallView, ...]:
        """The calls that are up."""
        found: tuple[CallView, ...] | None = self.ask("calls", tuple[CallView, ...])
        assert found is not None, "nobody serves"
        return found

    def parked(self) -> tuple[ParkedView, ...]:
        """The calls that wait in slots."""
        return self.ask("parked", tuple[ParkedView, ...]) or ()

    def record(self, call: str, what: str) -> bool:
        """`ringplan record CALL WHAT`; whether it was done."""
        try:
            return self.ask("record", RecordView, call=call, what=what) is not None
        except Refused:
            return False

    def pids(self, phones: Mapping[str, Softphone]) -> Callable[[], Mapping[str, int]]:
        """The processes that make sound, by name."""
        made = {f"media worker {index}": self.starts(f"media worker {index}")[-1] for index in range(2)}
        made |= {name: phone.process.pid for name, phone in phones.items()}
        return lambda: made

    def strike(self) -> None:
        """SIGKILL to the exchange, which is started again at once."""
        pid = self.starts("exchange")[-1]
        self.kills.append(time.monotonic())
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.starts("exchange")[-1] != pid, 5, "the supervisor to start the next exchange")

    def strike_feeder(self) -> None:
        """SIGKILL to the record feeder, which may be dead already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.starts("record feeder")[-1], signal.SIGKILL)

    def served(self, first: int) -> None:
        """Wait until the exchange serves again, after the kills from number `first` on."""
        pid = self.starts("exchange")[-1]

        def ready() -> bool:
            assert self.process.poll() is None, self.log()
            found: StatusView | None = self.ask("status", StatusView)
            return found is not None and found.process == pid

        wait_for(ready, 20, "the exchange to serve again")
        self.absent.append((self.kills[first], time.monotonic()))

    def late_s(self, due: float) -> float:
        """How long after `due` somebody was there at the latest: 0 unless the exchange was away about then."""
        return max((end - due for begin, end in self.absent if begin - 0.1 <= due <= end), default=0.0)

    def call_ids(self) -> list[str]:
        """The Call-ID of each record."""
        with contextlib.closing(sqlite3.connect(f"file:{self.places.records}?mode=ro", uri=True, timeout=5)) as store:
            return [each for (each,) in store.execute("SELECT sip_call_id FROM calls WHERE ended_at IS NOT NULL")]

    def journal(self) -> tuple[int, dict[str, int]]:
        """How many calls are open by the journal, and how often each has ended."""
        events = [event for frame in Reader(self.places.journal) for event in frame.events]
        ends: dict[str, int] = {}
        for event in events:
            if isinstance(event, CallEnded):
                ends[event.call] = ends.get(event.call, 0) + 1
        return len(open_calls(events)), ends


def dialled(phones: Iterable[Softphone]) -> tuple[dict[str, str], set[str]]:
    """The calls that these telephones have made, by Call-ID, and how each is, or has ended; and those that may never
    have been one: given up while nobody was there, before the INVITE with the password had been heard."""
    found: dict[str, str] = {}
    doubtful = set()
    for phone in phones:
        for each in list(phone.events):
            if each["event"] == "call" and "-in-" not in each["call"]:
                answer = each["header"].partition("\r")[0]
                found[each["sip"]] = f"{each['call']} {each['state']} {each['status']} {answer}"
                if answer.startswith("SIP/2.0 401") or (each["status"] == 487 and not answer):
                    doubtful.add(each["sip"])
    return found, doubtful


class Held:
    """A call that stands: its two ends, the exchange's id of it, and the tone that each end says."""

    def __init__(self, name: str, call: str, parties: tuple[Party, Party], tones: tuple[float, float]) -> None:
        self.name, self.id, self.parties, self.tones = name, call, parties, tones

    def silence(self) -> None:
        """From now on both may hear what they like."""
        for party in self.parties:
            party.hears()

    def speak(self) -> None:
        """From now on each hears the other."""
        for party, tone in zip(self.parties, reversed(self.tones), strict=True):
            party.hears(tone)


def connected(
    stage: Stage, name: str, caller: Softphone, callee: Softphone, number: str, tones: tuple[float, float]
) -> Held:
    """A call from one to the other, each saying its tone and hearing the other's."""
    before = {each.call for each in stage.calls()}
    caller.play(tones[0], -14)
    callee.play(tones[1], -14)
    mark = callee.mark()
    here = caller.call(number, name=f"{caller.name}-{name}")
    there = callee.incoming(mark)
    caller.talking(here)
    callee.talking(there)
    (call,) = {each.call for each in stage.calls()} - before
    made = Held(name, call, (Party(caller, here, callee), Party(callee, there, caller)), tones)
    made.speak()
    return made


@contextlib.contextmanager
def telephones(stage: Stage) -> Iterator[dict[str, Softphone]]:
    """Six telephones that are registered, and the carrier."""
    made: dict[str, Softphone] = {}
    try:
        for line in ("alice", "bob", "carol", "dave", "erin", "frank"):
            made[line] = Softphone(stage, line, rate=8000, trace=2)
            made[line].register()
        made["pacific"] = Softphone(stage, "pacific", rate=8000, trace=2, port=stage.carrier)
        made["pacific"].listen()
        yield made
    finally:
        for phone in made.values():
            phone.switch_off()
        for phone in made.values():
            phone.close()
