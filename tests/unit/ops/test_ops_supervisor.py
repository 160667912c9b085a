"""The supervisor with small stand-ins for its children: real processes, signals and sockets, no SIP."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from switch.arguments import Blueprint, ExchangeArguments, ListenSocket, Places
from switch.control import ControlClient, NotRunning, Refused
from switch.doors import open_socket
from switch.estate import Estate
from switch.supervisor import sd_notify, serve, use_large_pages, watchdog_s
from switch.views import UpgradeView

ROOT = Path(__file__).parents[3]

# Says who it is and on which socket it got what; ends by what the datagram tells it to do.
EXCHANGE = """
    import os, signal, socket, sys
    door = socket.socket(fileno=int(sys.argv[1]))
    door.setblocking(True)
    signal.signal(signal.SIGTERM, lambda *_: (say("exchange told to stop"), os._exit(0)))
    signal.signal(signal.SIGHUP, lambda *_: say("reload"))
    def say(text):
        os.write(1, f"{text} {os.getpid()}\\n".encode())
    say("exchange up")
    os.write(int(sys.argv[2]), b"+")
    while True:
        data = door.recv(100)
        if data == b"crash":
            os._exit(9)
        say("got " + data.decode())
"""
WORKER = """
    import os, signal, time
    signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"worker told to stop 0\\n"), os._exit(0)))
    os.write(1, f"worker up {os.getpid()}\\n".encode())
    while True:
        time.sleep(60)
"""
SUPERVISOR = """
    import os, sys
    from switch.doors import open_socket
    from switch.children import Child
    from switch.supervising import Patience, Supervisor
    door = open_socket("udp", "127.0.0.1", 0)
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    argv = [sys.executable, "-c", sys.argv[1], str(door.fileno()), str(write)]
    exchange = Child("exchange", argv, [door.fileno(), write])
    worker = Child("worker", [sys.executable, "-c", sys.argv[2]])
    patience = Patience(delays_s=(0.0, 0.3, 0.3), hung_s=float(sys.argv[3]), exchange_stop_s=float(sys.argv[4]))
    log = lambda text: os.write(1, f"log: {text}\\n".encode())
    os.write(1, f"port {door.getsockname()[1]}\\n".encode())
    notify = lambda text: os.write(1, f"notify: {text.splitlines()[0]}\\n".encode())
    sys.exit(Supervisor(exchange, [worker], patience=patience, status_fd=read, log=log, notify=notify).run())
