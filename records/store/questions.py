"""Which of the finished calls are wanted, as conditions of a query; and in which order they are gone through.

A query says first which calls may be meant, out of one index, and then all that has to hold besides: so it costs what
it finds, however many calls there are (`bench/micro_records.py`).
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, CompoundSelect, Select, exists, or_, select, tuple_, union

from records.cdr import Instant
from records.store.rows import us
from records.store.tables import call_legs, call_users, calls, history_hidden

LONGEST_US = 7 * 86400 * 1_000_000
"""A leg is begun within a week after its call."""


class Wanted(msgspec.Struct, frozen=True):
    """All that is said has to hold; None says nothing.

    `number` is the caller's or the one called, `line` called or was rung, `device` called. `since` is within, `until`
    without. `result` is a result or a reason. `call` is the beginning of a call's id, or a SIP Call-ID. `user` is whom
    the call concerns, whatever part that is (`CallRecord.users`).
    """

    number: str | None = None
    line: str | None = None
    device: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    result: str | None = None
    call: str | None = None
    user: str | None = None

    def of(self, query: Select[Any]) -> Select[Any]:
        """The query of `calls`, narrowed down."""
        query = self.when(query, calls.c.started_at)
        if self.number is not None:
            by = self.when(select(calls.c.call), calls.c.started_at)
            numbers = (calls.c.caller_number, calls.c.number)
            query = query.where(calls.c.call.in_(union(*(by.where(each == self.number) for each in numbers))))
        if self.line is not None:
            called = self.when(select(calls.c.call), calls.c.started_at).where(calls.c.line == self.line)
            query = query.where(calls.c.call.in_(union(called, self._rung(self.line))))
        if self.user is not None:
            concerned = select(call_users.c.call).where(call_users.c.user_line == self.user)
            query = query.where(calls.c.call.in_(self.when(concerned, call_users.c.started_at)))
        if self.device is not None:
            query = query.where(calls.c.device == self.device)
        if self.result is not None:
            query = query.where(or_(calls.c.result == self.result, calls.c.reason == self.result))
        if self.call is not None:
            named = calls.c.call.startswith(self.call, autoescape=True)
            query = query.where(or_(named, calls.c.sip_call_id == self.call))
        return query

    def when(self, query: Select[Any], started_at: ColumnElement[int]) -> Select[Any]:
        """Of that time only."""
        if self.since is not None:
            query = query.where(started_at >= us(self.since))
        if self.until is not None:
            query = query.where(started_at < us(self.until))
        return query

    def _rung(self, line: str) -> Select[Any]:
        query = select(call_legs.c.call).where(call_legs.c.target == f"line:{line}")
        if self.since is not None:
            query = query.where(call_legs.c.started_at >= us(self.since))
        if self.until is not None:
            query = query.where(call_legs.c.started_at < us(self.until) + LONGEST_US)
        return query


EVERY = Wanted()


class Walk(msgspec.Struct, frozen=True):
    """The calls that concern any of these `users`, in the order of their beginnings, a portion at a time.
    `hidden_by` has taken some out of the own history: those are passed over (DCH-2)."""

    users: tuple[str, ...]
    wanted: Wanted = EVERY
    newest_first: bool = False
    hidden_by: str = ""

    def portion(self, most: int, after: tuple[int, str] | None) -> CompoundSelect[Any]:
        """The next `most` of them behind `after`, an instant and a call: the same columns, of each call once."""
        parts = (self._of_one(user, after).limit(most).subquery() for user in self.users)
        query = union(*(select(each.c.started_at, each.c.call) for each in parts))
        order = [column.desc() if self.newest_first else column.asc() for column in query.selected_columns]
        return query.order_by(*order).limit(most)

    def _of_one(self, user: str, after: tuple[int, str] | None) -> Select[Any]:
        at, call = call_users.c.started_at, call_users.c.call
        query = self.wanted.when(select(at, call).where(call_users.c.user_line == user), at)
        if after is not None:
            place = tuple_(at, call)
            query = query.where(place < after if self.newest_first else place > after)
        if self.hidden_by:
            hidden = exists().where(history_hidden.c.viewer == self.hidden_by, history_hidden.c.call == call)
            query = query.where(~hidden)
        return query.order_by(at.desc(), call.desc()) if self.newest_first else query.order_by(at, call)
