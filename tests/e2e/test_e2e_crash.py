"""kill -9 while people talk: the sound goes on, both can hang up, the record is one and whole; and the orderly end."""

from __future__ import annotations

import os
import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import connect, softphones
from tests.e2e.kit.wire import WirePhone

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("who", ["caller", "callee"])
def test_the_exchange_is_killed_and_the_call_goes_on(tmp_path, who):
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        alice.play(523, -14)
        bob.play(1200, -20)
        here, there = connect(alice, bob, "102")
        time.sleep(0.7)
        (call,) = exchange.json("calls")
        exchange.kill("exchange")
        exchange.serving(2)
        assert exchange.json("trace", call["call"])["call"] == call["call"]
        assert len(exchange.json("phones")["phones"]) == 2
        time.sleep(0.7)

        phone, other = (alice, bob) if who == "caller" else (bob, alice)
        ends, follows = (here, there) if who == "caller" else (there, here)
        phone.do("hangup", call=ends)
        assert phone.over(ends)["status"] == 200
        assert other.over(follows)["status"] == 200
        traced = [each["text"].partition(" ")[0] for each in exchange.json("trace", call["call"])["messages"]]
        assert traced.count("BYE") == 2

        record = exchange.record()
        assert record["recovered"] is True
        assert (record["result"], record["reason"]) == ("answered", f"{who}_hung_up")
        assert record["number"] == "102"
        assert record["talk_s"] > 1.4
        assert exchange.json("calls") == []

        # Nobody has registered anew: the bindings have come back too.
        again, there_again = connect(alice, bob, "102")
        alice.do("hangup", call=again)
        bob.over(there_again)
        assert len(exchange.history(2)) == 2

    for heard, hz, dbfs in ((bob.wav(there), 523, -14), (alice.wav(here), 1200, -20)):
        tone = sound.check(heard, hz, dbfs)
        assert tone.end_s - tone.start_s > 1.4
        assert tone.gap_s < 0.1


def test_a_call_placed_while_the_exchange_is_away_is_answered_after_the_restart(tmp_path):
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        exchange.kill("exchange")
        here, there = connect(alice, bob, "102")
        bob.do("hangup", call=there)
        alice.over(here)
        assert exchange.record()["reason"] == "callee_hung_up"


def test_a_call_that_rings_during_the_crash_is_ended_and_recorded_once(tmp_path):
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        bob.do("answers", statuses=[180])
        here = alice.call("102")
        there = bob.incoming()
        alice.expect("call", call=here, state="EARLY")
        exchange.kill("exchange")
        exchange.serving(2)
        assert bob.over(there)["status"] in (487, 0)
        assert exchange.record()["reason"] == "crash_before_answer"
        assert alice.over(here)["status"] >= 480


def test_the_media_worker_is_killed_and_its_calls_end(tmp_path):
    with house(tmp_path) as exchange, softphones(exchange, "alice", "bob") as (alice, bob):
        here, there = connect(alice, bob, "102")
        exchange.kill("media worker 0")
        alice.over(here)
        bob.over(there)
        record = exchange.record()
        assert (record["result"], record["reason"]) == ("answered", "media_lost")

        wait_for(lambda: all(w["connected"] for w in exchange.json("status")["workers"]), 10, "the new worker")
        alice.play(523, -14)
        again, there_again = connect(alice, bob, "102")
        time.sleep(0.6)
        alice.do("hangup", call=again)
        bob.over(there_again)
    sound.check(bob.wav(there_again), 523, -14)


def test_a_registration_answered_with_200_survives_the_kill(tmp_path):
    with house(tmp_path) as exchange, WirePhone(exchange, "alice") as alice, WirePhone(exchange, "bob") as bob:
        assert alice.register().status == 200
        assert bob.register().status == 200
        exchange.kill("exchange")  # in the instant after the 200
        invite = alice.invite("102")
        assert bob.wait("INVITE").uri == bob.contact
        invite.cancel()


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
        assert exchange.json("set", "bob", "dnd", "on")["dnd"] is True
        exchange.kill("exchange")
        exchange.serving(2)
        assert exchange.json("set", "bob")["dnd"] is True, "from the journal"
        here = alice.call("102")
        assert alice.over(here)["status"] == 480
        time.sleep(1.2)  # the state file has it now
        exchange.kill("exchange")
        exchange.serving(3)
        assert exchange.json("set", "bob", "reset")["dnd"] is False
        here, there = connect(alice, bob, "102")
        alice.do("hangup", call=here)
        bob.over(there)
