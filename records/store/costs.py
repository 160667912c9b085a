"""What carriers tell of costs, and what people mark, note and edit: rows, their writers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from records.cdr import CallRecord
from records.charges import settled
from records.events import BillableEdited, BillableEvent, BillableSet, InteractionNoted, LegCharged
from records.store.rows import from_us, to_us
from records.store.tables import billable, leg_charges
from records.text import clean

_SET, _NOTED, _EDITED = "set", "noted", "edited"


def charged_row(event: LegCharged) -> dict[str, Any]:
    """The row of what a carrier told of one leg."""
    return {
        "call": event.call,
        "leg": event.leg,
        "cost": event.cost,
        "currency": clean(event.currency),
        "units": event.units,
        "by": event.by,
        "at": to_us(event.at),
    }


def billable_row(event: BillableEvent) -> dict[str, Any]:
    """The row of one mark, note or edit."""
    row: dict[str, Any] = {
        "id": clean(event.id),
        "call": clean(event.call),
        "user": clean(event.user),
        "by": clean(event.by),
        "at": to_us(event.at),
        "kind": _SET,
        "is_on": False,
        "seconds_ms": None,
        "code": None,
        "note": None,
        "contact": None,
    }
    if isinstance(event, BillableSet):
        return row | {"is_on": event.on}
    said = {name: clean(value) for name in ("code", "note", "contact") if (value := getattr(event, name)) is not None}
    if isinstance(event, InteractionNoted):
        return row | said | {"kind": _NOTED}
    ms = round(event.seconds * 1000) if event.seconds is not None else None
    return row | said | {"kind": _EDITED, "seconds_ms": ms}


def billable_of(row: Any) -> BillableEvent:
    """The same, back."""
    at = from_us(row["at"])
    assert at is not None
    if row["kind"] == _SET:
        return BillableSet(row["id"], row["call"], row["user"], bool(row["is_on"]), row["by"], at)
    what = {name: row[name] for name in ("code", "note", "contact")}
    if row["kind"] == _NOTED:
        return InteractionNoted(row["id"], row["call"], row["user"], row["by"], at, **what)
    seconds = row["seconds_ms"] / 1000 if row["seconds_ms"] is not None else None
    return BillableEdited(row["id"], row["call"], row["user"], row["by"], at, seconds, **what)


def add(connection: Connection, event: BillableEvent) -> None:
    """Write one mark, note or edit; one that is there stays as it is."""
    table: Table = billable
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), billable_row(event))


def with_carriers_word(
    connection: Connection, found: list[CallRecord], portions: Iterable[Sequence[str]]
) -> list[CallRecord]:
    """The records with what carriers have told of their charges; `portions` are the names of those that have any."""
    told: dict[str, list[LegCharged]] = {}
    for some in portions:
        for row in connection.execute(select(leg_charges).where(leg_charges.c.call.in_(some))).mappings():
            at = from_us(row["at"])
            assert at is not None
            event = LegCharged(row["call"], row["leg"], row["cost"], row["currency"], row["units"], row["by"], at)
            told.setdefault(event.call, []).append(event)
    return [
        replace(each, charges=settled(each.charges, told[each.call])) if each.call in told else each for each in found
    ]
