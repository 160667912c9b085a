"""Which of the finished calls are wanted, as conditions of a query."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Select, exists, or_

from records.cdr import Instant
from records.store.rows import to_us
from records.store.tables import call_legs, calls


class Wanted(msgspec.Struct, frozen=True):
    """All that is said has to hold; None says nothing.

    `number` is the caller's or the one called, `line` called or was rung, `device` called. `since` is within, `until`
    without. `result` is a result or a reason. `call` is the beginning of a call's id, or a SIP Call-ID.
    """

    number: str | None = None
    line: str | None = None
    device: str | None = None
    since: Instant | None = None
    until: Instant | None = None
    result: str | None = None
    call: str | None = None

    def of(self, query: Select[Any]) -> Select[Any]:
        """The query of `calls`, narrowed down."""
        if self.number is not None:
            query = query.where(or_(calls.c.caller_number == self.number, calls.c.number == self.number))
        if self.line is not None:
            rung = exists().where(call_legs.c.call == calls.c.call, call_legs.c.target == f"line:{self.line}")
            query = query.where(or_(calls.c.line == self.line, rung))
        if self.device is not None:
            query = query.where(calls.c.device == self.device)
        if self.since is not None:
            query = query.where(calls.c.started_at >= to_us(self.since))
        if self.until is not None:
            query = query.where(calls.c.started_at < to_us(self.until))
        if self.result is not None:
            query = query.where(or_(calls.c.result == self.result, calls.c.reason == self.result))
        if self.call is not None:
            named = calls.c.call.startswith(self.call, autoescape=True)
            query = query.where(or_(named, calls.c.sip_call_id == self.call))
        return query


EVERY = Wanted()
