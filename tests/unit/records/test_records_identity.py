"""Forwards, hidden callers and causes in records: stored and read back, and by default in what older versions left."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace
from sqlalchemy import create_engine

from records.codec import Codec
from records.events import CallStarted, Forwarded, LegEnded
from records.segments import Position
from records.store import Store
from records.store.migrate import upgrade
from tests.support.call_events import answered_call, at, started
from tests.support.feeding import records

FORWARDS = (Forwarded("+13105550100", "A\N{REPLACEMENT CHARACTER}", "user-busy", 2, hidden=True), Forwarded(""))


def test_what_a_carrier_said_is_in_the_record(tmp_path: Path) -> None:
    first, *others = answered_call("c1")
    assert isinstance(first, CallStarted)
    ends = [replace(each, cause="Q.850;cause=16") if isinstance(each, LegEnded) else each for each in others]
    noisy = (replace(FORWARDS[0], name="A\udcff"), FORWARDS[1])
    (record,) = records(replace(first, hidden=True, forwards=noisy), *ends)
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    store.apply([record], Position(0, 1))
    kept = store.call("c1")
    store.close()
    assert kept is not None
    assert kept.hidden
    assert kept.forwards[1] == FORWARDS[1]
    assert kept.forwards[0].count == 2
    assert "\udcff" not in kept.forwards[0].name
    assert [leg.cause for leg in kept.legs] == ["Q.850;cause=16", ""]


def test_events_of_before_are_read_with_defaults() -> None:
    """A journal that an older version wrote: fields at the end are not there."""
    event = msgspec.structs.replace(started("c1"), user="", entity="")
    short = msgspec.msgpack.decode(msgspec.msgpack.encode([event]))
    del short[0][-6:]
    (read,) = Codec().decode(msgspec.msgpack.encode(short))
    assert read == event
    ended = LegEnded("c1", 8, at(1.0), 0, "answered", "caller_hung_up", 200)
    short = msgspec.msgpack.decode(msgspec.msgpack.encode([ended]))
    del short[0][-1]
    assert Codec().decode(msgspec.msgpack.encode(short)) == [ended]


def test_a_store_of_before_is_brought_up_to_date(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection, "0001")
        connection.exec_driver_sql(
            "INSERT INTO calls (call, n, complete, started_at, ended_at, duration_ms, ring_ms, talk_ms, caller_number,"
            " caller_name, dialled, number, emergency, answered_target, answered_contact, service, result, reason,"
            " sip_status, recovered, sip_call_id, model, because) VALUES ('old', 1, 1, 0, 1000, 1, 0, 0, '1', '', '2',"
            " '2', 0, '', '', '', 'busy', 'busy', 486, 0, 'x', 'm', '')"
        )
        connection.exec_driver_sql(
            "INSERT INTO call_legs (call, leg, target, contact, started_at, ended_at, held_ms, result, reason,"
            " sip_status) VALUES ('old', 0, 'line:a', '', 0, 1000, 250, 'busy', 'busy', 486),"
            " ('old', 1, 'line:b', '', 0, 1000, 0, 'busy', 'busy', 486)"
        )
    engine.dispose()
    store = Store(url)
    store.migrate()
    kept = store.call("old")
    users = store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM call_users").all())
    store.close()
    assert kept is not None
    assert (kept.hidden, kept.forwards, kept.legs[0].cause) == (False, (), "")
    assert (kept.path, kept.talks, kept.legs[0].held_s) == ((), (), 0.25), "what was not written is not made up"
    assert users == [("b", 0, "old", "rung")]