"""


class Running:
    """A supervisor in a process of its own, and what it and its children said."""

    def __init__(self, exchange: str = EXCHANGE, hung_s: float = 60, stop_s: float = 20) -> None:
        scripts = [textwrap.dedent(text) for text in (SUPERVISOR, exchange, WORKER)]
        argv = [sys.executable, "-c", *scripts, str(hung_s), str(stop_s)]
        self.process = subprocess.Popen(
            argv,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.lines: list[str] = []
        self.waiting: list[str] = []
        self.port = int(self.wait_for("port ").split()[1])
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.phone.connect(("127.0.0.1", self.port))

    def wait_for(self, beginning: str) -> str:
        """The first line that begins so after those waited for before; every line read stays in `lines`."""
        for index, line in enumerate(self.waiting):
            if line.startswith(beginning):
                del self.waiting[index]
                return line
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith(beginning):
                return line.rstrip()
            self.waiting.append(line.rstrip())
        raise AssertionError(f"never said {beginning!r}: {self.lines}")

    def close(self) -> None:
        self.phone.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def running():
    opened: list[Running] = []

    def start(*args, **options) -> Running:
        opened.append(Running(*args, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_an_exchange_that_crashes_is_started_again_and_datagrams_wait_for_it(running):
    system = running()
    first = system.wait_for("exchange up").split()[-1]
    system.phone.send(b"crash")
    system.phone.send(b"hello")  # lands in the kernel while nobody reads
    assert system.wait_for("exchange up").split()[-1] != first
    assert system.wait_for("got").startswith("got hello")
    assert sum(line.startswith("worker up") for line in system.lines) <= 1, "the worker must live through it"


def test_one_that_keeps_dying_waits_longer(running):
    system = running()
    for expected in ("now", "in 0.3 s", "in 0.3 s"):
        system.wait_for("exchange up")
        system.phone.send(b"crash")
        assert system.wait_for("log: exchange died").endswith(f"starting it again {expected}")


def test_a_worker_that_is_killed_is_started_again_and_the_exchange_stays(running):
    system = running()
    pid = int(system.wait_for("worker up").split()[-1])
    os.kill(pid, signal.SIGKILL)
    assert int(system.wait_for("worker up").split()[-1]) != pid
    system.phone.send(b"still here")
    system.wait_for("got still here")


def test_it_stops_the_exchange_first_and_then_the_workers(running):
    system = running()
    system.wait_for("notify: READY=1")
    system.wait_for("worker up")
    system.process.send_signal(signal.SIGTERM)
    system.wait_for("exchange told to stop")
    system.wait_for("worker told to stop")
    said = [line.split(" told")[0] for line in system.lines if "told to stop" in line]
    assert said == ["exchange", "worker"]
    assert system.process.wait(10) == 0
    assert "notify: STOPPING=1" in system.lines


# Waits for calls when it is told to stop, and says so for longer than others get; a second signal ends that.
PATIENT = """
    import os, signal, sys, time
    told = 0
    def term(*_):
        global told
        told += 1
        os.write(1, f"told {told}\\n".encode())
    signal.signal(signal.SIGTERM, term)
    os.write(int(sys.argv[2]), b".")
    while told < 2:
        time.sleep(0.05)
        os.write(int(sys.argv[2]), b"d" if told else b".")
    if LINGERS:
        time.sleep(60)
