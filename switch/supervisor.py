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

from switch.arguments import DRAINS, EXIT_CONFIG, Blueprint, ExchangeArguments, ListenSocket, Places, literal

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


class Child:
    """One process that shall run: how to start it, and what became of it."""

    __slots__ = ("argv", "deaths", "due", "fds", "name", "pid", "started")

    def __init__(self, name: str, argv: Sequence[str], fds: Sequence[int] = ()) -> None:
        self.name = name
        self.argv = list(argv)
        self.fds = tuple(fds)
        self.pid: int | None = None
        self.deaths = 0
        self.started = 0.0
        self.due: float | None = 0.0


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

    def run(self) -> int:
        """Start everything and look after it. Returns the exit status for this process."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, _ignore) for number in _SIGNALS}
        readers = [wake_read] + ([] if self._status_fd is None else [self._status_fd])
        try:
            while not self._finished():
                self._start_due(time.monotonic())
                readable, _, _ = select.select(readers, [], [], self._wait_s(time.monotonic()))
                if wake_read in readable:
                    for number in os.read(wake_read, 512):
                        self._signalled(number)
                if self._status_fd in readable:
                    self._beaten(time.monotonic())
                self._reap(time.monotonic())
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
        if child is self.exchange:
            self._drain()  # what the dead one had written must not speak for the next
        how = f"exit status {code}" if code >= 0 else f"signal {-code}"
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
        return [self.exchange, *self.workers]

    def _wait_s(self, now: float) -> float | None:
        """Until the next thing that time brings; None when only a signal can bring anything."""
        waits = [child.due - now for child in self._children() if child.due is not None and not self._stops]
        if self._stops:
            waits.append(self._killed_at + self._stop_s() - now + 0.01)
        elif self._last_beat is not None:
            waits.append(self._last_beat + self.patience.hung_s - now + 0.01)
        if self._watchdog_s is not None:
            waits.append(self._watchdog_s / 2)
        return max(0.0, min(waits)) if waits else None


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _ignore(number: int, frame: object) -> None:
    """The wake-up pipe carries the signal; a handler must only exist for that."""


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


def read_blueprint(places: Places) -> Blueprint | int:
    """The part of the configuration that concerns the supervisor, from a short-lived process; or its exit status."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    argv = [sys.executable, "-P", "-m", "switch.blueprint", "--fd", str(write_end)]
    argv += ["--config", str(places.config), "--data", str(places.data)]
    pid = os.fork()
    if pid == 0:
        try:
            os.set_inheritable(write_end, True)
            os.umask(0o077)
            os.execv(argv[0], argv)
        finally:
            os._exit(127)
    os.close(write_end)
    with open(read_end, encoding="utf-8") as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code:
        return code if code > 0 else 1
    found = json.loads(text)
    found["listen"] = tuple(tuple(each) for each in found["listen"])
    return Blueprint(**found)


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
    found = read_blueprint(places)
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
    status_read, status_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    arguments = ExchangeArguments(places, tuple(sockets), found.workers, status_write)
    python = [sys.executable, "-P", "-m"]
    exchange = Child("exchange", [*python, "switch.app", *arguments.argv()], [*(s.fd for s in sockets), status_write])
    workers = [
        Child(f"media worker {worker.number}", [*python, "media.worker", *worker.argv()])
        for worker in found.worker_arguments(places)
    ]
    feeding = ["switch.feeding", "--config", str(places.config), "--data", str(places.data)]
    workers.append(Child("record feeder", [*python, *feeding]))
    supervisor = Supervisor(
        exchange,
        workers,
        patience=patience,
        status_fd=status_read,
        log=log,
        notify=sd_notify,
        watchdog_s=watchdog_s(),
    )
    return supervisor.run()


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
    """`python -P -m switch.supervisor CONFIG DATA RUNTIME`; `ringplan serve` becomes this process."""
    config, data, runtime = (Path(text) for text in (sys.argv[1:] if argv is None else argv))

    # Until there is something to stop in order, ending is enough; process 1 of a container would ignore the signal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    use_large_pages()
    return serve(Places(config, data, runtime), write_log)


if __name__ == "__main__":
    sys.exit(main())
