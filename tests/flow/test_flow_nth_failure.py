"""Every write to a disk fails once, the first, the second, and so on, while calls go on: the journal, the state file,
the sound of messages. No call notices; it is told while it lasts; what waited is written, in order, when the disk takes
it again, and the record of each call is whole."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support import scenarios
from tests.support.failing import Disk, FailingExchange
from tests.support.feeding import records
from tests.support.scene import Scene

ALL = 10**9


def stage(folder: Path, disk: Disk, **knobs: object) -> Scene:
    return scenarios.stage(exchange=FailingExchange, disk=disk, folder=folder, **knobs)


def check_written(scene: Scene) -> None:
    """All is in the files as it happened, and nobody complains any more."""
    exchange = scene.exchange
    assert isinstance(exchange, FailingExchange)
    health = exchange.journal.health()
    assert (health.degraded, health.waiting_events, health.lost_events) == ("", 0, 0)
    assert exchange.trouble == ""
    assert exchange.written() == exchange.events
    bound = sorted((each.line, each.uri) for each in exchange.core.registrar.bindings())
    assert sorted((each.line, each.uri) for each in exchange.bindings.load()) == bound


@pytest.mark.parametrize(
    ("scenario", "times"),
    [*((each, 1) for each in (scenarios.CALLS | scenarios.MORE)), ("park", 4), ("voicemail", 4), ("settings", 4)],
)
def test_each_write_fails_once_and_nothing_is_lost(scenario: str, times: int, tmp_path: Path) -> None:
    """`times`: and some after it as well."""
    for at in itertools.count():
        disk = Disk(at, times)
        scene = stage(tmp_path / str(at), disk)
        try:
            scenarios.play(scene, scenario)
            scene.finish()
            check_written(scene)
            assert scene.exchange.records[-1].result == "answered"
            assert any(isinstance(event, scenarios.SHOWS[scenario]) for event in scene.exchange.events)
            assert not disk.failed or scene.exchange.troubles or set(disk.failed) <= {"sounds.finish", "sounds.drop"}
        except AssertionError as error:
            raise AssertionError(f"request {at} failed: {disk.failed}") from error
        if not disk.failed:
            assert disk.asked > 8
            return


@pytest.mark.parametrize("scenario", ["blind transfer", "park", "limit", "voicemail", "settings"])
def test_the_disk_is_full_for_good_and_the_exchange_is_killed(scenario: str, tmp_path: Path) -> None:
    """What was written until then is what there is: no call that is known has no end, and nothing raises."""
    for at in range(0, 40, 3):
        disk = Disk(at, ALL)
        scene = stage(tmp_path / str(at), disk)
        scene.strict = False
        scenarios.play(scene, scenario)
        assert scene.exchange.trouble or not disk.failed
        assert not scene.exchange.errors
        disk.at = -1
        scene.exchange.recordings.finished.clear()
        scene.exchange.crash_and_restart(1.0)
        for call in scene.exchange.calls:
            scene.exchange.hang_up(call)
        scenarios.good_night(scene)
        scene.finish()
        assert all(record.complete for record in scene.exchange.records)
        assert scene.exchange.trouble == ""


def test_what_the_memory_cannot_hold_is_counted_and_the_record_says_that_it_is_not_whole(tmp_path: Path) -> None:
    """The beginning of a call is lost; its record has the rest, and says so."""
    disk = Disk()
    scene = stage(tmp_path, disk, waiting_bytes=900)
    disk.at, disk.times = disk.asked, ALL
    alice, bob = scene.phones[:2]
    call = alice.call("102")
    scene.wait(0.5)
    bob.last.answer()
    for _ in range(3):
        call.hold()
        scene.wait(0.5)
        call.resume()
        scene.wait(0.5)
    assert scene.exchange.journal.health().lost_events > 0
    disk.at = -1
    scene.wait(2.0)
    assert scene.exchange.trouble == ""
    call.hang_up()
    scene.wait(1.0)
    (record,) = records(*scene.exchange.written())
    assert not record.complete
    assert record.reason == "caller_hung_up"
