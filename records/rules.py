"""How long records are kept: what the operator has written under `records`, and what follows from it.

Without a rule everything stays. The record feeder deletes what is too old once an hour; each round leaves a tombstone
in the chain. Recordings have a rule of their own, and the exchange deletes their files (`switch/recordings.py`): those
of emergency calls not before their records.
"""

from __future__ import annotations

import datetime
from typing import NamedTuple

from records.store import Store

_LONG_AGO = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_DAY_S = 86400


class Rules(NamedTuple):
    """Seconds that records are kept; 0: for ever. Those of emergency calls are kept `emergency_s` at least."""

    keep_s: float = 0.0
    emergency_s: float = 0.0


KEEP_ALL = Rules()


def apply_rules(store: Store, rules: Rules, at: datetime.datetime) -> int:
    """Delete what the rules no longer keep at that instant. How many records."""
    if not rules.keep_s:
        return 0
    before = _before(at, rules.keep_s)
    emergency_before = _before(at, max(rules.keep_s, rules.emergency_s))
    why = f"older than {rules.keep_s / _DAY_S:g} days"
    deleted = 0
    while count := store.retain(before, emergency_before, why, at):
        deleted += count
    return deleted


def _before(at: datetime.datetime, keep_s: float) -> datetime.datetime:
    try:
        return max(at - datetime.timedelta(seconds=keep_s), _LONG_AGO)
    except OverflowError:
        return _LONG_AGO
