"""The supervisor: the small process that opens the doors, starts the others and starts them again when they die.

It is systemd's main process or PID 1 of a container. It knows no SIP and reads no YAML; a process that does so little
has little to die of. Three things follow from it:

- The listening sockets are its own and handed down, so while the exchange is restarted, datagrams and connections wait
  in the kernel instead of being refused.
- The media workers are its children, not the exchange's, so sound goes on while the exchange is away.
- When the supervisor itself is gone, the kernel kills the children (PR_SET_PDEATHSIG): the ports are free for the
  next one, and the journal makes that as harmless as any other crash.

Children:
    the exchange    python -P -m switch.app     and `switch.arguments.ExchangeArguments`
    media workers   python -P -m media.worker   and `switch.arguments.WorkerArguments`
    record feeder   python -P -m switch.feeding and where configuration and data are

A child that dies is started again at once; one that keeps dying waits longer each time, each child by its own count.
SIGTERM and SIGINT stop in order: the exchange first, which waits for its calls (it says so, and is given the time) and
has goodbyes to say; then the workers. A second one is passed on and ends the waiting, a third kills. SIGHUP goes on to
the exchange, which reloads its configuration.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import NamedTuple

from switch.arguments import (
    DRAINS,
    EXIT_CONFIG,
    LIVES,
    PREPARED,
    Blueprint,
    ExchangeArguments,
    ListenSocket,
    Places,
    literal,
)
from switch.desk import Desk, open_desk
from switch.estate import Estate, blueprint_of, inherit

PR_SET_PDEATHSIG = 1
DSCP_SIGNALLING = 24  # CS3 (RFC 4594 section 4.1 has CS5 for signalling; switches expect CS3)
UDP_BUFFER = 8 * 1024 * 1024


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


class Child:
    """One process that shall run: how to start it, and what became of it."""

    __slots__ = ("argv", "deaths", "due", "fds", "name", "pid", "renewed", "started")

    def __init__(self, name: str, argv: Sequence[str], fds: Sequence[int] = ()) -> None:
        self.name = name
        self.argv = list(argv)
        self.fds = tuple(fds)
        self.pid: int | None = None
        self.deaths = 0
        self.started = 0.0
        self.due: float | None = 0.0
        self.renewed = False
        """Whether it is being ended so that it is started again, with new code."""

    def runs(self, pid: int, started: float) -> None:
        """It is running already."""
        self.pid, self.started, self.due = pid, started, None


class Standby(NamedTuple):
    """An exchange that is to take the place of the one that runs: its process, the pipe that it speaks through, and
    what is the supervisor's own once it has: the child as it is started again, and the estate."""

    child: Child
    pipe: int
    heir: Child
    estate: Estate


