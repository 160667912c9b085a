"""What members of queues were, and when: rows of `queue_members` and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from records.events import MemberSet
from records.store.rows import instant, us
from records.store.tables import queue_members
from records.text import clean


def member_row(event: MemberSet) -> dict[str, Any]:
    """The row of what was told of a member."""
    return {
        "queue": clean(event.queue),
        "member": clean(event.member),
        "at": us(event.at),
        "state": event.state,
        "reason": clean(event.reason),
        "by": clean(event.by),
        "of_call": clean(event.call),
    }


def members(connection: Connection) -> list[MemberSet]:
    """All of it in the order of time: `store.read(members)`, for `records.reports.stays`."""
    query = select(queue_members).order_by(queue_members.c.at)
    return [_event(row) for row in connection.execute(query).mappings()]


def _event(row: Any) -> MemberSet:
    told = row["queue"], row["member"], row["state"], row["reason"], row["by"]
    return MemberSet(*told, instant(row["at"]), row["of_call"])
