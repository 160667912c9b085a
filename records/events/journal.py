"""The journal's own: what the exchange knows beyond its calls, told anew (`switch/telling.py`)."""

from __future__ import annotations

import datetime

import msgspec


class StateTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=43):
    """The exchange tells anew all that it knows beyond its calls, so that older parts of the journal may go: contacts,
    subscriptions, what is set, figures, mailboxes. What is so comes between one of these with `over` False and the next
    of the same `number` with `over` True, among all else that happens. `events` is how many were told so far."""

    number: int
    over: bool
    events: int
    at: datetime.datetime


class FiguresTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=44):
    """What stands for a name now: an absolute statement, told anew. `kind` is one of `switch.state.facts`, or `quota`
    with the name `WHAT PERCENT LINE`: when somebody was told of it. `rows` are bucket, amount and cost as in
    `switch.state.facts.Row`; of what was `spent` all minutes that count. A `ban` of the guard has since and until when
    (Unix milliseconds), how often, and whether it is a dry run, with the reason as `text`; a network that an operator
    has `allowed` has one row. These are told when they change, too; no rows: it is over."""

    kind: str
    name: str
    rows: tuple[tuple[int, int, int], ...]
    at: datetime.datetime
    text: str = ""