class Supervisor:
    """Runs until it is told to stop. `log` gets one line of text at a time."""

    def __init__(
        self,
        exchange: Child,
        workers: Sequence[Child],  # in truth, all others: they outlive the exchange and are stopped after it
        *,
        patience: Patience = Patience(),
        status_fd: int | None = None,
        log: Callable[[str], None],
        notify: Callable[[str], None] = lambda _: None,
        watchdog_s: float | None = None,
        estate: Estate | None = None,
        desk: Desk | None = None,
    ) -> None:
        self.exchange = exchange
        self.workers = list(workers)
        self.patience = patience
        self.log = log
        self.notify = notify
        self._status_fd = status_fd
        self._watchdog_s = watchdog_s
        self._last_beat: float | None = None
        self._ready = False
        self._stops = 0
        self._killed_at = 0.0
        self._exit_status = 0
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.estate = estate
        self.desk = desk
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
        handlers = {number: signal.signal(number, _ignore) for number in _SIGNALS}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # which were held back while this process was renewed
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
                if child.pid is not None:
                    _kill(child.pid, signal.SIGKILL)
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
        for child in (*self.workers, self.exchange):
            if child.pid is None and child.due is not None and child.due <= now:
                child.due = None
                child.started = now
                child.pid = self._spawn(child)
                if child is self.exchange:
                    self._last_beat = None
                self.log(f"{child.name} started as process {child.pid}")

    def _spawn(self, child: Child) -> int:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            # This process has one thread, so all of Python may be used between fork and exec.
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.umask(0o077)  # whatever it writes, and however it does: for our own user alone
            self._libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)  # the parent died before the line above
            os.setsid()  # Ctrl-C in a terminal reaches the supervisor alone, which stops things in order
            for fd in child.fds:
                os.set_inheritable(fd, True)
            os.execv(child.argv[0], child.argv)
        except OSError as error:
            os.write(2, f"{child.argv[0]}: {error}\n".encode())
        finally:
            os._exit(127)

    # -- what happens --------------------------------------------------------------------------------------------

    def _signalled(self, number: int) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stops += 1
            self._killed_at = 0.0
            self._no_standby("the exchange is being stopped")
            if self._stops == 1:
                self.log("stopping")
                self.notify("STOPPING=1")
            patient = self._stops == 1 or (self._stops == 2 and self.exchange.pid is not None)
            for child in self._stopping():
                if child.pid is not None:
                    _kill(child.pid, signal.SIGTERM if patient else signal.SIGKILL)
            self._killed_at = time.monotonic()
        elif number == signal.SIGHUP and self.exchange.pid is not None:
            _kill(self.exchange.pid, signal.SIGHUP)

    def _beaten(self, now: float) -> None:
        said = self._drain()
        if self._stops and DRAINS in said:
            self._killed_at = now
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
                str(self._report.get("error") or f"the new exchange could not start: see its log ({_how(code)})")
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
        how = _how(code)
        if self._stops:
            self.log(f"{child.name} ended ({how})")
            if child is self.exchange:
                self._end_workers(now)
            return
        if child is self.exchange and code == EXIT_CONFIG and not self._ready:
            self.log(f"{child.name} cannot start: see its message above")
            self._exit_status = EXIT_CONFIG
            self._stops = 1
            self._end_workers(now)
            return
        child.deaths = 1 if now - child.started >= self.patience.healthy_s else child.deaths + 1
        delay = self.patience.delays_s[min(child.deaths, len(self.patience.delays_s)) - 1]
        child.due = now + delay
        self.log(f"{child.name} died ({how}); starting it again {f'in {delay:g} s' if delay else 'now'}")

    def _look_after(self, now: float) -> None:
        """Kill what is hung: an exchange that stopped beating, or a child that does not end when told to."""
        if self._standby is not None and now - self._standby.child.started > self.patience.standby_s:
            self._no_standby("the new exchange did not get ready in time")
        if not self._stops:
            silent = self._last_beat is not None and now - self._last_beat > self.patience.hung_s
            if silent and self.exchange.pid is not None:
                self.log(f"exchange has not moved for {self.patience.hung_s:g} s; killing it")
                self._last_beat = None
                _kill(self.exchange.pid, signal.SIGKILL)
        elif now - self._killed_at > self._stop_s():
            for child in self._stopping():
                if child.pid is not None:
                    self.log(f"{child.name} does not end; killing it")
                    _kill(child.pid, signal.SIGKILL)
            self._killed_at = now
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
            desk.refuse(renew(self.estate._replace(asker=asker, running=running)))

    def went_on(self) -> None:
        """This process was renewed: the exchange serves, as before."""
        self._ready, self._last_beat = True, time.monotonic()

    def stand_by(self, standby: Standby) -> None:
        """Start an exchange that is to take over."""
        self._standby, self._said, self._report = standby, b"", {}
        standby.child.runs(self._spawn(standby.child), time.monotonic())
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
            self._leaving.append(former)
        for fd in (
            *self.estate.status,
            *{each.fd for each in self.estate.sockets} - {each.fd for each in standby.estate.sockets},
        ):
            os.close(fd)
        assert standby.child.pid is not None
        self.exchange, self.estate, self._status_fd = standby.heir, standby.estate, standby.pipe
        self.exchange.runs(standby.child.pid, standby.child.started)
        self._ready, self._last_beat = True, now
        for child in self.workers:
            if child.name == FEEDER and child.pid is not None:
                child.renewed = True
                _kill(child.pid, signal.SIGTERM)
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
            _kill(standby.child.pid, signal.SIGKILL)
            self._leaving.append(standby.child)
        for fd in (
            *standby.estate.status,
            *{each.fd for each in standby.estate.sockets} - {each.fd for each in self.estate.sockets},
        ):
            os.close(fd)
        if self.exchange.pid is None and not self._stops:
            self.exchange.due = time.monotonic()
        if self.desk is not None:
            self.desk.refuse(why)

    # -- stopping ------------------------------------------------------------------------------------------------

    def _stopping(self) -> list[Child]:
        """Who is being stopped now: the exchange while it runs, then the workers."""
        return [self.exchange] if self.exchange.pid is not None else self.workers

    def _stop_s(self) -> float:
        return self.patience.exchange_stop_s if self.exchange.pid is not None else self.patience.worker_stop_s

    def _end_workers(self, now: float) -> None:
        self._killed_at = now
        for child in self.workers:
            if child.pid is not None:
                _kill(child.pid, signal.SIGTERM if self._stops < 3 else signal.SIGKILL)

    def _finished(self) -> bool:
        return self._stops > 0 and all(child.pid is None for child in self._children())

    def _children(self) -> list[Child]:
        standby = [] if self._standby is None else [self._standby.child]
        return [self.exchange, *self.workers, *self._leaving, *standby]

    def _wait_s(self, now: float) -> float | None:
        """Until the next thing that time brings; None when only a signal can bring anything."""
        waits = [
            child.due - now for child in (self.exchange, *self.workers) if child.due is not None and not self._stops
        ]
        if self._stops:
            waits.append(self._killed_at + self._stop_s() - now + 0.01)
        elif self._last_beat is not None:
            waits.append(self._last_beat + self.patience.hung_s - now + 0.01)
        if self._standby is not None:
            waits.append(self._standby.child.started + self.patience.standby_s - now + 0.01)
        if self._watchdog_s is not None:
            waits.append(self._watchdog_s / 2)
        return max(0.0, min(waits)) if waits else None


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _ignore(number: int, frame: object) -> None:
    """The wake-up pipe carries the signal; a handler must only exist for that."""


