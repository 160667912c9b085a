"""Processes under measurement: starting them on a core, and what a whole tree of them has used.

Linux only: everything is read from /proc.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SYSTEM_CORES = {CORES[0]}
"""The system under measurement has one core to itself."""
LOAD_CORES = set(CORES[1:]) or {CORES[0]}
"""Those who make its load have the others."""


def start(
    argv: Sequence[str],
    *,
    cores: set[int],
    output: Path,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program on `cores`, its output appended to a file. Children inherit the cores."""
    with open(output, "ab") as file:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=folder,
            env=dict(os.environ, **(env or {})),
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )


def stop(process: subprocess.Popen[bytes], patience_s: float = 20.0, first: int = signal.SIGTERM) -> None:
    """End one process that we started: politely, then not."""
    if process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], what: str, seconds: float = 20.0) -> None:
    """Wait until `ready`. Raises RuntimeError when the process ends or time runs out first."""
    end = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{what} ended with status {process.returncode} before it was ready")
        if time.monotonic() > end:
            raise RuntimeError(f"{what} was not ready after {seconds:g} s")
        time.sleep(0.05)


def _stat(pid: int) -> list[str]:
    # The command's name is in parentheses and may hold anything, spaces and parentheses too.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """`root` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208
        if entry.isdecimal():
            try:
                children.setdefault(int(_stat(int(entry))[1]), []).append(int(entry))
            except (OSError, IndexError):
                continue
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, ())
    return found


def _name(pid: int) -> str:
    """The Python module that runs, or the program."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    name = Path(words[0]).name if words else "?"
    return words[words.index("-m") + 1] if name.startswith("python") and "-m" in words[:-1] else name


def cpu_by_process(root: int) -> dict[str, float]:
    """User and system seconds of each process of the tree; the dead count for the parent that reaped them."""
    used: dict[str, float] = {}
    for pid in tree(root):
        try:
            fields, name = _stat(pid), _name(pid)
        except OSError:
            continue
        used[f"{name}:{pid}"] = sum(map(int, fields[11:15])) * TICK_S
    return used


def cpu_s(root: int) -> float:
    """User and system seconds of the whole tree, in steps of 10 ms a process; the kernel's own sums, no sampling."""
    return sum(cpu_by_process(root).values())


def resident_by_process(root: int) -> dict[str, int]:
    """Resident memory of each process of the tree, as `cpu_by_process` names them: the exact sums of smaps_rollup.
    Pages that are shared count for each."""
    held: dict[str, int] = {}
    for pid in tree(root):
        try:
            name = _name(pid)
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        held[f"{name}:{pid}"] = next(
            (int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Rss:")), 0
        )
    return held


def resident_bytes(root: int) -> int:
    """Resident memory of the whole tree."""
    return sum(resident_by_process(root).values())


class Meter:
    """CPU time of a tree of processes since the meter was made, less what it uses when nobody calls."""

    __slots__ = ("_at", "_before", "idle", "root")

    def __init__(self, root: int, idle: float = 0.0) -> None:
        self.root = root
        self.idle = idle
        """Seconds of CPU a second."""
        self._before = cpu_by_process(root)
        self._at = time.monotonic()

    def elapsed_s(self) -> float:
        """Seconds since the meter was made."""
        return time.monotonic() - self._at

    def used_s(self) -> float:
        """CPU seconds of the whole tree."""
        gross = sum(cpu_by_process(self.root).values()) - sum(self._before.values())
        return max(0.0, gross - self.idle * self.elapsed_s())

    def by_process(self) -> dict[str, float]:
        """CPU seconds, idle included, by process: module or program without pid, numbered when there are several."""
        sums: dict[str, float] = {}
        for name, seconds in cpu_by_process(self.root).items():
            key = name.rpartition(":")[0]
            sums[key] = sums.get(key, 0.0) + seconds - self._before.get(name, 0.0)
        return {name: seconds for name, seconds in sums.items() if seconds > 0}


def settle(root: int, quiet_s: float = 3.0, share: float = 0.03, patience_s: float = 90.0) -> None:
    """Wait until a tree of processes has used less than `share` of a core for `quiet_s`. Raises RuntimeError when it
    does not come to rest."""
    end = time.monotonic() + patience_s
    while True:
        meter, pids = Meter(root), tree(root)
        time.sleep(quiet_s)
        # A child that has ended since took its time with it, unless it was reaped: so nobody may have come or gone.
        if meter.used_s() < share * quiet_s and tree(root) == pids:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"process {root} does not come to rest")


def idle_share(root: int, seconds: float) -> float:
    """What the tree uses when nothing happens, in seconds of CPU a second."""
    meter = Meter(root)
    time.sleep(seconds)
    return meter.used_s() / meter.elapsed_s()
