"""What carriers tell of costs, and what people note and edit: rows, their writers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, select

from records.cdr import CallRecord
from records.charges import settled
from records.events import BillableEdited, BillableEvent, InteractionNoted, LegCharged
from records.store.rows import instant, us
from records.store.statements import insert_into
from records.store.tables import billable, leg_charges
from records.text import clean

_NOTED, _EDITED = "noted", "edited"


def charged_row(event: LegCharged) -> dict[str, Any]:
    """The row of what a carrier told of one leg."""
    return {
        "call": event.call,
        "leg": event.leg,
        "cost": event.cost,
        "currency": clean(event.currency),
        "units": event.units,
        "by": event.by,
        "at": us(event.at),
    }


def billable_row(event: BillableEvent) -> dict[str, Any]:
    """The row of one note or edit."""
    row: dict[str, Any] = {
        "id": clean(event.id),
        "call": clean(event.call),
        "user": clean(event.user),
        "by": clean(event.by),
        "at": us(event.at),
        "kind": _NOTED,
        "seconds_ms": None,
        "code": None,
        "note": None,
        "contact": None,
    }
    said = {name: clean(value) for name in ("code", "note", "contact") if (value := getattr(event, name)) is not None}
    if isinstance(event, InteractionNoted):
        return row | said
    ms = round(event.seconds * 1000) if event.seconds is not None else None
    return row | said | {"kind": _EDITED, "seconds_ms": ms}


def billable_of(row: Any) -> BillableEvent:
    """The same, back."""
    at = instant(row["at"])
    what = {name: row[name] for name in ("code", "note", "contact")}
    if row["kind"] == _NOTED:
        return InteractionNoted(row["id"], row["call"], row["user"], row["by"], at, **what)
    seconds = row["seconds_ms"] / 1000 if row["seconds_ms"] is not None else None
    return BillableEdited(row["id"], row["call"], row["user"], row["by"], at, seconds, **what)


def add(connection: Connection, event: LegCharged | BillableEvent) -> None:
    """Write one of them; one that is there stays as it is."""
    if isinstance(event, LegCharged):
        table, row = leg_charges, charged_row(event)
    else:
        table, row = billable, billable_row(event)
    connection.execute(insert_into(table, connection.dialect.name).on_conflict_do_nothing(), row)


def with_carriers_word(
    connection: Connection, found: list[CallRecord], portions: Iterable[Sequence[str]]
) -> list[CallRecord]:
    """The records with what carriers have told of their charges; `portions` are the names of those that have any."""
    told: dict[str, list[LegCharged]] = {}
    for some in portions:
        for row in connection.execute(select(leg_charges).where(leg_charges.c.call.in_(some))).mappings():
            at = instant(row["at"])
            event = LegCharged(row["call"], row["leg"], row["cost"], row["currency"], row["units"], row["by"], at)
            told.setdefault(event.call, []).append(event)
    return [
        replace(each, charges=settled(each.charges, told[each.call])) if each.call in told else each for each in found
    ]
