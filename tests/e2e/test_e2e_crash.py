"""kill -9 while people talk: the sound goes on, both can hang up, the record is one and whole; and the orderly end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.crash.run import GAP_S, run
from tests.e2e.kit import sound
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import connect, softphones
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(180)
def test_calls_go_on_while_the_exchange_is_killed_three_times(tmp_path):
    """Talking, held, parked, recorded, limited and in a conference; `script/crash` does it two hundred times."""
    outcome = run(tmp_path / "house", 3, seed=1, limit_s=10.0)
    assert outcome.wrong == []
    assert outcome.kills == 3
    assert outcome.looked_s > 60


def test_calls_that_are_being_set_up_and_registrations_that_were_just_answered(tmp_path):
    """Placed while the exchange is away: answered after the restart. Ringing: ended, the phones told, one record.
    Registered in the instant before: called."""
    with (
        house(tmp_path) as exchange,
        softphones(exchange, "alice", "bob") as (alice, bob),
        WirePhone(exchange, "carol") as carol,
        WirePhone(exchange, "dave") as dave,
    ):
        assert carol.register().status == 200
        assert dave.register().status == 200
        exchange.kill("exchange")
        exchange.serving(2)
        invite = carol.invite("104")
        assert dave.wait("INVITE").uri == dave.contact
        invite.cancel()

        exchange.kill("exchange")
        here, there = connect(alice, bob, "102")
        bob.do("hangup", call=there)
        alice.over(here)
        exchange.serving(3)  # which is said a moment after the first packets are read

        bob.do("answers", statuses=[180])
        mark = bob.mark()
        here = alice.call("102")
        there = bob.incoming(mark)
        alice.expect("call", call=here, state="EARLY")
        exchange.kill("exchange")
        exchange.serving(4)
        assert bob.over(there)["status"] in (487, 0)
        assert alice.over(here)["status"] >= 480
        reasons = [each["reason"] for each in exchange.history(3)]
        assert reasons[:2] == ["crash_before_answer", "callee_hung_up"]


def test_a_media_worker_is_killed_and_its_calls_go_on(tmp_path):
    """What its telephones hear is away for a moment; a recording goes on in its file, and nobody leaves the room. The
    other worker's call hears nothing of it."""
    more = "account: {record: {on_demand: true}}\nconferences: {board: {extension: 800, announce: none}}\n"
    with (
        house(tmp_path, more, media=", workers: 2") as exchange,
        softphones(exchange, "alice", "bob", "carol", "dave") as (alice, bob, carol, dave),
    ):
        alice.play(523, -14)
        bob.play(1200, -20)
        carol.play(700, -14)
        dave.play(900, -14)
        here, there = connect(alice, bob, "102")
        (call,) = exchange.json("calls")
        worker = [each["legs"] for each in exchange.json("status")["workers"]].index(2)
        kept, other = connect(carol, dave, "104")
        room = {phone: phone.call("800") for phone in (bob, dave, carol)}
        for phone, name in room.items():
            phone.talking(name)
        exchange.json("record", call["call"], "on")
        time.sleep(1.2)
        dead = exchange.starts(f"media worker {worker}")[-1]
        exchange.kill(f"media worker {worker}")
        wait_for(lambda: " legs go on, 0 are lost" in exchange.log(), 10, "the next worker")
        assert exchange.starts(f"media worker {worker}")[-1] != dead
        time.sleep(2)
        for phone, name in ((alice, here), (carol, kept), *room.items()):
            phone.do("hangup", call=name)
            phone.over(name)
        bob.over(there)
        dave.over(other)
        records = exchange.history(5)
        (file,) = wait_for(lambda: list((tmp_path / "data" / "recordings").glob("????-??-??/*.wav")), 15, "the file")
        wait_for(lambda: not any(each["legs"] for each in exchange.json("status")["workers"]), 5, "the end of all legs")
    assert [each["reason"] for each in records] == ["caller_hung_up"] * 5
    for heard, hz in ((alice.wav(here), 1200), (bob.wav(there), 523)):
        tone = sound.check(heard, hz, -20 if hz == 1200 else -14)
        assert 0.05 < tone.gap_s < 8  # a quick machine has the next one soon
        samples, rate = sound.read(heard)
        end = int(tone.end_s * rate)
        assert sound.holes(samples[end - rate : end], rate, hz, GAP_S) == []
    for heard, hz in ((dave.wav(other), 700), (carol.wav(kept), 900)):
        assert sound.check(heard, hz, -14).gap_s < GAP_S
    samples, rate = sound.read(file)
    for side, hz in ((0, 523), (1, 1200)):
        track = samples.reshape(-1, 2)[:, side]
        for part in (track[int(0.3 * rate) : int(0.9 * rate)], track[-int(0.8 * rate) : -int(0.2 * rate)]):
            assert sound.holes(part, rate, hz, GAP_S) == []


def test_the_supervisor_is_killed_and_all_begins_anew(tmp_path):
    """Its children die with it, and the sound: the call ends with a record, both telephones are told, nobody registers
    anew, and the same ports are there for the next call."""
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        here, there = connect(alice, bob, "102")
        children = exchange.children()
        exchange.process.kill()
        exchange.process.wait()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), 5, "the end of the children")
        exchange.start()
        exchange.serving(2)
        alice.over(here)
        bob.over(there)
        assert exchange.record()["reason"] == "media_lost"
        assert len(exchange.json("phones")["phones"]) == 2
        again, there_again = connect(alice, bob, "102")
        alice.do("hangup", call=again)
        bob.over(there_again)
        assert len(exchange.history(2)) == 2


def test_the_end_is_orderly_and_leaves_nobody(tmp_path):
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        here, there = connect(alice, bob, "102")
        children = exchange.children()
        assert len(children) == 3  # exchange, one media worker, record feeder
        assert exchange.stop() == 0
        alice.over(here)
        bob.over(there)
        for pid in children:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        assert exchange.record()["reason"] == "operator"
        assert exchange.run("status").returncode == 3


def test_what_users_have_set_outlives_a_kill_at_once_and_later(tmp_path):
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        assert exchange.json("guard", "allow", "192.0.2.0/24")["allowed"] == ["192.0.2.0/24"]
        assert exchange.json("set", "bob", "dnd", "on")["dnd"] is True
        for snapshot in (exchange.folder / "data").glob("state.sqlite3*"):
            snapshot.unlink()  # the journal alone is the truth (decision 26)
        exchange.kill("exchange")
        exchange.serving(2)
        assert exchange.json("set", "bob")["dnd"] is True, "from the journal"
        assert exchange.json("guard")["allowed"] == ["192.0.2.0/24"]
        assert len(exchange.json("phones")["phones"]) == 2
        here = alice.call("102")
        assert alice.over(here)["status"] == 480
        time.sleep(1.2)  # the state file has been written once more meanwhile
        exchange.kill("exchange")
        exchange.serving(3)
        assert exchange.json("set", "bob")["dnd"] is True, "from both"
        assert exchange.json("set", "bob", "reset")["dnd"] is False
        here, there = connect(alice, bob, "102")
        alice.do("hangup", call=here)
        bob.over(there)
