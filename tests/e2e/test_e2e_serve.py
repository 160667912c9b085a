"""`ringplan serve` as a whole: real processes, started, asked, crashed, reloaded and stopped by the commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.kit.house import PATIENCE, free_block, wait_for

pytestmark = pytest.mark.e2e
COMMAND = [sys.executable, "-P", "-c", "from switch.commands import main; main()"]


class System:
    """A home folder with a configuration, and what runs on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sip = free_block()
        self.metrics = self.sip + 1
        (home / "config").mkdir()
        self.config = home / "config" / "ringplan.yaml"
        self.config.write_text(
            f"country: US\nguard: {{hidden: false}}\nlisten: [{{address: 127.0.0.1, port: {self.sip}}}]\n"
            "lines: {alice: {extension: 101}}\ndevices: {phone: {secret: not-a-secret-1, lines: alice}}\n"
            f"services: {{600: echo}}\nmedia: {{address: 127.0.0.1, ports: {self.sip + 50}-{self.sip + 149}}}\n"
            f"metrics: {{port: {self.metrics}}}\nregistrar: {{qualify: 0s}}\n"
        )
        self.environ = {**os.environ, "RINGPLAN_HOME": str(home)}
        self.log = (home / "log").open("w+")
        self.process = self.popen("serve", stderr=self.log)

    def popen(self, *args: str, **options) -> subprocess.Popen[str]:
        return subprocess.Popen([*COMMAND, *args], env=self.environ, text=True, **options)

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *args], env=self.environ, capture_output=True, text=True, timeout=30 * PATIENCE
        )

    def status(self, since: float = 20.0 * PATIENCE) -> dict:
        """As soon as it answers without troubles, within so many seconds."""
        wait_for(lambda: (self.home / "run" / "control.sock").exists(), 20, "the control socket")
        deadline = time.monotonic() + since
        while True:
            done = self.run("status", "--json")
            if done.returncode == 0:
                return json.loads(done.stdout)
            assert time.monotonic() < deadline, done.stderr + done.stdout + (self.home / "log").read_text()
            time.sleep(0.1)

    def troubles(self, words: str) -> dict:
        """The status as soon as it tells of that trouble."""
        deadline = time.monotonic() + 20.0 * PATIENCE
        while True:
            done = self.run("status", "--json")
            told = json.loads(done.stdout) if done.returncode == 1 and done.stdout else {"troubles": []}
            if words in str(told["troubles"]):
                return told
            assert time.monotonic() < deadline, done.stderr + done.stdout
            time.sleep(0.1)

    def options(self, seconds: float = 5.0 * PATIENCE) -> bytes:
        """The answer to an OPTIONS request, as it comes over the wire; sent once, with no retransmission."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            port = phone.getsockname()[1]
            phone.settimeout(seconds)
            lines = (
                f"OPTIONS sip:127.0.0.1:{self.sip} SIP/2.0",
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{os.urandom(8).hex()};rport",
                "Max-Forwards: 70",
                "From: <sip:probe@example.com>;tag=1",
                f"To: <sip:127.0.0.1:{self.sip}>",
                f"Call-ID: {os.urandom(8).hex()}",
                "CSeq: 1 OPTIONS",
                "Content-Length: 0",
            )
            phone.sendto(("\r\n".join(lines) + "\r\n\r\n").encode(), ("127.0.0.1", self.sip))
            return phone.recv(65536)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture
def system(tmp_path):
    made = System(tmp_path)
    yield made
    made.close()


def test_it_serves_survives_a_crash_reloads_and_stops(system):
    before = system.status()
    assert before["lines"] == 1
    assert system.options().startswith(b"SIP/2.0 ")
    with urllib.request.urlopen(f"http://127.0.0.1:{system.metrics}/healthz", timeout=5 * PATIENCE) as health:
        assert health.read() == b"ok\n"

    # Killed; a request sent in that moment waits in the kernel and is answered after the restart.
    os.kill(before["process"], signal.SIGKILL)
    assert system.options().startswith(b"SIP/2.0 ")
    after = system.status()
    assert after["process"] != before["process"]

    good = system.config.read_text()
    system.config.write_text(good + "liness: {}\n")
    refused = system.run("reload")
    assert refused.returncode == 1
    assert "ringplan.yaml:10:1" in refused.stderr
    assert system.status()["configuration"] == after["configuration"]
    system.config.write_text(good.replace("101", "102"))
    assert system.run("reload").returncode == 0
    assert system.status()["configuration"] != after["configuration"]
    blocked = system.home / "data" / "live.msgpack.new"
    blocked.mkdir()
    system.config.write_text(good.replace("101", "103"))
    unkept = system.run("reload")
    assert unkept.returncode == 0
    assert "cannot be kept" in unkept.stdout + unkept.stderr
    blocked.rmdir()

    assert system.run("history", "--json").stdout.strip() == "[]"
    rss_kb = int(Path(f"/proc/{system.process.pid}/statm").read_text().split()[1]) * 4
    assert rss_kb < 25_000, "the supervisor must stay small"
    system.process.send_signal(signal.SIGTERM)
    assert system.process.wait(30 * PATIENCE) == 0
    assert system.run("status").returncode == 3


@pytest.fixture
def prepared(tmp_path, request):
    """A system whose state file stood there before it was started."""
    (tmp_path / "data").mkdir()
    request.param(tmp_path / "data" / "state.sqlite3")
    made = System(tmp_path)
    yield made
    made.close()


def damaged(path):
    path.write_bytes(b"no database at all " * 500)


def newer(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize("prepared", [damaged], indirect=True)
def test_it_starts_without_a_state_file_that_is_damaged(prepared):
    prepared.status()
    assert "the state file was damaged and is set aside" in (prepared.home / "log").read_text()
    assert (prepared.home / "data" / "state.sqlite3.damaged").read_bytes().startswith(b"no database")


def newer_journal(path):
    (path.parent / "journal").mkdir()
    (path.parent / "journal" / "1790000000-00112233aabbccdd.9.journal").write_bytes(b"of another age")


@pytest.mark.parametrize(
    ("prepared", "said"),
    [(newer, "the state file is of version 99"), (newer_journal, "is of format 9, this Ringplan knows 2")],
    indirect=["prepared"],
)
def test_it_does_not_touch_the_files_of_a_newer_version(prepared, said):
    assert prepared.process.wait(20 * PATIENCE) == 78
    assert said in (prepared.home / "log").read_text()


def test_a_second_one_on_the_same_data_is_refused(system):
    system.status()
    second = system.popen("serve", stderr=subprocess.PIPE)
    _, said = second.communicate(timeout=20 * PATIENCE)
    assert second.returncode == 78
    assert "another Ringplan" in said


def test_a_bad_file_at_the_start_falls_back_to_the_last_good_one(system):
    model = system.status()["configuration"]
    good = system.config.read_text()
    system.process.send_signal(signal.SIGTERM)
    system.process.wait(30 * PATIENCE)
    system.config.write_text("nonsense: [\n")
    system.process = system.popen("serve", stderr=system.log)
    told = system.troubles("the last good configuration is in force")
    assert told["configuration"] == model
    assert "ringplan.yaml:2:1" in str(told["troubles"])
    assert "CANNOT BE USED" in (system.home / "log").read_text()
    system.config.write_text(good)
    assert system.run("reload").returncode == 0
    assert system.status()["troubles"] == []


def test_a_bad_file_and_nothing_before_it_ends_with_its_errors(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config").mkdir()
    (home / "config" / "x.yaml").write_text("country: XX\n")
    done = subprocess.run(
        [*COMMAND, "serve"],
        env={**os.environ, "RINGPLAN_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=30 * PATIENCE,
    )
    assert done.returncode == 78
    assert "x.yaml:1:10" in done.stderr
