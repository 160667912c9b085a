"""What people take out of their own histories (`ringplan history --user anna --delete CALL`, DCH-2). The exchange only
passes it on to the journal: the record store has the histories."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from records.events import HistoryHidden
from switch.control import Handler, Refused
from switch.views import HiddenView

MOST = 200
"""Characters of a name, and calls at a time."""


class Hiding:
    """The handlers. `note` takes events for the journal."""

    def __init__(self, at: Callable[[], datetime.datetime], note: Callable[[Sequence[HistoryHidden]], None]) -> None:
        self._at = at
        self._note = note

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"history_hide": self.hide}

    def hide(self, args: dict[str, Any]) -> HiddenView:
        """These `calls` are no more in the history of the user `viewer`. Raises Refused."""
        viewer, calls = str(args.get("viewer", "")), args.get("calls")
        names = calls if isinstance(calls, list) and len(calls) <= MOST else []
        if not _is_name(viewer) or not names or not all(map(_is_name, names)):
            raise Refused(f"a user and 1 to {MOST} calls are wanted")
        by, at = str(args.get("by", "")), self._at()
        self._note([HistoryHidden(viewer, call, by, at) for call in names])
        return HiddenView(viewer=viewer, calls=tuple(names))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST and value.isprintable()
