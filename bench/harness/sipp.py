"""SIPp as the telephones: one program that calls and one that answers, what it counted; and ours with passwords."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.harness import processes

SCENARIOS = Path(__file__).resolve().parents[1] / "sipp"
CALLER = "127.0.0.2"
"""The address of the carrier: whoever calls from here is recognised by it."""
CALLER_PORT = 15070
CALLEE = "127.0.0.3"
CALLEE_PORT = 15080
DESK = "127.0.0.4"
"""The address of the telephone that calls with a password."""


class Count(NamedTuple):
    """What a SIPp counted in its whole run."""

    made: int
    good: int
    failed: int
    resent: int
    setup_ms: float
    """Mean time from INVITE to 200 (or from the first REGISTER to the last 200)."""
    seconds: float


class Sipp:
    """One SIPp that runs."""

    __slots__ = ("_stats", "process")

    def __init__(
        self,
        scenario: str,
        target: tuple[str, int],
        local: tuple[str, int],
        folder: Path,
        *arguments: str,
        name: str = "",
    ) -> None:
        stem = name or scenario
        self._stats = folder / f"{stem}-{time.monotonic_ns()}.csv"
        argv = ["sipp", f"{target[0]}:{target[1]}", "-sf", str(SCENARIOS / f"{scenario}.xml")]
        argv += ["-i", local[0], "-p", str(local[1]), "-nostdin", "-trace_stat", "-stf", str(self._stats), "-fd", "1"]
        # The report on the screen is redrawn once in an hour only; sockets with room for a burst.
        argv += ["-f", "3600", "-buff_size", "2000000", "-timer_resol", "1", *arguments]
        output = folder / f"{stem}.out"
        self.process = processes.start(argv, cores=processes.LOAD_CORES, output=output, folder=folder)

    def wait(self, seconds: float) -> Count:
        """Until it has done what it had to do; cut short after `seconds`."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            processes.stop(self.process, 2.0, signal.SIGUSR1)
        return self.count()

    def stop(self) -> Count:
        """End one that would go on for ever. Its last line was written within the second before."""
        processes.stop(self.process, 3.0, signal.SIGUSR1)
        return self.count()

    def row(self) -> dict[str, str]:
        """The last line of its statistics, by column; empty when there is none."""
        try:
            lines = [line for line in self._stats.read_text().splitlines() if line]
        except OSError:
            lines = []
        return dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False)) if len(lines) > 1 else {}

    def count(self) -> Count:
        """From the last line of its statistics."""
        row = self.row()
        if not row:
            return Count(0, 0, 0, 0, 0.0, 0.0)
        return Count(
            int(row["TotalCallCreated"]),
            int(row["SuccessfulCall(C)"]),
            int(row["FailedCall(C)"]),
            int(row["Retransmissions(C)"]),
            _clock_s(row.get("ResponseTime1(C)", "")) * 1000,
            _clock_s(row["ElapsedTime(C)"]),
        )


def callee(target: tuple[str, int], folder: Path, number: str) -> Sipp:
    """Who answers the calls to `number`."""
    return Sipp("callee", target, (CALLEE, CALLEE_PORT), folder, "-s", number)


def caller(
    scenario: str, target: tuple[str, int], folder: Path, number: str, rate: int, total: int, hold_ms: int, *more: str
) -> Sipp:
    """Who makes `total` calls to `number`, at `rate` a second."""
    load = ["-s", number, "-r", str(rate), "-m", str(total), "-d", str(hold_ms), "-recv_timeout", "20000", *more]
    return Sipp(scenario, target, (CALLER, CALLER_PORT), folder, *load)


def _clock_s(text: str) -> float:
    """SIPp's HH:MM:SS or HH:MM:SS:µµµµµµ in seconds."""
    parts = [float(part) for part in text.replace(".", ":").split(":") if part]
    if len(parts) < 3:
        return 0.0
    return parts[0] * 3600 + parts[1] * 60 + parts[2] + (parts[3] / 1e6 if len(parts) > 3 else 0.0)


class Phones:
    """The telephones with passwords of phones.py; the same face as a SIPp."""

    __slots__ = ("_output", "process")

    def __init__(
        self,
        what: str,
        target: tuple[str, int],
        port: int,
        folder: Path,
        rows: Sequence[tuple[str, str, str]],
        *arguments: str,
    ) -> None:
        stem = f"{what}-{time.monotonic_ns()}"
        listed = folder / f"{stem}.accounts"
        listed.write_text("".join(f"{address} {user} {secret}\n" for address, user, secret in rows))
        self._output = folder / f"{stem}.out"
        argv = [sys.executable, "-P", str(Path(__file__).with_name("phones.py")), what, "--accounts", str(listed)]
        argv += ["--target", f"{target[0]}:{target[1]}", "--port", str(port), *arguments]
        self.process = processes.start(argv, cores=processes.LOAD_CORES, output=self._output, folder=folder)

    def wait(self, seconds: float) -> Count:
        """Until all are done; cut short after `seconds`."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            processes.stop(self.process, 2.0)
        try:
            row = json.loads(self._output.read_text().splitlines()[-1])
        except (IndexError, ValueError):
            return Count(0, 0, 0, 0, 0.0, 0.0)
        return Count(row["made"], row["good"], row["failed"], row["resent"], row["mean_ms"], row["seconds"])


def register(target: tuple[str, int], folder: Path, user: str, secret: str) -> None:
    """Register `user` at the callee's address. Raises RuntimeError when that is refused."""
    rows = [(CALLEE, user, secret)]
    if Phones("register", target, CALLEE_PORT, folder, rows, "--rate", "1", "--count", "1").wait(15).good != 1:
        raise RuntimeError(f"the callee could not register at {target[0]}:{target[1]}")
