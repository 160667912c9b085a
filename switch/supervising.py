"""The supervisor at work: it starts its children, starts them again when they die, and stops them in order.

What they are, and where their sockets come from, is `switch/supervisor.py`'s to say; that module tells the whole story.

    a child dies     ->  it is started again, at once or later
    a signal         ->  all are stopped in order
    the desk asks    ->  this process is renewed, and an exchange in standby is started beside the one that runs
        it serves    ->  it is the exchange from now on, and the other one ends by itself
        it does not  ->  all is as before

Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from switch.arguments import DRAINS, EXIT_CONFIG, LIVES, PREPARED
from switch.children import SIGNALS, Child, ending
from switch.desk import Desk
from switch.estate import Estate

FEEDER = "record feeder"


class Patience(NamedTuple):
    """How long things may take, in seconds."""

    delays_s: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
    """Wait before a start, by how often the child died in a row."""
    healthy_s: float = 60.0
    """A child that lived as long as this is forgiven its earlier deaths."""
    hung_s: float = 15.0
    """An exchange that was ready and has been silent for so long is killed."""
    exchange_stop_s: float = 20.0
    """From when it was told, or last said that it waits for calls."""
    worker_stop_s: float = 5.0
    standby_s: float = 60.0
    """How long an exchange in standby may take until it has taken over."""


class Standby(NamedTuple):
    """An exchange that is to take the place of the one that runs: its process, the pipe that it speaks through, and
    what is the supervisor's own once it has: the child as it is started again, and the estate."""

    child: Child
    pipe: int
    heir: Child
    estate: Estate


