"""The end of the records' chain goes into the log once a day: where logs are kept elsewhere, so is the proof that
nothing was cut off (`ringplan records verify --since-head`, decision 30)."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from records import anchor

LOOK_S = 600.0


class HeadLog:
    """`look` is to be called now and then. `path` is where the record feeder keeps the head."""

    def __init__(self, path: Path, tell: Callable[..., Any], at: Callable[[], datetime.datetime]) -> None:
        self._path = path
        self._tell = tell
        self._at = at
        self._told: datetime.date | None = None

    async def look(self) -> None:
        """Tell it, the first time on each day (UTC)."""
        today = self._at().date()
        if today == self._told:
            return
        head = await asyncio.to_thread(anchor.read, self._path)
        if head is not None:
            self._told = today
            self._tell("the chain of records", head=str(head))
