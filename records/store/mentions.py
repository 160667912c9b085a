"""In which records a telephone number stands, wherever in them: for deletion on request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlalchemy import ColumnElement, Table, Text, exists, or_, select

from records.cdr import Instant
from records.store.rows import instant, us
from records.store.store import Store
from records.store.tables import billable, call_legs, calls

LEAST_DIGITS = 7
"""A shorter number is looked for as the caller's and as the one called, and nowhere else: its digits stand anywhere."""
_MANY = 1000
_NOT = ("call", "sip_call_id", "model", "id")


def mentions(
    store: Store, number: str, since: Instant | None = None, until: Instant | None = None
) -> Iterator[tuple[str, Instant]]:
    """The ids of the calls, and when they began, the oldest first. It reads all records of that time, in pages."""
    query = select(calls.c.call, calls.c.started_at).where(_stands(number))
    if since is not None:
        query = query.where(calls.c.started_at >= us(since))
    if until is not None:
        query = query.where(calls.c.started_at < us(until))
    query = query.order_by(calls.c.started_at, calls.c.call).limit(_MANY)
    page = query
    while found := store.read(lambda connection: connection.execute(page).all()):  # noqa: B023  (at once)
        for call, started_at in found:
            yield call, instant(started_at)
        last = found[-1]
        later = or_(calls.c.started_at > last[1], (calls.c.started_at == last[1]) & (calls.c.call > last[0]))
        page = query.where(later)


def _stands(number: str) -> ColumnElement[bool]:
    named = or_(calls.c.caller_number == number, calls.c.number == number, calls.c.dialled == number)
    digits = re.sub(r"[^0-9]", "", number)
    if len(digits) < LEAST_DIGITS:
        return named
    of_it = (
        exists().where(table.c.call == calls.c.call, or_(*_texts(table, digits))) for table in (call_legs, billable)
    )
    return or_(named, *_texts(calls, digits), *of_it)


def _texts(table: Table, digits: str) -> list[ColumnElement[bool]]:
    found = (column for column in table.columns if isinstance(column.type, Text) and column.name not in _NOT)
    return [column.contains(digits) for column in found]
