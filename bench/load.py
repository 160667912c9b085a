"""What the benchmarks of the media worker share: the worker as a process, others that play the phones, and the measures
that the kernel takes of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FIRST_PORT, LAST_PORT = 36000, 59999


def cpu_seconds(pid: int) -> float:
    """Time that the process's threads have been on a CPU, to the nanosecond (user, system and its interrupts)."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def resident_bytes(pid: int) -> int:
    """Resident memory of the process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kernel_drops() -> int:
    """Packets that the kernel dropped at sockets in the worker's port range because nobody read them in time."""
    drops = 0
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if FIRST_PORT <= int(fields[1].rpartition(":")[2], 16) <= LAST_PORT:
            drops += int(fields[-1])
    return drops


def sockets(count: int) -> list[socket.socket]:
    """Those of `count` phones, which wait for nothing."""
    found = []
    for _ in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        found.append(sock)
    return found


@contextlib.contextmanager
def running(path: str, start: list[str], pin: bool, arguments: tuple[str, ...] = ()) -> Iterator[int]:
    """The worker, begun as `python -P START` and listening for commands at `path`; its pid. `pin`: on core 0 alone."""
    ports = f"{FIRST_PORT}-{LAST_PORT}"
    process = subprocess.Popen(
        [sys.executable, "-P", *start, "--socket", path, "--ports", ports, "--address", "127.0.0.1", *arguments],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        if pin:
            os.sched_setaffinity(process.pid, {0})
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


LOAD_CORES = set(range(1, os.cpu_count() or 1)) or {0}
"""Those that a pinned worker has not."""


class Generators:
    """Processes that play the phones, all beginning at once, on these `cores` if any are named."""

    def __init__(self, seconds: float, cores: set[int] | None = None) -> None:
        self._context = multiprocessing.get_context("fork")
        self._begin = self._context.Event()
        self._seconds = seconds
        self._cores = cores
        self._processes: list[Any] = []
        self._pipes: list[Any] = []

    def start(self, target: Callable[..., None], *arguments: Any) -> None:
        """One more, which calls `target` with its pipe, the arguments, the seconds and the event to wait for."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=target, args=(theirs, *arguments, self._seconds, self._begin))
        process.start()
        if self._cores and process.pid is not None:
            os.sched_setaffinity(process.pid, self._cores)
        self._processes.append(process)
        self._pipes.append(ours)

    def said(self) -> list[Any]:
        """What each says next: first its ports, then what came of it."""
        return [pipe.recv() for pipe in self._pipes]

    def tell(self, ports: list[list[int]]) -> None:
        """Tell each the ports that its phones send to."""
        for pipe, each in zip(self._pipes, ports, strict=True):
            pipe.send(each)

    def begin(self) -> None:
        """Let all send."""
        self._begin.set()

    def join(self) -> None:
        """Wait for their ends."""
        for process in self._processes:
            process.join(5)


def wait_for(path: str) -> None:
    """Until the worker listens."""
    while not Path(path).exists():
        time.sleep(0.01)
    time.sleep(0.3)
