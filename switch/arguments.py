"""What the supervisor tells its children on their command lines: both ways, so that writer and reader cannot differ.

Everything here is plain text on the command line, where `ps` shows it; secrets never pass this way. The supervisor
imports this module, so it needs the standard library only.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

EXIT_CONFIG = 78
"""A child that cannot start for a reason that a restart will not cure (configuration, permissions) exits with this."""

LIVES, DRAINS, PREPARED = b".", b"d", b"p"
"""What an exchange writes to the supervisor when it is ready, and once a second: that it lives, or that it was told to
stop and waits for calls still. One in standby says when it is prepared. Besides there may be a line of JSON, an object:
`{"error": "…"}` why it does not take over, or how it did."""

HOME_FOLDERS = ("config", "data", "run")


class Places(NamedTuple):
    """Where things are: the operator's YAML (a file or a folder), what must be kept, and sockets while we run."""

    config: Path
    data: Path
    runtime: Path

    @property
    def control(self) -> Path:
        """The exchange's control socket."""
        return self.runtime / "control.sock"

    @property
    def handover(self) -> Path:
        """Where an exchange hears of the one that is to take its place."""
        return self.runtime / "handover.sock"

    @property
    def supervisor(self) -> Path:
        """The supervisor's socket."""
        return self.runtime / "supervisor.sock"

    @property
    def journal(self) -> Path:
        """The folder of the journal."""
        return self.data / "journal"

    @property
    def records(self) -> Path:
        """The SQLite file of the records, unless the configuration names a database."""
        return self.data / "records.db"

    @property
    def heartbeat(self) -> Path:
        """Where the record feeder says that it lives (`records.heartbeat`)."""
        return self.data / "records.beat"

    @property
    def head(self) -> Path:
        """Where the record feeder keeps the end of the chain (`records.anchor`)."""
        return self.data / "records.head"

    def worker(self, index: int) -> Path:
        """The socket of media worker `index`."""
        return self.runtime / f"media-{index}.sock"

    @classmethod
    def find(
        cls,
        config: Path | None = None,
        data: Path | None = None,
        runtime: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Places:
        """An option wins; then RINGPLAN_CONFIG, _DATA, _RUNTIME; then the folders of RINGPLAN_HOME; then the system's
        (/etc/ringplan and so on) where they exist; then `./var`, which script/server makes."""
        home = environ.get("RINGPLAN_HOME")
        if home:
            usual = [Path(home).absolute() / name for name in HOME_FOLDERS]
        elif not Path("/etc/ringplan").exists() and Path("var/config").exists():
            usual = [Path("var").absolute() / name for name in HOME_FOLDERS]
        else:
            usual = [Path("/etc/ringplan"), Path("/var/lib/ringplan"), Path("/run/ringplan")]
        found = []
        for given, name, fallback in zip((config, data, runtime), ("CONFIG", "DATA", "RUNTIME"), usual, strict=True):
            named = environ.get(f"RINGPLAN_{name}")
            found.append((given or (Path(named) if named else fallback)).absolute())
        return cls(*found)


def literal(address: str) -> str:
    """As `switch.sip.uri.literal`, which needs more than the standard library."""
    return f"[{address}]" if ":" in address else address


class ListenSocket(NamedTuple):
    """A socket that is bound already (and listens, for TCP). `transport` is `udp` or `tcp`; `port` the real one."""

    transport: str
    address: str
    port: int
    fd: int

    def text(self) -> str:
        """`udp:192.0.2.1:5060:3`; an IPv6 address stands in brackets."""
        return f"{self.transport}:{literal(self.address)}:{self.port}:{self.fd}"

    @classmethod
    def parse(cls, text: str) -> ListenSocket:
        """The reverse of `text`. Raises ValueError."""
        transport, _, rest = text.partition(":")
        address, port, fd = rest.rsplit(":", 2)
        return cls(transport, address.strip("[]"), int(port), int(fd))


class ExchangeArguments(NamedTuple):
    """How the exchange is started: `python -P -m switch.app` and these.

    `status_fd` is a pipe to the supervisor (None when there is none): the exchange writes one byte when it is ready to
    serve and one a second from then on; when they stay away it is killed as hung and started again. `workers` is how
    many media workers run; their sockets are `places.worker(0)` and so on, each listened on by the worker. In `standby`
    it takes the place of an exchange that runs (`switch/handover.py`).
    """

    places: Places
    sockets: tuple[ListenSocket, ...]
    workers: int
    status_fd: int | None = None
    standby: bool = False

    def argv(self) -> list[str]:
        """The command line, without the interpreter and the module."""
        found = ["--config", str(self.places.config), "--data", str(self.places.data)]
        found += ["--runtime", str(self.places.runtime), "--workers", str(self.workers)]
        for socket in self.sockets:
            found += ["--socket", socket.text()]
        if self.status_fd is not None:
            found += ["--status-fd", str(self.status_fd)]
        return [*found, "--standby"] if self.standby else found

    @classmethod
    def parse(cls, argv: Sequence[str]) -> ExchangeArguments:
        """The reverse of `argv`. Exits with a usage message, as argparse does, when something is wrong."""
        parser = argparse.ArgumentParser("switch.app", description="The exchange; started by `ringplan serve`.")
        for name in ("--config", "--data", "--runtime"):
            parser.add_argument(name, type=Path, required=True)
        parser.add_argument("--workers", type=int, required=True)
        parser.add_argument("--socket", type=ListenSocket.parse, action="append", default=[])
        parser.add_argument("--status-fd", type=int)
        parser.add_argument("--standby", action="store_true")
        found = parser.parse_args(argv)
        places = Places(found.config, found.data, found.runtime)
        return cls(places, tuple(found.socket), found.workers, found.status_fd, found.standby)


class WorkerArguments(NamedTuple):
    """How a media worker is started: `python -P -m media.worker` and these. It may use ports `first_port` to
    `last_port` and binds them on each of `addresses`; a freed port rests for `rest_s` seconds. Its packets are marked
    with `dscp`."""

    socket: Path
    number: int
    addresses: tuple[str, ...]
    first_port: int
    last_port: int
    rest_s: float
    dscp: int

    def argv(self) -> list[str]:
        """The command line, without the interpreter and the module."""
        found = ["--socket", str(self.socket), "--index", str(self.number)]
        for address in self.addresses:
            found += ["--address", address]
        found += ["--ports", f"{self.first_port}-{self.last_port}"]
        return [*found, "--rest", f"{self.rest_s:g}", "--dscp", str(self.dscp)]


class Blueprint(NamedTuple):
    """What the supervisor must know of the configuration: `listen` as (transport, address, port, DSCP, optional), and
    the media workers' share. What is optional is left out where the machine does not have its family. Made by
    `switch.blueprint` in a process of its own, since the supervisor reads no YAML."""

    listen: tuple[tuple[str, str, int, int, bool], ...]
    media_addresses: tuple[str, ...]
    media_optional: tuple[str, ...]
    media_dscp: int
    first_port: int
    last_port: int
    rest_s: float
    workers: int

    def worker_arguments(self, places: Places) -> list[WorkerArguments]:
        """The port range divided evenly; every share begins at an even port, as RTP wants (RFC 3550 section 11)."""
        first = self.first_port + self.first_port % 2
        share = (self.last_port + 1 - first) // self.workers // 2 * 2
        return [
            WorkerArguments(
                places.worker(index),
                index,
                tuple(self.media_addresses),
                first + index * share,
                first + (index + 1) * share - 1,
                self.rest_s,
                self.media_dscp,
            )
            for index in range(self.workers)
        ]
