"""One Ringplan on the loopback: its own folders, ports and processes; and the commands as a user types them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typer.testing import CliRunner

from switch.commands import app

COMMAND = [sys.executable, "-P", "-c", "from switch.commands import main; main()"]
SPAN = 700
"""Ports in one block: SIP, metrics, a few for telephones, the rest for sound."""

ONE_AT_A_TIME = threading.Lock()
"""For commands in this process, which have its standard output meanwhile."""

PATIENCE = 5.0
"""Deadlines name what an idle machine needs at the worst; a busy one is given so many times as long. It costs nothing
while all is well."""

PEOPLE = {"alice": 101, "bob": 102, "carol": 103, "dave": 104, "erin": 105, "frank": 106, "grace": 107}


def secret(device: str) -> str:
    """The password of a test's telephone."""
    return f"{device}-does-not-tell"


def free_block() -> int:
    """The first of SPAN ports that nobody uses, below those that the kernel gives out by itself. The workers of one run
    keep to blocks of their own: a block that a neighbour has just chosen looks free until its exchange has started."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    blocks = (32_000 - 10_000) // SPAN
    for _ in range(50):
        first = 10_000 + SPAN * (worker % blocks + workers * random.randrange(max(1, blocks // workers)))
        if first + SPAN <= 32_000 and all(_is_free(first + offset) for offset in (0, 1, 20, 21, SPAN // 2, SPAN - 1)):
            return first
    raise RuntimeError("no block of free ports was found")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder in which somebody writes, and what is in it; those that go away meanwhile left out."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                yield path, path.read_bytes()


def wait_for(found: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `found`, asked every 20 ms, or less often where it takes long to look; AssertionError
    naming `what` when there is none in time, with all patience."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        began = time.monotonic()
        value = found()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds * PATIENCE:g} s in vain for {what}"
        time.sleep(max(0.02, 2 * (time.monotonic() - began)))


class House:
    """A running exchange. `more` is YAML that is put behind the usual configuration, where CARRIER-PORT stands for the
    port that is kept free for a carrier, CARRIER-PORT+1 to +3 for those behind it; `listen` is YAML of the
    listeners, `sound` of the addresses for sound, empty for the defaults (then SIP is on 5060); `inside` begins the
    command that puts it into a network namespace."""

    serves: Sequence[str] = (*COMMAND, "serve")
    """The command that starts it."""

    def __init__(
        self,
        folder: Path,
        more: str = "",
        *,
        ring: str = "30s",
        media: str = "",
        devices: str = "",
        registrar: str = "",
        qualify: str = "0s",
        unreachable: str = "3s",
        announcements: str = "off",
        drain: str = "0s",
        listen: str = "[{{address: 0.0.0.0, port: {port}}}, {{transport: tcp, address: 0.0.0.0, port: {port}}}]",
        sound: str = "127.0.0.1",
        inside: Sequence[str] = (),
        limits: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`limits`: how long calls of these lines with somebody outside may last."""
        self.folder = folder
        self.inside = tuple(inside)
        self.first = free_block()
        self.sip, self.metrics = self.first if listen else 5060, self.first + 1
        self.tls = self.first + 2
        self.carrier = self.first + 45
        self._next_port = self.first + 2
        self._next_media = self.first + 50
        self.at_end: list[Callable[[], object]] = []
        """What ends the telephones that a failed test has left."""
        (folder / "config").mkdir(parents=True, exist_ok=True)
        self.config = folder / "config" / "ringplan.yaml"
        own = {name: f", call_limit: {limit}" for name, limit in limits.items()}
        lines = "".join(
            f"  {name}: {{extension: {number}, ring: {ring}{own.get(name, '')}}}\n" for name, number in PEOPLE.items()
        )
        phones = "".join(f"  {name}-phone: {{secret: {secret(name)}, lines: {name}}}\n" for name in PEOPLE)
        self.config.write_text(
            "country: US\n"
            + (f"listen: {listen.format(port=self.sip, tls=self.tls)}\n" if listen else "")
            + f"media: {{{f'address: {sound}, ' if sound else ''}"
            f"ports: {self.first + 150}-{self.first + SPAN - 1}, rest: 1s{media}}}\n"
            f"metrics: {{port: {self.metrics}}}\n"
            f"registrar: {{min_expires: 10s, qualify: {qualify}{registrar}}}\n"
            f"calls: {{unreachable: {unreachable}, announcements: {announcements}, drain: {drain}}}\n"
            "services: {600: echo, 601: 'tone:425'}\n"
            f"lines:\n{lines}devices:\n{phones}{devices}{re.sub(r'CARRIER-PORT([+][0-9])?', self._carrier_port, more)}"
        )
        self.environ = {**os.environ, "RINGPLAN_HOME": str(folder), "COLUMNS": "150"}
        self.start()
        try:
            self.serving(1)
        except BaseException:
            self.close()
            raise

    def _carrier_port(self, found: re.Match[str]) -> str:
        return str(self.carrier + int(found[1] or 0))

    # -- processes ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """`ringplan serve`; its log goes on in the same file."""
        self._log = (self.folder / "log").open("a")
        command = [*self.inside, *self.serves]
        self.process = subprocess.Popen(command, env=self.environ, stderr=self._log, stdout=self._log)

    def serving(self, times: int, seconds: float = 20.0) -> None:
        """Wait until the exchange has begun to serve so many times in all."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log()
            assert "Traceback" not in self.log(), self.log()
            return self.log().count('"event": "serving"') >= times

        wait_for(ready, seconds, "the exchange to serve")

    def log(self) -> str:
        """All that the processes have written so far."""
        return (self.folder / "log").read_text(errors="replace")

    def starts(self, name: str) -> list[int]:
        """The process ids that a child has had, by the supervisor's log: `exchange`, `media worker 0`."""
        return [int(pid) for pid in re.findall(rf"{re.escape(name)} started as process (\d+)", self.log())]

    def kill(self, name: str) -> None:
        """SIGKILL to one child, as it runs now."""
        os.kill(self.starts(name)[-1], signal.SIGKILL)

    def children(self) -> list[int]:
        """The pids of all children that live."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    def port(self) -> int:
        """A port for a telephone."""
        self._next_port += 1
        return self._next_port

    def media_port(self) -> int:
        """The first of four ports for a telephone's sound."""
        self._next_media += 4
        return self._next_media

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20 * PATIENCE)

    def close(self) -> None:
        """End it, in order if it still can."""
        for ending in self.at_end:
            ending()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()

    # -- commands -----------------------------------------------------------------------------------------------

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """`ringplan ARGS`, as in a terminal."""
        command = [*COMMAND, *args]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=30 * PATIENCE)

    def json(self, *args: str) -> Any:
        """The same command with --json, which must succeed. It is carried out in this process, from its words to what
        it prints: a process of its own would need half a second of a processor, a hundred times in a run of the
        tests."""
        where = {name: self.environ[name] for name in ("RINGPLAN_HOME", "COLUMNS")}
        with ONE_AT_A_TIME:
            done = CliRunner().invoke(app, [*args, "--json"], env=where)
        assert done.exit_code == 0, f"{done.stderr}{done.stdout}{done.exception!r}"
        return json.loads(done.stdout)

    def recorded(self) -> int:
        """How many records there are, looked up in the file, which is quicker than the command."""
        path = self.folder / "data" / "records.db"
        if not path.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5 * PATIENCE)) as store:
            try:
                return int(store.execute("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL").fetchone()[0])
            except sqlite3.OperationalError:
                return 0  # the feeder has not made its tables yet

    def settled(self) -> int:
        """How many records there are once every call since the start has its own; for an exchange that has not been
        restarted and has no call now."""

        def started() -> int:
            found = re.search(r"^ringplan_calls_started_total (\S+)$", self.get("/metrics"), re.MULTILINE)
            assert found is not None
            return int(float(found[1]))

        wait_for(lambda: self.recorded() == started(), 6, "a record of each call")
        return started()

    def get(self, path: str) -> str:
        """A page of the metrics port. Raises HTTPError."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}{path}", timeout=5 * PATIENCE) as answer:
            return str(answer.read().decode())

    def history(self, calls: int, seconds: float = 6.0) -> list[dict[str, Any]]:
        """The records, as soon as there are so many; the newest first."""
        with contextlib.suppress(AssertionError):
            wait_for(lambda: self.recorded() >= calls, seconds, "the records")
        found: list[dict[str, Any]] = self.json("history", "-n", "1000")
        assert len(found) == calls, f"{len(found)} records instead of {calls}: {found}"
        return found

    def record(self) -> dict[str, Any]:
        """The record of the only call there was."""
        return self.history(1)[0]


@contextlib.contextmanager
def house(folder: Path, more: str = "", **options: Any) -> Iterator[House]:
    """A House for one test; it fails the test when an internal error stands in the log at the end."""
    made = House(folder, more, **options)
    try:
        yield made
    finally:
        made.close()
    assert "internal error" not in made.log(), made.log()
    assert "Traceback" not in made.log(), made.log()
