"""Deletion on request (`ringplan records forget`), and recordings that an operator was given to hear: the exchange's
part of both. The record store is the feeder's; here are the files, the mailboxes and the journal (decision 30).

    asked -> the call is over, and its recording made -> files gone -> messages gone -> told, in a new segment

What fails half-way has told nothing, and is asked for again. The journal begins a new segment with the deletion, so
that those before it go as wholes; the state file's log is emptied when the deletion is in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from records.events import Forgotten, RecordingAccessed, StoredEvent
from switch.chores import Chores
from switch.control import Handler, Refused
from switch.core import Core
from switch.mailbox_desk import Desk
from switch.mailboxes import GONE
from switch.operations import Recent
from switch.recordings import FILE_NAME, Recordings
from switch.state.mailboxes import Message
from switch.views import AccessedView, ForgottenView

MOST_CALLS, MOST_TEXT = 1000, 500
_EARLIEST = datetime.datetime.min.replace(tzinfo=datetime.UTC)
_LATEST = datetime.datetime.max.replace(tzinfo=datetime.UTC)
SETTLE_S = 15.0
"""By then the state file has what became of messages."""


class Forgetting:
    """The handlers. `note` takes events for the journal, before which `begin_segment` is called; `state` is the state
    file."""

    def __init__(
        self,
        core: Core,
        recordings: Recordings,
        desk: Desk,
        recent: Recent,
        chores: Chores,
        state: Path,
        begin_segment: Callable[[], object],
        at: Callable[[], datetime.datetime],
        note: Callable[[Sequence[StoredEvent]], object],
    ) -> None:
        self._core = core
        self._recordings = recordings
        self._desk = desk
        self._recent = recent
        self._chores = chores
        self._state = state
        self._begin_segment = begin_segment
        self._at = at
        self._note = note

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"records_forget": self.forget, "recording_accessed": self.accessed}

    async def forget(self, args: dict[str, Any]) -> ForgottenView:
        """Forget these `calls` (ids), their recordings, and the messages that were left in them; of `number` all
        messages between the instants `since` and `until`. `name` is who wants that, and `why`. Raises Refused."""
        calls, by, why = _calls(args), _who(args), _text(args, "why")
        number = str(args.get("number", ""))[:MOST_TEXT]
        since, until = _instant(args, "since", _EARLIEST), _instant(args, "until", _LATEST)
        up = [call for call in calls if call in self._core.calls.by_id]
        if up:
            raise Refused(f"{len(up)} of these calls are still up, such as {up[0]}: nothing was deleted")
        making = self._recordings.making(calls)
        if making:
            raise Refused(f"the recording {making} is being made: again in a minute; nothing was deleted")
        messages = [
            each
            for each in self._desk.mailboxes.all()
            if not each.open
            and ((each.call and each.call in calls) or (number and each.number == number and since <= each.at < until))
        ]
        try:
            files = await self._recordings.remove(calls)
            await asyncio.to_thread(self._drop, messages)
        except OSError as error:
            raise Refused(f"not all files can be deleted, so that nothing was forgotten: {error}") from error
        for call in calls:
            self._recent.forget(call)
        self._begin_segment()
        for each in messages:
            self._desk.mailboxes.change(each.mailbox, each.id, GONE, by, self._at())
        self._note([Forgotten(tuple(calls), (), by, why, self._at())] if calls else [])
        self._chores.begin("forgetting", self.settle())
        return ForgottenView(calls=len(calls), files=files, messages=len(messages))

    def accessed(self, args: dict[str, Any]) -> AccessedView:
        """An operator is given `file` of `call` to hear, for the reason `why`. Raises Refused."""
        call, file = str(args.get("call", "")), str(args.get("file", ""))
        if FILE_NAME.fullmatch(file) is None or not file.partition("/")[2].startswith(f"{call}-"):
            raise Refused(f"`{file[:80]}` is no recording of call {call[:80]}")
        by = str(args.get("by", ""))
        self._note([RecordingAccessed(call, file, by, _text(args, "why"), self._at())])
        return AccessedView(call=call, file=file, by=by)

    def _drop(self, messages: Iterable[Message]) -> None:
        for each in messages:
            self._desk.files.drop(each.mailbox, each.id)

    async def settle(self) -> None:
        """What is deleted now is soon in no file of the state. Also at a start: the last exchange may have been killed
        before it was."""
        await asyncio.sleep(SETTLE_S)
        await asyncio.to_thread(settle_state, self._state)


def settle_state(path: Path) -> None:
    """What is no more in the state file is not in its log either."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=10.0)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _calls(args: dict[str, Any]) -> list[str]:
    found = args.get("calls") or []
    if not isinstance(found, list) or len(found) > MOST_CALLS:
        raise Refused(f"at most {MOST_CALLS} calls at a time")
    if not all(isinstance(each, str) and each.isalnum() and each.isascii() for each in found):
        raise Refused("calls are named by their whole ids")
    return list(dict.fromkeys(found))


def _text(args: dict[str, Any], name: str) -> str:
    text = " ".join(str(args.get(name, "")).split())
    if not text or len(text) > MOST_TEXT:
        raise Refused(f"`{name}` is to be said, in at most {MOST_TEXT} letters")
    return text


def _who(args: dict[str, Any]) -> str:
    """As the kernel knows who asks, and as they call themselves."""
    return f"{args.get('by', '')} {_text(args, 'name')}"


def _instant(args: dict[str, Any], name: str, usual: datetime.datetime) -> datetime.datetime:
    given = args.get(name)
    if not given:
        return usual
    try:
        return datetime.datetime.fromisoformat(str(given)).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        raise Refused(f"`{name}` is an instant") from None
