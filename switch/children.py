"""The processes that the supervisor starts: what each is, and how it begins and ends. Standard library only."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""What the supervisor listens to; its children begin without."""


class Child:
    """One process that shall run: how to start it, and what became of it."""

    __slots__ = ("argv", "deaths", "due", "fds", "name", "pid", "renewed", "started")

    def __init__(self, name: str, argv: Sequence[str], fds: Sequence[int] = ()) -> None:
        self.name = name
        self.argv = list(argv)
        self.fds = tuple(fds)
        self.pid: int | None = None
        self.deaths = 0
        """In a row."""
        self.started = 0.0
        self.due: float | None = 0.0
        """When it is started; of an exchange that is leaving, when it is killed."""
        self.renewed = False
        """Whether it is being ended so that it is started again, with new code."""

    def start(self, now: float) -> None:
        """Begin the process, which has the descriptors `fds`, and dies with this one."""
        self.runs(_spawn(self.argv, self.fds), now)

    def runs(self, pid: int, started: float) -> None:
        """It is running already."""
        self.pid, self.started, self.due = pid, started, None

    def send(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.pid is not None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass


def ending(code: int) -> str:
    """How a process ended."""
    return f"exit status {code}" if code >= 0 else f"signal {-code}"


def _spawn(argv: list[str], fds: Sequence[int]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        # This process has one thread, so all of Python may be used between fork and exec.
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o077)  # whatever it writes, and however it does: for our own user alone
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the line above
        os.setsid()  # Ctrl-C in a terminal reaches the supervisor alone, which stops things in order
        for fd in fds:
            os.set_inheritable(fd, True)
        os.execv(argv[0], argv)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error}\n".encode())
    finally:
        os._exit(127)
