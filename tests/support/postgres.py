"""A PostgreSQL server of the tests' own, from Debian's package: on a free port, in a folder that goes with it.

It writes nothing to disk that it need not, and dies with the process that started it. PostgreSQL refuses to run as
root; the package's own user does it then.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from records.store import Store

FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=20")
"""Nobody needs what is in it after a loss of power."""
TEMPLATE = "migrated"
_PDEATHSIG = 1


class Postgres:
    """A server. `start` and `stop` may come in turns; what is in it stays."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
        if not found:
            raise RuntimeError("PostgreSQL is not installed: script/test does that (Debian's package postgresql)")
        self._bin = found[-1].parent
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._folder = Path(tempfile.mkdtemp(prefix="ringplan-pg-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tests", TEMPLATE)
        store = Store(self.url(TEMPLATE))
        store.migrate()
        store.close()

    def url(self, name: str) -> str:
        """Of a database."""
        return f"postgresql+asyncpg://tests@127.0.0.1:{self.port}/{name}"

    def database(self, template: str = TEMPLATE) -> str:
        """The URL of a new database: with the record store's tables, or `template0` for one with nothing in it."""
        self._made += 1
        name = f"test{self._made}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tests", "-T", template, name)
        return self.url(name)

    def start(self) -> None:
        """Run it, and wait until it answers."""
        arguments = [str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port)]
        arguments += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._folder}"]
        for setting in FAST:
            arguments += ["-c", setting]
        self._process = self._started(arguments)
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 30
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def freeze(self, *, frozen: bool) -> None:
        """Let it neither answer nor refuse, as a machine that hangs; and go on."""
        assert self._process is not None
        pid = self._process.pid  # its children have sessions of their own
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            os.kill(each, signal.SIGSTOP if frozen else signal.SIGCONT)

    def close(self) -> None:
        """End it and take its folder away."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments], capture_output=True, text=True, check=False, **self._how
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}")

    def _started(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        libc = ctypes.CDLL(None)
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                arguments,
                **self._how,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: libc.prctl(_PDEATHSIG, int(signal.SIGQUIT)),
            )

    @property
    def _how(self) -> dict[str, Any]:
        """How its programs are started: never as root."""
        alike = {"cwd": self._folder, "env": {"LC_ALL": "C", "PATH": os.defpath}}
        return {**alike, "user": self._user, "extra_groups": []} if os.geteuid() == 0 else alike
