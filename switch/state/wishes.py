"""What a line's user has set at run time, as keys and values: the words of `LineSet` events and of the state file.

    dnd                  on
    forward.CONDITION    a destination as text; `nowhere` switches off what the configuration says
    forward.after        seconds before a call that nobody answers is forwarded (FWD-3)
    out.NAME             out: no calls of that group, queue or delegator
    lock                 on: of a telephone, which stands for a line as `device:NAME` (PIN-6)

A key without a value is as the configuration has it. What this version cannot read is passed over, so that a file of a
newer one does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dialplan.destinations import Destination, of_text
from dialplan.facts import Condition

DND = "dnd"
AFTER = "forward.after"
FORWARD = "forward."
OUT = "out."
LOCK = "lock"
ON = "on"
AWAY = "out"

_FORWARDS = {FORWARD + each.value: each for each in Condition}


class Wishes(msgspec.Struct, frozen=True):
    """All that one line's user has set; see `dialplan.facts.LineFacts`."""

    dnd: bool = False
    forwards: dict[Condition, Destination] = {}
    after_s: float = 0.0
    out_of: frozenset[str] = frozenset()
    locked: bool = False


NONE = Wishes()


def read(values: Mapping[str, str]) -> Wishes:
    """The keys and values of one line, understood."""
    forwards = {}
    for key, condition in _FORWARDS.items():
        to = of_text(values[key]) if values.get(key) else None
        if to is not None:
            forwards[condition] = to
    after = values.get(AFTER, "")
    return Wishes(
        dnd=values.get(DND) == ON,
        forwards=forwards,
        after_s=float(after) if after.isascii() and after.isdigit() and len(after) < 4 else 0.0,
        out_of=frozenset(key.removeprefix(OUT) for key, value in values.items() if key.startswith(OUT) and value),
        locked=values.get(LOCK) == ON,
    )


__all__ = ["AFTER", "AWAY", "DND", "FORWARD", "LOCK", "NONE", "ON", "OUT", "Wishes", "read"]