def _how(code: int) -> str:
    return f"exit status {code}" if code >= 0 else f"signal {-code}"


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def raise_file_limit() -> int:
    """Let this process and its children have as many files open as the system allows them; returns how many.

    The soft limit is often 1024, which is for programs that use select() on small sets; ours and uvloop's loops use
    epoll, and this process only watches two descriptors that it opened at its very start.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
    return hard


def has_family(address: str) -> bool:
    """Whether this machine speaks the family of an address at all: IPv6 may be switched off in its kernel."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        return error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)
    return True


def open_socket(transport: str, address: str, port: int, dscp: int = DSCP_SIGNALLING) -> socket.socket:
    """A bound UDP socket, or a listening TCP one, whose packets carry `dscp`. Port 0 lets the kernel choose. An IPv6
    socket takes IPv6 alone, whatever the system's bindv6only says: a second one serves IPv4. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    opened = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        if transport == "udp":
            # Room for the datagrams of a restart. SO_RCVBUFFORCE (33) goes past the system's limit where we may.
            for option in (33, socket.SO_RCVBUF):
                try:
                    opened.setsockopt(socket.SOL_SOCKET, option, UDP_BUFFER)
                    break
                except OSError:
                    continue
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        if transport != "udp":
            opened.listen(1024)
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def sd_notify(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell systemd, where it asked to be told (NOTIFY_SOCKET; sd_notify(3)). A failure to tell changes nothing."""
    path = environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.connect("\0" + path[1:] if path.startswith("@") else path)
            notifier.send(text.encode())
    except OSError:
        pass


def watchdog_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """How often systemd wants to hear from this process (WATCHDOG_USEC); None when it does not ask."""
    usec = environ.get("WATCHDOG_USEC", "")
    mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(usec) / 1e6 if usec.isdigit() and int(usec) and mine else None


