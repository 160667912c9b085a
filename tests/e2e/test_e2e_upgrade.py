"""`ringplan upgrade` under load: no INVITE fails, nobody's sound breaks off, a TCP telephone keeps its connection, and
every call has one record."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import House, house, wait_for
from tests.e2e.kit.phones import connect, softphones
from tests.e2e.kit.sipp import Sipp, answering, calling, register

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("sipp"), reason="needs the Debian package sip-tester"),
]

MANY = 100_000


def results(exchange: House) -> list[tuple[str, str, int]]:
    path = exchange.folder / "data" / "records.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as store:
        return store.execute("SELECT call, result, recovered FROM calls WHERE ended_at IS NOT NULL").fetchall()


def test_two_upgrades_under_load_fail_no_call(tmp_path):
    with house(tmp_path, registrar=", algorithms: md5") as exchange:
        supervisor, first = exchange.process.pid, exchange.starts("exchange")[-1]
        loaded = Sipp(
            exchange, answering(ring_ms=700), "callee", port=register(exchange, "bob"), calls=MANY, seconds=90
        )
        answers = Sipp(exchange, answering(), "tcp-callee", port=register(exchange, "frank"), seconds=90)
        with softphones(exchange, "carol", "dave") as (carol, dave):
            carol.play(523, -14)
            here, there = connect(carol, dave, "104")
            by_tcp = Sipp(exchange, calling("106", "erin", 0), "tcp", tcp=True, dials="106", seconds=90)
            load = Sipp(exchange, calling("102", "alice", 400), "load", calls=MANY, rate=20, dials="102", seconds=90)
            time.sleep(1.5)
            done = [exchange.json("upgrade") for _ in range(2)]
            time.sleep(1)
            load.finish()
            made = load.wait()
            (held,) = (each for each in exchange.json("calls") if each["called"] == "106")
            assert exchange.run("hangup", held["call"]).returncode == 0
            assert by_tcp.wait(10) == (1, 1, 0), by_tcp.trouble()
            carol.do("hangup", call=here)
            dave.over(there)
        assert made.failed == 0, load.trouble()
        assert made.good == made.made > 30
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
    assert sound.check(dave.wav(there), 523, -14).gap_s < 0.2