class Supervisor:
    """Runs until it is told to stop. The `others`, media workers and the record feeder, outlive the exchange and are
    stopped after it. `log` gets one line of text at a time."""

    def __init__(
        self,
        exchange: Child,
        others: Sequence[Child],
        *,
        patience: Patience = Patience(),
        status_fd: int | None = None,
        log: Callable[[str], None],
        notify: Callable[[str], None] = lambda _: None,
        watchdog_s: float | None = None,
        estate: Estate | None = None,
        desk: Desk | None = None,
        renew: Callable[[Estate], str] = lambda _: "this process cannot be renewed",
    ) -> None:
        self.exchange = exchange
        self.others = list(others)
        self.patience = patience
        self.log = log
        self.notify = notify
        self._status_fd = status_fd
        self._watchdog_s = watchdog_s
        self._last_beat: float | None = None
        self._ready = False
        self._stops = 0
        self._told_at = 0.0
        """When those who are being stopped were told so last."""
        self._exit_status = 0
        self.estate = estate
        self.desk = desk
        self._renew = renew
        """Becomes the supervisor that the code on disk makes; or says why it cannot."""
        self._standby: Standby | None = None
        self._said = b""
        """What the standby has written, and was not read whole."""
        self._report: dict[str, object] = {}
        self._leaving: list[Child] = []
        """Exchanges that have handed over, and end by themselves."""

    def run(self, first: Callable[[], None] = lambda: None) -> int:
        """Start everything and look after it; `first` is done before. Returns the exit status for this process."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, _ignore) for number in SIGNALS}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # which were held back while this process was renewed
        try:
            first()
            while not self._finished():
                self._start_due(time.monotonic())
                readable, _, _ = select.select([wake_read, *self._readers()], [], [], self._wait_s(time.monotonic()))
                if wake_read in readable:
                    for number in os.read(wake_read, 512):
                        self._signalled(number)
                if self._status_fd in readable:
                    self._beaten(time.monotonic())
                if self._standby is not None and self._standby.pipe in readable:
                    self._standby_says(self._standby, time.monotonic())
                self._reap(time.monotonic())
                if self.desk is not None and self.desk.ready(readable):
                    self._upgrade(self.desk)
                self._look_after(time.monotonic())
        finally:
            for child in self._children():
                child.send(signal.SIGKILL)
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(wake_read)
            os.close(wake_write)
        return self._exit_status

    def _readers(self) -> list[int]:
        found = [] if self._status_fd is None else [self._status_fd]
        if self._standby is not None:
            found.append(self._standby.pipe)
        return found + (self.desk.fds() if self.desk is not None else [])

    # -- starting ------------------------------------------------------------------------------------------------

    def _start_due(self, now: float) -> None:
        if self._stops:
            return
        for child in (*self.others, self.exchange):
            if child.pid is None and child.due is not None and child.due <= now:
                child.start(now)
                if child is self.exchange:
                    self._last_beat = None
                self.log(f"{child.name} started as process {child.pid}")

    # -- what happens --------------------------------------------------------------------------------------------

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stops += 1
            self._no_standby("the exchange is being stopped")
            if self._stops == 1:
                self.log("stopping")
                self.notify("STOPPING=1")
            patient = self._stops == 1 or (self._stops == 2 and self.exchange.pid is not None)
            for child in self._stopping():
                child.send(signal.SIGTERM if patient else signal.SIGKILL)
            self._told_at = time.monotonic()
        elif number == signal.SIGHUP:
            self.exchange.send(signal.SIGHUP)

    def _beaten(self, now: float) -> None:
        said = self._drain()
        if self._stops and DRAINS in said:
            self._told_at = now
            wait_s = self.patience.exchange_stop_s + self.patience.worker_stop_s
            self.notify(f"EXTEND_TIMEOUT_USEC={wait_s * 1e6:.0f}")  # a stop may take as long as the drain does
        if self._last_beat is None and not self._stops:
            self.log("exchange is ready")
            self.notify(f"READY=1\nSTATUS=serving; exchange is process {self.exchange.pid}")
            self._ready = True
        self._last_beat = now

    def _drain(self) -> bytes:
        """What the exchange has written."""
        if self._status_fd is not None:
            with contextlib.suppress(BlockingIOError):
                return os.read(self._status_fd, 65536)
        return b""

    def _reap(self, now: float) -> None:
        """Take note of the dead; as PID 1 also of orphans that were never ours."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children():
                if child.pid == pid:
                    self._died(child, os.waitstatus_to_exitcode(status), now)

    def _died(self, child: Child, code: int, now: float) -> None:
        child.pid = None
        if child in self._leaving:
            self._leaving.remove(child)
            return
        if self._standby is not None and child is self._standby.child:
            self._no_standby(
                str(self._report.get("error") or f"the new exchange could not start: see its log ({ending(code)})")
            )
            return
        if child is self.exchange:
            self._drain()  # what the dead one had written must not speak for the next
            if self._standby is not None:
                self._last_beat = None  # its place is another's now, or soon
                return
        if child.renewed:
            child.renewed, child.due = False, now
            return
        how = ending(code)
        if self._stops:
            self.log(f"{child.name} ended ({how})")
            if child is self.exchange:
                self._end_others(now)
            return
        if child is self.exchange and code == EXIT_CONFIG and not self._ready:
            self.log(f"{child.name} cannot start: see its message above")
            self._exit_status = EXIT_CONFIG
            self._stops = 1
            self._end_others(now)
            return
        child.deaths = 1 if now - child.started >= self.patience.healthy_s else child.deaths + 1
        delay = self.patience.delays_s[min(child.deaths, len(self.patience.delays_s)) - 1]
        child.due = now + delay
        self.log(f"{child.name} died ({how}); starting it again {f'in {delay:g} s' if delay else 'now'}")

    def _look_after(self, now: float) -> None:
        """Kill what is hung: an exchange that stopped beating, or a child that does not end when told to."""
        if self._standby is not None and now - self._standby.child.started > self.patience.standby_s:
            self._no_standby("the new exchange did not get ready in time")
        for child in self._leaving:
            if child.pid is not None and child.due is not None and now > child.due:
                child.send(signal.SIGKILL)
                child.due = None
        if not self._stops:
            silent = self._last_beat is not None and now - self._last_beat > self.patience.hung_s
            if silent and self.exchange.pid is not None:
                self.log(f"exchange has not moved for {self.patience.hung_s:g} s; killing it")
                self._last_beat = None
                self.exchange.send(signal.SIGKILL)
        elif now - self._told_at > self._stop_s():
            for child in self._stopping():
                if child.pid is not None:
                    self.log(f"{child.name} does not end; killing it")
                    child.send(signal.SIGKILL)
            self._told_at = now
        if self._watchdog_s is not None:
            self.notify("WATCHDOG=1")

    # -- another exchange ----------------------------------------------------------------------------------------

    def _upgrade(self, desk: Desk) -> None:
        """Somebody asks for it: this process is renewed first, if it can be."""
        if self._stops:
            desk.refuse("the exchange is being stopped")
        elif self.estate is None or not self._ready or self.exchange.pid is None or self._last_beat is None:
            desk.refuse("no exchange is serving that could hand over: see `ringplan status`")
        else:
            running = tuple((each.name, each.pid, each.started) for each in self._children() if each.pid is not None)
            asker = desk.asker.fileno() if desk.asker is not None else -1
            why = self._renew(self.estate._replace(asker=asker, running=running))
            if why:
                desk.refuse(why)

    def went_on(self) -> None:
        """This process was renewed: the exchange serves, as before."""
        self._ready, self._last_beat = True, time.monotonic()

    def stand_by(self, standby: Standby) -> None:
        """Start an exchange that is to take over."""
        self._standby, self._said, self._report = standby, b"", {}
        standby.child.start(time.monotonic())
        self.log(f"new exchange started as process {standby.child.pid}")

    def _standby_says(self, standby: Standby, now: float) -> None:
        with contextlib.suppress(BlockingIOError):
            self._said += os.read(standby.pipe, 65536)
        while self._said:
            if self._said[:1] == b"{":
                line, end, rest = self._said.partition(b"\n")
                if not end:
                    return
                self._report, self._said = json.loads(line), rest
                continue
            kind, self._said = self._said[:1], self._said[1:]
            if kind == PREPARED and self.desk is not None:
                self.desk.say("the new exchange is prepared, and takes over")
            elif kind == LIVES:
                self._succeeded(standby, now)
                return

    def _succeeded(self, standby: Standby, now: float) -> None:
        """It serves: the other one is no more, or about to end."""
        assert self.estate is not None
        former, self._standby = self.exchange, None
        if former.pid is not None:
            former.due = now + self.patience.exchange_stop_s
            self._leaving.append(former)
        self.estate.close_but(standby.estate)
        assert standby.child.pid is not None
        self.exchange, self.estate, self._status_fd = standby.heir, standby.estate, standby.pipe
        self.exchange.runs(standby.child.pid, standby.child.started)
        self._ready, self._last_beat = True, now
        for child in self.others:
            if child.name == FEEDER and child.pid is not None:
                child.renewed = True
                child.send(signal.SIGTERM)
        self.notify(f"READY=1\nSTATUS=serving; exchange is process {self.exchange.pid}")
        if self.desk is not None:
            self.desk.done("done", self._report)

    def _no_standby(self, why: str) -> None:
        """It comes to nothing. The exchange that runs has noticed nothing; if it has handed over already, the next one
        goes on from the journal."""
        standby, self._standby = self._standby, None
        if standby is None or self.estate is None:
            return
        if standby.child.pid is not None:
            standby.child.send(signal.SIGKILL)
            self._leaving.append(standby.child)
        standby.estate.close_but(self.estate)
        if self.exchange.pid is None and not self._stops:
            self.exchange.due = time.monotonic()
        if self.desk is not None:
            self.desk.refuse(why)

    # -- stopping ------------------------------------------------------------------------------------------------

    def _stopping(self) -> list[Child]:
        """Who is being stopped now: the exchange while it runs, then the others."""
        return [self.exchange] if self.exchange.pid is not None else self.others

    def _stop_s(self) -> float:
        return self.patience.exchange_stop_s if self.exchange.pid is not None else self.patience.worker_stop_s

    def _end_others(self, now: float) -> None:
        self._told_at = now
        for child in self.others:
            child.send(signal.SIGTERM if self._stops < 3 else signal.SIGKILL)

    def _finished(self) -> bool:
        return self._stops > 0 and all(child.pid is None for child in self._children())

    def _children(self) -> list[Child]:
        standby = [] if self._standby is None else [self._standby.child]
        return [self.exchange, *self.others, *self._leaving, *standby]

    def _wait_s(self, now: float) -> float | None:
        """Until the next thing that time brings; None when only a signal can bring anything."""
        waits = [
            child.due - now for child in (self.exchange, *self.others) if child.due is not None and not self._stops
        ]
        if self._stops:
            waits.append(self._told_at + self._stop_s() - now + 0.01)
        elif self._last_beat is not None:
            waits.append(self._last_beat + self.patience.hung_s - now + 0.01)
        if self._standby is not None:
            waits.append(self._standby.child.started + self.patience.standby_s - now + 0.01)
        if self._watchdog_s is not None:
            waits.append(self._watchdog_s / 2)
        return max(0.0, min(waits)) if waits else None


def _ignore(number: int, frame: object) -> None:
    """The wake-up pipe carries the signal; a handler must only exist for that."""
