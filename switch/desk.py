"""The supervisor's socket: where `ringplan upgrade` asks. Standard library only, as the supervisor imports it.

The form is that of the exchange's control socket (`switch/control.py`): a line of JSON asks, lines of JSON answer.
There is one thing to ask for, and one asker at a time; the descriptors outlive the supervisor's own renewal.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

MAX_REQUEST = 4096


def open_desk(path: Path) -> socket.socket:
    """A socket that listens at `path`, for owner and group. Raises OSError."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o117)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(4)
    listening.setblocking(False)
    return listening


class Desk:
    """Takes requests and answers them. `log` gets what the asker is told, too."""

    def __init__(self, listening: socket.socket, asker: socket.socket | None, log: Callable[[str], None]) -> None:
        self._listening = listening
        self._come: list[socket.socket] = []
        """Who has connected and not asked yet."""
        self.asker = asker
        self._log = log

    def fds(self) -> list[int]:
        """What to read of."""
        return [self._listening.fileno(), *(each.fileno() for each in self._come)]

    def ready(self, readable: list[int]) -> bool:
        """Take what has come. Whether an upgrade is asked for now."""
        if self._listening.fileno() in readable:
            with contextlib.suppress(OSError):
                come, _ = self._listening.accept()
                come.setblocking(False)
                self._come = [*self._come[-8:], come]
        for each in [each for each in self._come if each.fileno() in readable]:
            self._come.remove(each)
            if self._asks(each):
                return True
        return False

    def _asks(self, come: socket.socket) -> bool:
        try:
            what = json.loads(come.recv(MAX_REQUEST) or b"null")
        except (OSError, ValueError):
            what = None
        if not isinstance(what, dict) or what.get("do") != "upgrade":
            come.close()
            return False
        if self.asker is not None:
            _tell(come, {"done": True, "error": "an upgrade is under way"})
            come.close()
            return False
        self.asker = come
        return True

    def say(self, text: str) -> None:
        """How it goes."""
        self._log(f"upgrade: {text}")
        self._tell({"value": {"text": text}})

    def refuse(self, why: str, details: tuple[str, ...] = ()) -> None:
        """It came to nothing."""
        self._log(f"upgrade: {why}")
        self._tell({"done": True, "error": why, "details": details})
        self._close()

    def done(self, text: str, report: dict[str, object]) -> None:
        """It is done."""
        self._log(f"upgrade: {text}")
        self._tell({"value": {"text": text, "report": report}})
        self._tell({"done": True})
        self._close()

    def _tell(self, what: dict[str, object]) -> None:
        if self.asker is not None:
            _tell(self.asker, what)

    def _close(self) -> None:
        if self.asker is not None:
            self.asker.close()
            self.asker = None


def _tell(to: socket.socket, what: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # it may have gone; what is to be done is done all the same
        to.send(json.dumps(what, ensure_ascii=False).encode() + b"\n")