"""


def test_an_exchange_that_waits_for_its_calls_is_given_the_time_and_a_second_signal_is_passed_on(running):
    system = running(exchange=PATIENT.replace("LINGERS", "False"), stop_s=1.5)
    system.wait_for("notify: READY=1")
    system.process.send_signal(signal.SIGTERM)
    system.wait_for("told 1")
    began = time.monotonic()
    while time.monotonic() - began < 2.0:  # longer than others get
        system.wait_for("notify: EXTEND_TIMEOUT_USEC=6500000")  # systemd gives it, too
    system.process.send_signal(signal.SIGTERM)
    system.wait_for("told 2")
    assert system.process.wait(10) == 0
    assert not any("killing it" in line for line in system.lines)


def test_a_third_signal_kills(running):
    system = running(exchange=PATIENT.replace("LINGERS", "True"))
    system.wait_for("notify: READY=1")
    for number in (1, 2):
        system.process.send_signal(signal.SIGTERM)
        system.wait_for(f"told {number}")
    system.process.send_signal(signal.SIGTERM)
    system.wait_for("log: exchange ended (signal 9)")
    assert system.process.wait(10) == 0


def test_a_hangup_signal_reaches_the_exchange(running):
    system = running()
    system.wait_for("notify: READY=1")
    system.process.send_signal(signal.SIGHUP)
    system.wait_for("reload")


def test_an_exchange_that_was_ready_and_no_longer_beats_is_killed(running):
    system = running(hung_s=0.2)
    system.wait_for("exchange up")
    system.wait_for("log: exchange has not moved")
    system.wait_for("exchange up")


def test_one_that_cannot_start_at_all_ends_the_supervisor(running):
    system = running(exchange="import os; os._exit(78)")
    assert system.process.wait(10) == 78


def test_children_die_with_their_supervisor(running):
    system = running()
    pid = int(system.wait_for("exchange up").split()[-1])
    system.process.kill()
    system.process.wait()
    wait_until_dead(pid)


def wait_until_dead(pid: int) -> None:
    for _ in range(600):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().split()[2]
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError("the exchange lives on and holds its ports")


def test_the_arguments_of_the_exchange_come_out_as_they_went_in():
    sockets = (ListenSocket("udp", "192.0.2.1", 5060, 7), ListenSocket("tcp", "2001:db8::1", 5060, 8))
    places = Places(Path("/etc/x"), Path("/var/x"), Path("/run/x"))
    given = ExchangeArguments(places, sockets, 2, 9)
    assert ExchangeArguments.parse(given.argv()) == given


def test_workers_share_the_ports_evenly_and_begin_at_even_ones():
    print_ = Blueprint((), ("0.0.0.0",), (), 46, 10001, 10021, 5.0, 2)
    first, second = print_.worker_arguments(Places(Path("/c"), Path("/d"), Path("/r")))
    assert (first.first_port, first.last_port) == (10002, 10011)
    assert (second.first_port, second.last_port) == (10012, 10021)
    assert second.socket == Path("/r/media-1.sock")


def test_a_port_in_use_is_an_error_and_leaves_no_socket_behind():
    with open_socket("udp", "127.0.0.1", 0) as taken, pytest.raises(OSError):
        open_socket("udp", "127.0.0.1", taken.getsockname()[1])


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_where_it_asked(tmp_path, abstract):
    name = f"\0ringplan-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name)
        sd_notify("READY=1", {"NOTIFY_SOCKET": name.replace("\0", "@")})
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_told_and_nothing_breaks(tmp_path):
    sd_notify("READY=1", {})
    sd_notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})


def test_the_watchdog_is_only_for_the_process_it_names():
    assert watchdog_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}) == 30.0
    assert watchdog_s({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}) is None
    assert watchdog_s({}) is None


def test_places_come_from_options_then_variables_then_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"RINGPLAN_HOME": str(tmp_path / "home"), "RINGPLAN_DATA": str(tmp_path / "elsewhere")}
    found = Places.find(config=Path("x.yaml"), environ=environ)
    assert found == Places(tmp_path / "x.yaml", tmp_path / "elsewhere", tmp_path / "home" / "run")
    assert Places.find(environ={}).runtime == Path("/run/ringplan")
    (tmp_path / "var/config").mkdir(parents=True)
    assert Places.find(environ={}).runtime == tmp_path / "var/run"


def test_a_start_that_fails_at_the_configuration_leaves_no_folders_behind(tmp_path):
    config = tmp_path / "ringplan.yaml"
    config.write_text("lines: 7\n")
    places = Places(config, tmp_path / "data", tmp_path / "run")
    said = []
    assert serve(places, said.append) != 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["ringplan.yaml"]
    places.data.mkdir()
    (places.data / "records.db").write_text("")
    assert serve(places, said.append) != 0
    assert (places.data / "records.db").exists()  # a folder that was there is not ours to take away


def test_children_ask_for_large_pages_unless_the_operator_says_otherwise() -> None:
    plain: dict[str, str] = {}
    use_large_pages(plain)
    assert plain == {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    own = {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}
    use_large_pages(own)
    assert own == {"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}


# One that may be told to stand by: it asks the one before for its place, as far as a stand-in can, and reports.
HEIR = """
    import os, signal, socket, sys, time
    home, pipe, standby = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["--standby"]
    def say(text):
        os.write(1, f"{text} {os.getpid()}\\n".encode())
    if standby:
        say("heir prepared")
        how = open(home + "/how").read()
        if how == "fails":
            os.write(pipe, b'{"error": "it has no legs"}\\n')
            sys.exit(1)
        os.write(pipe, b"p")
        if how == "dawdles":
            time.sleep(60)
        os.kill(int(open(home + "/pid").read()), signal.SIGUSR1)
        while os.path.exists(home + "/pid"):
            time.sleep(0.01)
        if how == "dies after all":
            os._exit(9)
        os.write(pipe, b'{"calls": 3, "gap_ms": 1.5}\\n')
    def leave(*_):
        os.unlink(home + "/pid")
        say("handed over")
        os._exit(0)
    signal.signal(signal.SIGTERM, lambda *_: (say("exchange told to stop"), os._exit(0)))
    signal.signal(signal.SIGUSR1, leave)
    open(home + "/pid", "w").write(str(os.getpid()))
    say("exchange up")
    while True:
        os.write(pipe, b".")
        time.sleep(0.05)
