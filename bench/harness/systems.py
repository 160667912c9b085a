"""The systems under measurement: Ringplan as it is shipped, and its peers. Each starts in a folder of its own.

Every system listens on 127.0.0.1, knows the callee's number 101, and lets the caller's address call it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.harness import processes, sipp

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench" / "peers"
HOST = "127.0.0.1"
NUMBER = "101"
"""The number that is called, its line and its telephone."""
CALLER = "100"
"""The telephone that calls with a password."""
SECRET = "bench-only-7Jq2"
REALM = "ringplan"


class System:
    """What all have in common. `start` may be called once."""

    name = ""
    what = ""
    install = ""
    registers = True
    """Whether it has a registrar, which then asks for a password."""
    port = 0
    able = 100_000
    """Calls a second beyond which measuring it says nothing: its core is full."""
    chores_s = 1.0
    """So long after its start it may begin what is to be done once in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"{self.name}-{time.monotonic_ns()}"
        self.folder.mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.idle = 0.0

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be measured here; empty when it can."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """What its environment has more."""
        return {}

    def ready(self) -> bool:
        """Whether it answers: an OPTIONS that gets any answer at all will do."""
        return _answers(self.address)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return HOST, self.port

    @property
    def pid(self) -> int:
        """The root of its processes."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it on its core and see what it uses when idle. Raises RuntimeError when it does not come up."""
        log = self.folder / "output"
        self.process = processes.start(
            self.command(), cores=processes.SYSTEM_CORES, output=log, env=self.environment(), folder=self.folder
        )
        try:
            processes.wait_for(self.ready, self.process, self.name, 60.0)
            if self.registers:
                sipp.register(self.address, self.folder, NUMBER, SECRET)
        except RuntimeError as error:
            self.stop()
            tail = log.read_text(errors="replace").splitlines()[-12:]
            raise RuntimeError("\n".join([str(error), *tail])) from None
        time.sleep(self.chores_s)
        processes.settle(self.pid)
        self.idle = processes.idle_share(self.pid, 2.0)

    def meter(self) -> processes.Meter:
        """A meter that starts now and leaves out what the system uses when idle."""
        return processes.Meter(self.pid, self.idle)

    def stop(self) -> None:
        """End it and its children."""
        if self.process is not None:
            children = processes.tree(self.process.pid)[1:]
            processes.stop(self.process)
            for pid in children:
                _end_if_left(pid, self.process.pid)

    def __enter__(self) -> System:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Ringplan(System):
    """`ringplan serve`: supervisor, exchange and one media worker, with journal, records, metrics, log and guard on."""

    name = "Ringplan"
    what = "B2BUA with journal, call records, media worker, metrics and guard"
    port = 15060
    metrics_port = 15464
    chores_s = 22.0
    """After 20 s it speaks its prompts into files, five seconds' work that only a first start has."""

    def __init__(self, folder: Path, devices: int = 0) -> None:
        super().__init__(folder)
        (self.folder / "ringplan.yaml").write_text(configuration(self.port, self.metrics_port, devices))

    @classmethod
    def missing(cls) -> str:
        return "" if Path(sys.executable).with_name("ringplan").exists() else "run script/bootstrap first"

    def command(self) -> list[str]:
        places = ["--config", "ringplan.yaml", "--data", "data", "--runtime", "run"]
        return [str(Path(sys.executable).with_name("ringplan")), "serve", *places]

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.metrics_port}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Kamailio(System):
    """Kamailio as a mere stateful proxy: usrloc in memory, digest from the script, no media, no records."""

    name = "Kamailio"
    what = "stateful proxy with usrloc"
    install = "apt install kamailio"
    port = 15160

    @classmethod
    def missing(cls) -> str:
        return "" if _program("kamailio") else cls.install

    def command(self) -> list[str]:
        log = ["-DD", "-E", "-e", "-m", "256", "-M", "16"]
        modules = next((str(path) for path in Path("/usr/lib").glob("**/kamailio/modules")), "")
        return [_program("kamailio"), "-f", str(PEERS / "kamailio.cfg"), "-L", modules, *log, "-Y", str(self.folder)]


class Sippy(System):
    """Sippy's simple B2BUA: sends every call to one next hop; no registrar, no media, its log off (kindest to it)."""

    name = "Sippy"
    what = "b2bua_simple, log off"
    install = (
        "python3 -m venv ~/.cache/ringplan-bench/sippy && ~/.cache/ringplan-bench/sippy/bin/pip install sippy "
        "(or name its b2bua_simple in RINGPLAN_BENCH_SIPPY)"
    )
    registers = False
    port = 15260
    able = 200

    @classmethod
    def program(cls) -> Path:
        """Where it would be."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return Path(os.environ.get("RINGPLAN_BENCH_SIPPY") or cache / "ringplan-bench/sippy/bin/b2bua_simple")

    @classmethod
    def missing(cls) -> str:
        return "" if cls.program().exists() else cls.install

    def command(self) -> list[str]:
        return [str(self.program()), "-f", "-l", HOST, "-p", str(self.port), "-n", f"{sipp.CALLEE}:{sipp.CALLEE_PORT}"]

    def environment(self) -> dict[str, str]:
        return {"SIPLOG_BEND": "none"}


def configuration(port: int, metrics_port: int, devices: int) -> str:
    """The shipped defaults but for OPTIONS to telephones and the end, with a carrier, two telephones, and `devices`
    more of them on lines of their own."""
    lines = [CALLER, NUMBER, *(str(10_000 + n) for n in range(devices))]
    text = [
        "country: GB",
        "listen:",
        f"  - {{transport: udp, address: {HOST}, port: {port}}}",
        f"  - {{transport: tcp, address: {HOST}, port: {port}}}",
        "media:",
        f"  address: {HOST}",
        # Ports rest for 5 s after a call, so 500 calls a second need 500 x 2 x 5 pairs and those that are in use.
        "  ports: 20000-59999",
        f"metrics: {{port: {metrics_port}}}",
        # SIPp takes a question for an error, and the others ask none.
        "registrar: {qualify: 0s}",
        # Between two runs nobody waits for calls that a peer has given up.
        "calls: {drain: 0s}",
        "trunks:",
        f"  carrier: {{host: {sipp.CALLER}, port: {sipp.CALLER_PORT}, extensions: true}}",
        "lines:",
        *(f'  "{line}": {{extension: {line}}}' for line in lines),
        "devices:",
        *(f'  "{line}": {{secret: {SECRET}, lines: "{line}"}}' for line in lines),
    ]
    return "\n".join(text) + "\n"


def _program(name: str) -> str:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin") or ""


def _answers(address: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((sipp.CALLEE, 0))
        host, port = sock.getsockname()
        sock.settimeout(0.3)
        lines = [
            f"OPTIONS sip:ping@{address[0]}:{address[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{time.monotonic_ns()}",
            "Max-Forwards: 70",
            f"From: <sip:bench@{host}>;tag={time.monotonic_ns()}",
            f"To: <sip:ping@{address[0]}>",
            f"Call-ID: {time.monotonic_ns()}@{host}",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        ]
        try:
            sock.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), address)
            return sock.recv(4096).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def _end_if_left(pid: int, parent: int) -> None:
    """A child that outlived its parent, if the number is still the same process: it has no parent of ours any more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] != "Z" and int(fields[1]) in (1, parent):
            os.kill(pid, signal.SIGKILL)
    except (OSError, IndexError):
        pass
