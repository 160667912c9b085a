"""A call that is recorded, on real telephones: both hear it first, then each tone is on its own side of the file, from
then on to the end, without what was said in a pause (REC-2, REC-4, REC-7)."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time

import pytest

from tests.e2e.kit import sound
from tests.e2e.kit.house import house, wait_for
from tests.e2e.kit.phones import connect, softphones

pytestmark = pytest.mark.e2e
ALICE, BOB, TOLD = 523.0, 1200.0, 850.0


def stored(path, query):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as store:
        store.row_factory = sqlite3.Row
        with contextlib.suppress(sqlite3.OperationalError):
            return store.execute(query).fetchall()
    return []


def test_both_sides_are_in_the_file_and_both_were_told(tmp_path):
    words = tmp_path / "words" / "en"
    words.mkdir(parents=True)
    sound.write(words / "rec_announcement.wav", sound.sine(TOLD, -14, 1.0))
    more = f"""prompts: {{folder: {words.parent}}}
account: {{record: {{automatic: internal, announce: all}}}}
"""
    with (
        house(tmp_path / "house", more) as made,
        softphones(made, "alice", "bob") as (alice, bob),
    ):
        alice.play(ALICE, -14)
        bob.play(BOB, -14)
        spools = made.folder / "data" / "recordings" / "spools"
        called = none_yet = time.monotonic()
        here, there = connect(alice, bob, "102")

        def begun() -> bool:
            nonlocal none_yet
            looked, found = time.monotonic(), list(spools.rglob("*.spool"))
            none_yet = none_yet if found else looked
            return len(found) == 2

        wait_for(begun, 5, "the recording")
        began = time.monotonic()
        assert began - called > 1.0, "kept before it was said, which takes a second"
        unsure = began - none_yet  # the file may have begun so much sooner
        time.sleep(0.8)
        call = made.json("calls")[0]["call"]
        # Each is in force somewhere between these two instants.
        pausing = time.monotonic()
        assert made.json("record", call, "pause")["state"] == "paused"
        paused = time.monotonic()
        time.sleep(1.0)
        resuming = time.monotonic()
        assert made.json("record", call[:6], "resume")["state"] == "on"
        resumed = time.monotonic()
        assert made.run("record", call, "on").returncode != 0
        time.sleep(0.8)
        alice.do("hangup", call=here)
        bob.over(there)
        ended = time.monotonic()
        files = made.folder / "data" / "recordings"
        (file,) = wait_for(lambda: list(files.glob("????-??-??/*.wav")), 15, "the file")
        (row,) = wait_for(
            lambda: stored(made.folder / "data" / "records.db", "SELECT * FROM recording_files"), 10, "its record"
        )
        wait_for(lambda: not list(spools.rglob("*.spool")), 5, "the end of the spools")
        (told,) = made.record()["recordings"]
        assert 'ringplan_recordings_total{outcome="made"} 1.0' in made.get("/metrics")
        assert sound.find(*sound.read(alice.wav(here)), TOLD) is not None
        assert sound.find(*sound.read(bob.wav(there)), TOLD) is not None
    data = file.read_bytes()
    assert row["sha256"] == hashlib.sha256(data).hexdigest() and row["octets"] == len(data) and row["sides"] == 2
    assert row["file"] == told["file"] == f"{file.parent.name}/{file.name}" and row["call"] == call
    assert told["by"] == "policy" and told["announced"] == [0, 1] and told["pauses"] == 1 and not told["why"]
    assert abs(row["duration_ms"] / 1000 - (ended - began)) < 1.5
    samples, rate = sound.read(file)
    both = samples.reshape(-1, 2)
    out = int(0.3 * rate)
    first = slice(0, int((pausing - began) * rate) - out)
    pause = slice(int((paused - began + unsure) * rate) + out, int((resuming - began) * rate) - out)
    last = slice(int((resumed - began + unsure) * rate) + out, len(both) - out)
    assert pause.stop - pause.start > out, "the machine was too busy to tell"
    for side, tone, other in ((0, ALICE, BOB), (1, BOB, ALICE)):
        for part in (first, last):
            heard = sound.find(both[part, side], rate, tone)
            assert heard is not None and abs(heard.hz - tone) < 3, (side, part)
            assert sound.find(both[part, side], rate, other) is None
            assert sound.whole(heard)
        assert not both[pause, side].any()
        assert sound.find(both[:, side], rate, TOLD) is None