"""
RENEWABLE = """
    import os, socket, sys
    from pathlib import Path
    from switch.arguments import Blueprint, Places
    from switch.desk import Desk, open_desk
    from switch.estate import Estate
    from switch.children import Child
    from switch.supervising import FEEDER, Patience, Standby, Supervisor
    home = Path(sys.argv[1])
    places = Places(home / "ringplan.yaml", home, home)
    def say(text):
        os.write(1, f"{text}\\n".encode())
    def pipe():
        return os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    def exchange(status, *more):
        return Child("exchange", [sys.executable, "-c", sys.argv[2], str(home), str(status[1]), *more], [status[1]])
    listening = open_desk(places.supervisor)
    status = pipe()
    blueprint = Blueprint((), (), (), 0, 0, 0, 0.0, 1)
    estate = Estate(places, (), blueprint, os.memfd_create("lock"), status, listening.fileno())
    desk = Desk(listening, None, lambda text: say(f"log: {text}"))
    from switch import supervisor as real
    def renew(estate):
        if (home / "how").read_text() == "really":
            return real.renew(estate)
        # The process stays as it is: what follows the renewal is what is looked at here.
        assert Estate.unpack(estate.pack()) == estate
        after = pipe()
        heir, standby = exchange(after), exchange(after, "--standby")
        supervisor.stand_by(Standby(standby, after[0], heir, estate._replace(status=after)))
        return ""
    worker = Child("worker", [sys.executable, "-c", sys.argv[3]])
    feeder = Child(FEEDER, [sys.executable, "-c", sys.argv[3]])
    supervisor = Supervisor(
        exchange(status), [worker, feeder], patience=Patience(standby_s=float(sys.argv[4])), status_fd=status[0],
        log=lambda text: say(f"log: {text}"), notify=lambda text: say(f"notify: {text.splitlines()[0]}"),
        estate=estate, desk=desk, renew=renew,
    )
    sys.exit(supervisor.run())
