"""Codes in the words of people, for tables: outcomes of ringing, reasons of endings, announcements."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "answered": "answers",
        "busy": "busy",
        "no_answer": "no answer",
        "rejected": "rejected",
        "outage": "out of reach",
        "stopped": "stops",
    }
)
"""`plan.Outcome`, and what ends a bar besides."""

ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "busy": "busy",
        "no_answer": "nobody answers",
        "rejected": "rejected",
        "outage": "out of reach",
        "not_found": "there is no such number",
        "incomplete_number": "the number is not complete",
        "not_permitted": "not permitted",
        "blocked": "a quota is used up",
        "no_route": "no way out",
        "loop": "forwarded in a circle",
        "unavailable": "not available",
        "caller_cancelled": "the caller gives up",
        "caller_hung_up": "the caller hangs up",
        "callee_hung_up": "over",
        "congestion": "no free channel",
    }
)
"""`termination.Reason`; what is not here is shown as it is."""

HEARD: Mapping[str, str] = MappingProxyType(
    {
        "closed": "that it is closed",
        "unavailable": "that nobody is available",
        "not_permitted": "that this call is not permitted",
        "quota": "that a quota is used up",
        "locked": "that the telephone is locked",
        "line": "that this line may not be used",
        "set_up": "that the telephone is not set up yet",
        "account": "that there is no such account",
        "unknown_code": "that there is no such code",
    }
)
"""Announcements by their names in the plan."""
