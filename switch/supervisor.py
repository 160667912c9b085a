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
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from pathlib import Path

from switch.arguments import EXIT_CONFIG, Blueprint, ExchangeArguments, Places, literal
from switch.children import SIGNALS, Child, ending
from switch.desk import Desk, open_desk
from switch.doors import here, listen, raise_file_limit
from switch.estate import Estate, blueprint_of, inherit
from switch.supervising import FEEDER, Patience, Standby, Supervisor


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
    try:
        sockets = listen(found)
    except OSError as error:
        log(f"{error} (stop what uses it, or write another port under `listen:` in {places.config})")
        return EXIT_CONFIG
    for each in sockets:
        log(f"listening on {each.transport} {literal(each.address)} port {each.port}")
    try:
        desk = open_desk(places.supervisor)
    except OSError as error:
        log(f"cannot listen on {places.supervisor}: {error.strerror}")
        return EXIT_CONFIG
    status = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    estate = Estate(places, sockets, found, lock, status, desk.fileno())
    return _supervisor(estate, Desk(desk, None, log), log, patience).run()


def _exchange(estate: Estate, *, standby: bool = False) -> Child:
    arguments = ExchangeArguments(estate.places, estate.sockets, estate.blueprint.workers, estate.status[1], standby)
    argv = [sys.executable, "-P", "-m", "switch.app", *arguments.argv()]
    return Child("exchange", argv, [*(each.fd for each in estate.sockets), estate.status[1]])


def _supervisor(estate: Estate, desk: Desk, log: Callable[[str], None], patience: Patience = Patience()) -> Supervisor:
    """The supervisor of what there is, with its children as they are to be started."""
    python, places = [sys.executable, "-P", "-m"], estate.places
    others = [
        Child(f"media worker {worker.number}", [*python, "media.worker", *worker.argv()])
        for worker in estate.blueprint.worker_arguments(places)
    ]
    feeding = ["switch.feeding", "--config", str(places.config), "--data", str(places.data)]
    others.append(Child(FEEDER, [*python, *feeding]))
    return Supervisor(
        _exchange(estate),
        others,
        patience=patience,
        status_fd=estate.status[0],
        log=log,
        notify=sd_notify,
        watchdog_s=watchdog_s(),
        estate=estate,
        desk=desk,
        renew=renew,
    )


def renew(estate: Estate) -> str:
    """Become the supervisor that the code on disk makes, with all that this one has. Returns only where it cannot be,
    with the reason."""
    kept = estate.pack()
    argv = [sys.executable, "-P", "-m", "switch.supervisor"]
    code, said = _apart([*argv, "--check", str(kept)], [kept], catch=True)
    if code:
        os.close(kept)
        why = said.strip().rpartition("\n")[2] or ending(code)
        return f"the code on disk cannot go on from here, a restart is needed ({why})"
    inherit([kept, *estate.fds()], True)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the new code listens to them
    try:
        os.execv(argv[0], [*argv, "--renewed", str(kept)])
    except OSError as error:
        why = str(error.strerror)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
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
    children = {child.name: child for child in (supervisor.exchange, *supervisor.others)}
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
    supervisor.notify("WATCHDOG=1")  # to read a large configuration takes a while
    found, said = read_blueprint(estate.places, strict=True)
    if isinstance(found, int):
        desk.refuse("the configuration has errors; the exchange goes on as it was", tuple(said.splitlines()))
        return
    found = here(found, log)
    if found._replace(listen=estate.blueprint.listen) != estate.blueprint:
        desk.say("changes of the media workers and their ports take effect at the next restart")
    try:
        sockets = listen(found, estate)
    except OSError as error:
        desk.refuse(f"{error}; the exchange goes on as it was")
        return
    status = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    after = estate._replace(sockets=sockets, blueprint=estate.blueprint._replace(listen=found.listen), status=status)
    supervisor.stand_by(Standby(_exchange(after, standby=True), status[0], _exchange(after), after))


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