def _apart(argv: Sequence[str], fds: Sequence[int], *, catch: bool = False) -> tuple[int, str]:
    """Run a short-lived process, and wait for it: its exit status, and with `catch` what it said on standard error."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            inherit(fds, True)
            if catch:
                os.dup2(write_end, 2)
            os.umask(0o077)
            os.execv(argv[0], list(argv))
        finally:
            os._exit(127)
    os.close(write_end)
    with open(read_end, encoding="utf-8", errors="replace") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said


def read_blueprint(places: Places, *, strict: bool = False) -> tuple[Blueprint | int, str]:
    """The part of the configuration that concerns the supervisor, from a short-lived process; or its exit status. With
    `strict` a configuration with errors is none, whatever was good before, and what it said comes along."""
    kept = os.memfd_create("blueprint", os.MFD_CLOEXEC)
    try:
        argv = [sys.executable, "-P", "-m", "switch.blueprint", "--fd", str(kept)]
        argv += ["--config", str(places.config), "--data", str(places.data), *(["--strict"] if strict else [])]
        code, said = _apart(argv, [kept], catch=strict)
        if code:
            return code if code > 0 else 1, said
        return blueprint_of(json.loads(os.pread(kept, os.fstat(kept).st_size, 0))), said
    finally:
        os.close(kept)


def here(found: Blueprint, log: Callable[[str], None]) -> Blueprint:
    """The same without what is there by default only and whose family this machine does not have."""
    listen = tuple(each for each in found.listen if not each[4] or has_family(each[1]))
    media = tuple(each for each in found.media_addresses if each not in found.media_optional or has_family(each))
    if len(listen) < len(found.listen) or len(media) < len(found.media_addresses):
        log("this machine has no IPv6: IPv4 alone is served")
    return found._replace(listen=listen, media_addresses=media)


def _take_away(made: Sequence[Path], lock: Path) -> None:
    """Folders that were made for a start that failed; one in which there is anything but the lock stays."""
    for folder in made:
        if [each.name for each in folder.iterdir()] == [lock.name]:
            lock.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()


def serve(places: Places, log: Callable[[str], None], patience: Patience = Patience()) -> int:
    """`ringplan serve`: everything from the configuration's path to the end of the process."""
    if not places.config.exists() and not places.data.exists():
        log(f"there is no configuration at {places.config} (ringplan init writes a first one)")
        return EXIT_CONFIG
    raise_file_limit()
    # The data are the service's own. The runtime folder has the control socket, which the service's group may use.
    made = [folder for folder in (places.data, places.runtime) if not folder.exists()]
    places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
    lock = os.open(places.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log(f"another Ringplan uses {places.data} already")
        return EXIT_CONFIG
    found, _ = read_blueprint(places)
    if isinstance(found, int):
        _take_away(made, places.data / "lock")
        return found
    found = here(found, log)
    sockets = []
    opened = []
    for transport, address, port, dscp, _ in found.listen:
        try:
            listening = open_socket(transport, address, port, dscp)
        except OSError as error:
            hint = f"stop what uses it, or write another port under `listen:` in {places.config}"
            log(f"cannot listen on {transport} {literal(address)} port {port}: {error.strerror} ({hint})")
            return EXIT_CONFIG
        opened.append(listening)
        sockets.append(ListenSocket(transport, address, listening.getsockname()[1], listening.fileno()))
        log(f"listening on {transport} {literal(address)} port {sockets[-1].port}")
    try:
        desk = open_desk(places.supervisor)
    except OSError as error:
        log(f"cannot listen on {places.supervisor}: {error.strerror}")
        return EXIT_CONFIG
    status = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    estate = Estate(places, tuple(sockets), found, lock, status, desk.fileno())
    return _supervisor(estate, Desk(desk, None, log), log).run()


FEEDER = "record feeder"


def _exchange(estate: Estate, *, standby: bool = False) -> Child:
    arguments = ExchangeArguments(estate.places, estate.sockets, estate.blueprint.workers, estate.status[1], standby)
    argv = [sys.executable, "-P", "-m", "switch.app", *arguments.argv()]
    return Child("exchange", argv, [*(each.fd for each in estate.sockets), estate.status[1]])


def _supervisor(estate: Estate, desk: Desk, log: Callable[[str], None]) -> Supervisor:
    """The supervisor of what there is, with its children as they are to be started."""
    python, places = [sys.executable, "-P", "-m"], estate.places
    workers = [
        Child(f"media worker {worker.number}", [*python, "media.worker", *worker.argv()])
        for worker in estate.blueprint.worker_arguments(places)
    ]
    feeding = ["switch.feeding", "--config", str(places.config), "--data", str(places.data)]
    workers.append(Child(FEEDER, [*python, *feeding]))
    return Supervisor(
        _exchange(estate),
        workers,
        status_fd=estate.status[0],
        log=log,
        notify=sd_notify,
        watchdog_s=watchdog_s(),
        estate=estate,
        desk=desk,
    )


def renew(estate: Estate) -> str:
    """Become the supervisor that the code on disk makes, with all that this one has. Returns only where it cannot be,
    with the reason."""
    kept = estate.pack()
    argv = [sys.executable, "-P", "-m", "switch.supervisor"]
    code, said = _apart([*argv, "--check", str(kept)], [kept], catch=True)
    if code:
        os.close(kept)
        why = said.strip().rpartition("\n")[2] or _how(code)
        return f"the code on disk cannot go on from here, a restart is needed ({why})"
    inherit([kept, *estate.fds()], True)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until the new code listens to them
    try:
        os.execv(argv[0], [*argv, "--renewed", str(kept)])
    except OSError as error:
        why = str(error.strerror)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    inherit(estate.fds(), False)
    os.close(kept)
    return f"the supervisor cannot be renewed ({why})"


def renewed(number: int, log: Callable[[str], None]) -> int:
    """`execv` of a supervisor that is being upgraded ends here: go on, and start the exchange that is to take over."""
    estate = Estate.unpack(number)
    inherit(estate.fds(), False)
    os.close(number)
    listening, asker = socket.socket(fileno=estate.desk), estate.asker
    desk = Desk(listening, socket.socket(fileno=asker) if asker >= 0 else None, log)
    supervisor = _supervisor(estate._replace(asker=-1, running=()), desk, log)
    children = {child.name: child for child in (supervisor.exchange, *supervisor.workers)}
    for name, pid, started in estate.running:
        if name in children:
            children[name].runs(pid, started)
    supervisor.went_on()
    return supervisor.run(lambda: _begin(supervisor, desk, log))


def _begin(supervisor: Supervisor, desk: Desk, log: Callable[[str], None]) -> None:
    """What the configuration on disk says now; and the exchange for it."""
    estate = supervisor.estate
    assert estate is not None
    desk.say(f"the supervisor runs on with the code on disk, as process {os.getpid()}")
    found, said = read_blueprint(estate.places, strict=True)
    if isinstance(found, int):
        desk.refuse("the configuration has errors; the exchange goes on as it was", tuple(said.splitlines()))
        return
    found = here(found, log)
    if found._replace(listen=estate.blueprint.listen) != estate.blueprint:
        desk.say("changes of the media workers and their ports take effect at the next restart")
    try:
        sockets = _listen(estate, found)
    except OSError as error:
        desk.refuse(f"{error}; the exchange goes on as it was")
        return
    status = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    after = estate._replace(sockets=sockets, blueprint=estate.blueprint._replace(listen=found.listen), status=status)
    supervisor.stand_by(Standby(_exchange(after, standby=True), status[0], _exchange(after), after))


def _listen(estate: Estate, found: Blueprint) -> tuple[ListenSocket, ...]:
    """The sockets for a blueprint: those that there are, and others, newly opened. Raises OSError that says which."""
    there = dict(zip((each[:4] for each in estate.blueprint.listen), estate.sockets, strict=False))
    made: list[socket.socket] = []
    sockets = []
    for transport, address, port, dscp, _ in found.listen:
        known = there.get((transport, address, port, dscp))
        if known is None:
            try:
                made.append(opened := open_socket(transport, address, port, dscp))
            except OSError as error:
                for each in made:
                    each.close()
                place = f"{transport} {literal(address)} port {port}"
                raise OSError(f"cannot listen on {place}: {error.strerror}") from error
            known = ListenSocket(transport, address, opened.getsockname()[1], opened.fileno())
        sockets.append(known)
    for each in made:
        each.detach()
    return tuple(sockets)


def write_log(text: str) -> None:
    """One line on standard error: words for a person at a terminal, else JSON like the exchange's own lines."""
    if not sys.stderr.isatty():
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = json.dumps({"event": text, "level": "info", "logger": "supervisor", "timestamp": at}, ensure_ascii=False)
    else:
        text = f"{time.strftime('%H:%M:%S')} [info     ] {text} logger=supervisor"  # as switch.logs writes there
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def use_large_pages(environ: MutableMapping[str, str] = os.environ) -> None:
    """Have the C library ask for large pages for the heaps of the processes that we start (`madvise`, where the system
    allows it): a process that sleeps between messages finds its translations of addresses gone, and there are fewer of
    them then. An operator's own word stands."""
    environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")


def main(argv: Sequence[str] | None = None) -> int:
    """`python -P -m switch.supervisor CONFIG DATA RUNTIME`; `ringplan serve` becomes this process. `--renewed FD`: it
    has been upgraded. `--check FD`: could it be?"""
    given = sys.argv[1:] if argv is None else list(argv)
    if given[0] == "--check":
        Estate.unpack(int(given[1]))
        return 0
    if given[0] == "--renewed":
        return renewed(int(given[1]), write_log)
    config, data, runtime = (Path(text) for text in given)

    # Until there is something to stop in order, ending is enough; process 1 of a container would ignore the signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    use_large_pages()
    return serve(Places(config, data, runtime), write_log)


if __name__ == "__main__":
    sys.exit(main())
