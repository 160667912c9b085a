"""When an exchange hands over, and when it does not."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from media import wire
from records.journal import FileJournal
from switch import handover
from switch.succession import Succession
from tests.support.call_events import answered_call


def test_who_cannot_write_the_journal_does_not_hand_over(tmp_path: Path) -> None:
    """What waits in memory for a full disk is in no journal: the next exchange would not know of those calls."""

    def full(descriptor: int, data: bytes | bytearray) -> int:
        raise OSError(28, "No space left on device")

    journal = FileJournal(tmp_path / "journal", write=full)
    journal.append(answered_call("c1"))
    loop, nothing = asyncio.new_event_loop(), SimpleNamespace()
    others: dict[str, Any] = dict.fromkeys(
        ("core", "transports", "clock", "engine", "nonces", "watch", "chores", "log"), nothing
    )
    succession = Succession(loop, journal=journal, keepers=(), unwilling=str, over=loop.stop, **others)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    succession._knocked(handover.Hello("9", 1, wire.VERSION), ours)
    assert theirs.recv(4096).startswith(b"Rthe disk does not take the journal")
    assert not succession.begun
    theirs.close()
    journal.close()
    loop.close()
