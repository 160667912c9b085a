"""Facts on disk: what is set and counted outlives the process, by state file and journal together; and what an operator
is told of emergency calls, loops and settings."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from dialplan.facts import LineFacts
from records import events as e
from records.journal import FileJournal
from switch.facts import LiveFacts
from switch.keeper import FactKeeper
from switch.mailboxes import Mailboxes
from switch.metrics import Counters
from switch.notices import Notices
from switch.operations import Recent
from switch.replay import replay
from switch.state.facts import Row, SqliteFactStore
from switch.state.sqlite import open_state
from switch.tally import Tally
from tests.support.call_events import DIALOG, FLOW, started

AT = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)


def said(line: str, value: str) -> e.LineSet:
    return e.LineSet(line, "dnd", value, "operator:root", AT)


class Core:
    """As much of the core as a start needs."""

    def __init__(self, facts: LiveFacts) -> None:
        self.facts = facts
        self.mailboxes = Mailboxes()
        self.registrar = SimpleNamespace(apply=lambda event: None, resume=lambda now, at: None)
        self.endpoint = SimpleNamespace(timings=SimpleNamespace(wait=32.0))


def life(folder: Path, *steps: Sequence[e.AnyEvent] | None) -> LiveFacts:
    """One process: it starts from what is there, records each step's events, and saves where a step is None."""
    journal = FileJournal(folder / "journal")
    store = SqliteFactStore(open_state(folder / "state.sqlite3"))
    waiting: list[e.AnyEvent] = []
    facts = LiveFacts(waiting.append)

    def flush() -> None:
        journal.append(waiting)
        waiting.clear()

    keeper = FactKeeper(store, facts, flush, lambda: journal.end, AT.timestamp)
    journal.start()
    replay(Core(facts), journal, [], store.load(), 0.0, AT, structlog.get_logger())  # type: ignore[arg-type]
    for step in steps:
        if step is None:
            asyncio.run(keeper._write())
        else:
            for event in step:
                facts.record(event)
            flush()
    assert not keeper.trouble
    journal.close()
    store.close()
    return facts


def test_state_file_and_journal_together_outlive_the_process(tmp_path: Path) -> None:
    spoken = [
        started("a"),
        e.LegStarted("a", 1, AT, 1, "trunk:x", "sip:x", FLOW, DIALOG, "b"),
        e.LegAnswered("a", 2, AT, 1, DIALOG),
        e.CallEnded("a", 3, AT + datetime.timedelta(minutes=2), "answered", "caller_hung_up", 200),
    ]
    life(tmp_path, [said("anna", "on")], None, spoken, [said("ben", "on")])
    later = AT + datetime.timedelta(minutes=3)
    again = life(tmp_path, None, [said("anna", "")])
    third = life(tmp_path)
    for facts in (again, third):
        seen = facts.at(later)
        assert seen.line("ben") == LineFacts(dnd=True)
        assert seen.line("201").minutes_hour == 2.0, "counted once, however often it is read"
        assert not seen.line("anna").dnd


class FullDisk:
    """A store that cannot write for a while."""

    def __init__(self) -> None:
        self.full = True
        self.written: list[e.LineSet] = []

    def apply(self, settings: Sequence[e.LineSet], rows: Sequence[Row], forget: int, position: Any) -> None:
        if self.full:
            raise OSError("no space left")
        self.written += settings

    def close(self) -> None:
        pass


def test_a_full_disk_is_told_and_costs_nothing_that_was_set() -> None:
    facts, store = LiveFacts(), FullDisk()
    keeper = FactKeeper(store, facts, lambda: None, lambda: (1, 1), AT.timestamp)  # type: ignore[arg-type]
    facts.record(said("anna", "on"))
    facts.record(said("ben", "on"))
    asyncio.run(keeper._write())
    assert keeper.trouble == "what users set cannot be saved: no space left"
    facts.record(said("anna", ""))
    store.full = False
    asyncio.run(keeper._write())
    assert not keeper.trouble
    assert {(each.line, each.value) for each in store.written} == {("anna", ""), ("ben", "on")}


@pytest.fixture
def tally() -> Tally:
    counters = Counters()
    notices = Notices(structlog.get_logger(), counters, verbose=False)
    roll = SimpleNamespace(note=lambda event: None, settle=lambda: None)
    return Tally(counters, Recent(), roll, lambda event: None, notices)  # type: ignore[arg-type]


def test_an_emergency_call_is_told_at_once_with_device_and_address(tally: Tally) -> None:
    """EMG-7."""
    import msgspec

    call = msgspec.structs.replace(started("a", emergency=True), address="1 Main St, 2nd floor")
    with capture_logs() as lines:
        tally.add([call])
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("emergency call", "warning")
    assert (line["device"], line["line"], line["address"]) == ("desk-201", "201", "1 Main St, 2nd floor")
    assert line["calls_from"] == "192.0.2.77:5062"


def test_a_loop_of_forwards_raises_an_alarm_and_each_forward_counts(tally: Tally) -> None:
    """FWD-9."""
    with capture_logs() as lines:
        tally.add([e.CallForwarded("a", 1, AT, "bob", 486, "102", "Bob", "line:carol")])
        assert not lines
        tally.add([e.CallForwarded("a", 2, AT, "carol", 486, "103", "Carol", "voicemail:bob", loop=True)])
        tally.add([started("b"), e.CallEnded("b", 1, AT, "failed", "loop", 482)])
    assert [line["event"] for line in lines] == ["forwards form a loop", "call ended"]
    assert (tally._counters.forwards, tally._counters.forward_loops) == (2, 2)


def test_messages_are_counted_and_who_sets_a_pin_is_told_without_it(tally: Tally) -> None:
    with capture_logs() as lines:
        tally.add(
            [
                e.MessageLeft("anna", "m1", AT, open=True),
                e.MessageLeft("anna", "m1", AT, seconds=5.0),
                e.MailboxSet("anna", "pin", "scrypt$secret", "operator:root", AT),
                e.MailboxSet("anna", "greeting.own", "greeting-1", "device:anna", AT),
                e.MailboxSet("anna", "wrong", "1", "device:anna", AT),
            ]
        )
    assert tally._counters.messages_left == 1
    assert [(line["event"], line["mailbox"], line["by"]) for line in lines] == [
        ("PIN set", "anna", "operator:root"),
        ("greeting set", "anna", "device:anna"),
    ]
    assert "secret" not in str(lines)


def test_what_somebody_sets_is_in_the_log_with_who(tally: Tally) -> None:
    with capture_logs() as lines:
        tally.add([said("anna", "on"), said("anna", "")])
    assert [(line["by"], line["key"], line["value"]) for line in lines] == [
        ("operator:root", "dnd", "on"),
        ("operator:root", "dnd", "default"),
    ]
