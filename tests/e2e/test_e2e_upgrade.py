"""`ringplan upgrade` under load: no INVITE fails, nobody's sound breaks off, a TCP telephone keeps its connection, and
every call has one record."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from tests.e2e.kit.house import House, house, wait_for
from tests.e2e.kit.sipp import Sipp, answering, calling, register
from tests.e2e.kit.wire import Session, WirePhone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester"),
]

MANY = 100_000


def results(exchange: House) -> list[tuple[str, str, int]]:
    path = exchange.folder / "data" / "records.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as store:
        return store.execute("SELECT call, result, recovered FROM calls WHERE ended_at IS NOT NULL").fetchall()


class Talk:
    """Two telephones; the one speaks without a pause, and of what the other hears each packet is known."""

    def __init__(self, one: WirePhone, other: WirePhone, number: str) -> None:
        self.one, self.other = one, other
        assert other.register().status == 200
        self.session: Session = one.invite(number)
        other.answer(other.wait("INVITE"), 200, body=other.describe())
        self.to = self.session.answered().audio
        other.wait("ACK")
        self.heard: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        while not self._over.is_set():
            self.one.talk(self.to, 0.1)
            self.heard += [int.from_bytes(packet[2:4], "big") for packet in self.other.heard()]

    def end(self) -> int:
        """Hang up; how many packets in a row were missing at the most."""
        self._over.set()
        self._thread.join()
        self.session.cseq += 1
        self.session.send("BYE", self.session.uri)
        self.other.answer(self.other.wait("BYE"), 200)
        self.one.wait(200, method="BYE")
        return max(later - earlier - 1 for earlier, later in itertools.pairwise(sorted(set(self.heard))))


def test_two_upgrades_under_load_fail_no_call(tmp_path):
    with house(tmp_path, registrar=", algorithms: md5") as exchange:
        supervisor, first = exchange.process.pid, exchange.starts("exchange")[-1]
        port = register(exchange, "bob")
        loaded = Sipp(exchange, answering(ring_ms=700), "callee", port=port, calls=MANY, seconds=90)
        answers = Sipp(exchange, answering(), "tcp-callee", port=register(exchange, "frank"), seconds=90)
        with WirePhone(exchange, "carol") as carol, WirePhone(exchange, "dave") as dave:
            talk = Talk(carol, dave, "104")
            by_tcp = Sipp(exchange, calling("106", "erin", 0), "tcp", tcp=True, dials="106", seconds=90)
            load = Sipp(exchange, calling("102", "alice", 400), "load", calls=MANY, rate=20, dials="102", seconds=90)
            wait_for(lambda: exchange.json("status")["calls"] > 14, 8, "the load")
            done = [exchange.json("upgrade") for _ in range(2)]
            wait_for(lambda: exchange.recorded() > 30, 8, "more calls")
            time.sleep(0.5)
            load.finish()
            made = load.wait()
            (held,) = (each for each in exchange.json("calls") if each["called"] == "106")
            assert exchange.run("hangup", held["call"]).returncode == 0
            assert by_tcp.wait(10) == (1, 1, 0), by_tcp.trouble()
            missing = talk.end()
        assert made.failed == 0, load.trouble()
        assert made.good == made.made > 30
        assert missing < 10, "200 ms of sound"
        assert len(talk.heard) > 100
        assert answers.wait(5) == (1, 1, 0), answers.trouble()

        assert exchange.process.pid == supervisor
        assert [each["process_before"] for each in done] == [first, done[0]["process"]]
        assert all(each["being_set_up"] > 5 and each["connections"] >= 1 for each in done), done
        calls = made.made + 2
        wait_for(lambda: len(results(exchange)) >= calls, 10, "the records")
        found = results(exchange)
        assert len({call for call, _, _ in found}) == len(found) == calls
        assert {result for _, result, _ in found} == {"answered"}
        assert sum(recovered for _, _, recovered in found) > 10
        wait_for(lambda: exchange.json("status")["calls"] == 0, 5, "all calls to end")
        loaded.stop()
        for pid in (first, done[0]["process"]):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
