"""Quotas against toll fraud: how much of them is used, and when somebody is to be told (OUT-1 and what is said of toll
fraud). Values in, values out; `dialplan.permission` refuses calls, `switch.facts` counts them."""

from __future__ import annotations

from collections.abc import Iterator

from dialplan.facts import LineFacts
from dialplan.lines import Quotas

WARNED = 80
REACHED = 100
"""Per cent of a limit at which the operator is told."""
WINDOWS_MS = {
    "calls": 3_600_000,
    "minutes_hour": 3_600_000,
    "minutes_day": 86_400_000,
    "cost_hour": 3_600_000,
    "cost_day": 86_400_000,
}
"""What is limited, and for how long nobody is told again."""


def used(quotas: Quotas, facts: LineFacts) -> Iterator[tuple[str, float, int]]:
    """What is limited, how much of it is used, and the limit."""
    for what, amount in (
        ("calls", facts.external),
        ("minutes_hour", facts.minutes_hour),
        ("minutes_day", facts.minutes_day),
        ("cost_hour", facts.cost_hour),
        ("cost_day", facts.cost_day),
    ):
        limit: int = getattr(quotas, what)
        if limit:
            yield what, amount, limit


def reached(quotas: Quotas, facts: LineFacts) -> Iterator[tuple[str, int, float, int]]:
    """What is worth telling: what is limited, the per cent that it has come to, the amount and the limit."""
    for what, amount, limit in used(quotas, facts):
        if amount * 100 >= limit * WARNED:
            yield what, REACHED if amount >= limit else WARNED, amount, limit