"""


class Renewable(Running):
    """A supervisor whose exchange can be upgraded; `how` the heir behaves."""

    def __init__(self, home: Path, how: str = "", standby_s: float = 20) -> None:
        (home / "how").write_text(how)
        self.home = home
        scripts = [textwrap.dedent(text) for text in (RENEWABLE, HEIR, WORKER)]
        argv = [sys.executable, "-c", scripts[0], str(home), *scripts[1:], str(standby_s)]
        self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines, self.waiting = [], []
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.wait_for("notify: READY=1")

    def upgrade(self) -> list[UpgradeView]:
        with ControlClient(self.home / "supervisor.sock") as client:
            return list(client.follow("upgrade", UpgradeView))


@pytest.fixture
def renewable(tmp_path):
    opened: list[Renewable] = []

    def start(*args, **options) -> Renewable:
        opened.append(Renewable(tmp_path, *args, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_an_exchange_in_standby_takes_the_place_of_the_one_that_runs(renewable):
    system = renewable()
    first = system.wait_for("exchange up").split()[-1]
    steps = system.upgrade()
    assert steps[-1].report == {"calls": 3, "gap_ms": 1.5}
    assert system.wait_for("handed over").split()[-1] == first
    system.wait_for("notify: READY=1")
    second = system.wait_for("exchange up").split()[-1]
    assert second != first
    assert not any("died" in line for line in system.lines)
    os.kill(int(second), signal.SIGKILL)  # it is looked after as the other one was
    system.wait_for("log: exchange died (signal 9)")
    third = system.wait_for("exchange up").split()[-1]
    system.wait_for("notify: READY=1")
    assert system.upgrade()[-1].report["calls"] == 3
    assert system.wait_for("handed over").split()[-1] == third
    system.process.send_signal(signal.SIGTERM)
    system.wait_for("exchange told to stop")
    assert system.process.wait(10) == 0


def test_one_that_cannot_start_leaves_the_other_alone_and_says_why(renewable):
    system = renewable("fails")
    first = int(system.wait_for("exchange up").split()[-1])
    with pytest.raises(Refused, match="it has no legs"):
        system.upgrade()
    os.kill(first, 0)
    (system.home / "how").write_text("")
    assert system.upgrade()[-1].report["calls"] == 3


def test_one_that_does_not_get_ready_is_given_up(renewable):
    system = renewable("dawdles", standby_s=0.5)
    first = int(system.wait_for("exchange up").split()[-1])
    with pytest.raises(Refused, match="did not get ready in time"):
        system.upgrade()
    os.kill(first, 0)


def test_one_that_dies_when_it_has_the_place_is_followed_by_a_start_from_the_journal(renewable):
    system = renewable("dies after all")
    first = system.wait_for("exchange up").split()[-1]
    with pytest.raises(Refused, match="could not start"):
        system.upgrade()
    assert system.wait_for("exchange up").split()[-1] != first


def test_a_stop_in_the_midst_of_an_upgrade_stops(renewable):
    system = renewable("dawdles")
    system.wait_for("exchange up")
    said: list[str] = []

    def ask() -> None:
        try:
            system.upgrade()
        except Refused as refused:
            said.append(refused.message)

    asking = threading.Thread(target=ask)
    asking.start()
    system.wait_for("heir prepared")
    system.process.send_signal(signal.SIGTERM)
    system.wait_for("exchange told to stop")
    assert system.process.wait(10) == 0
    asking.join(5)
    assert said == ["the exchange is being stopped"]


def test_the_supervisor_goes_on_in_the_same_process_with_its_children_and_they_still_die_with_it(renewable):
    """What follows is refused here, for its configuration; the exchange goes on as it was."""
    system = renewable("really")
    exchange = int(system.wait_for("exchange up").split()[-1])
    (system.home / "ringplan.yaml").write_text("lines: 7\n")
    with pytest.raises(Refused, match="the configuration has errors") as refused:
        system.upgrade()
    assert any("ringplan.yaml:1:8" in line for line in refused.value.details)
    command = Path(f"/proc/{system.process.pid}/cmdline").read_bytes().split(b"\0")
    assert b"--renewed" in command
    os.kill(exchange, 0)
    system.process.kill()
    system.process.wait()
    wait_until_dead(exchange)


def test_who_asks_for_anything_else_is_not_heard(renewable):
    system = renewable()
    with ControlClient(system.home / "supervisor.sock") as client, pytest.raises(NotRunning):
        client.ask("reload", UpgradeView)
    assert stat.S_IMODE((system.home / "supervisor.sock").stat().st_mode) == 0o660


def test_an_estate_comes_out_as_it_went_in_and_a_strange_one_is_refused():
    places = Places(Path("/etc/x"), Path("/var/x"), Path("/run/x"))
    listen = (("udp", "192.0.2.1", 5060, 24, False),)
    found = Blueprint(listen, ("0.0.0.0",), (), 46, 10000, 20000, 5.0, 2)
    given = Estate(
        places, (ListenSocket("udp", "192.0.2.1", 5060, 7),), found, 3, (4, 5), 6, 8, (("exchange", 812, 1.5),)
    )
    kept = given.pack()
    assert Estate.unpack(kept) == given
    os.close(kept)
    other = os.memfd_create("other")
    os.write(other, b'{"places": []}')
    with pytest.raises(KeyError):
        Estate.unpack(other)
    os.close(other)
