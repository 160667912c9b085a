"""Who had to wait for a processor, and when: so that a hole in the sound can be told from a machine that had no time.

The kernel counts for every thread how long it was ready to run and did not (`/proc/PID/task/TID/schedstat`). A hole is
the machine's when a thread of one of the processes that made that sound was kept waiting for most of it just then, or
the whole machine stood still.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

EVERY_S = 0.05
MACHINE = "machine"

Waited = Mapping[tuple[str, str], float]
"""For how many seconds a thread, by the name of its process and its id, has waited by now."""


class Stalls:
    """Looks at processes twenty times a second. `pids` gives them by name, as they run now."""

    def __init__(self, pids: Callable[[], Mapping[str, int]]) -> None:
        self._pids = pids
        self._seen: deque[tuple[float, Waited]] = deque(maxlen=int(300 / EVERY_S))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Stalls:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        before, late_s = time.monotonic(), 0.0
        while not self._stop.wait(EVERY_S):
            now = time.monotonic()
            late_s += max(0.0, now - before - EVERY_S)  # we were kept waiting ourselves
            found = {(name, thread): s for name, pid in self._pids().items() for thread, s in waited(pid).items()}
            before = time.monotonic()
            self._seen.append((now, {**found, (MACHINE, ""): late_s}))

    def kept_s(self, names: Collection[str], begin: float, end: float) -> tuple[float, str]:
        """For how long, at most, one of these was kept waiting between two instants, and which."""
        within = [each for at, each in list(self._seen) if begin - EVERY_S <= at <= end + EVERY_S]
        if not within:
            return 0.0, ""
        first, last = within[0], within[-1]
        return max((last[key] - first.get(key, last[key]), key[0]) for key in last if key[0] in (*names, MACHINE))


def waited(pid: int) -> dict[str, float]:
    """For how many seconds each thread of a process has waited for a processor so far; empty when it is gone."""
    found = {}
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
    return found
