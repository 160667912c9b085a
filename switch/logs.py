"""Logging: structlog in front, one line of JSON an event (or coloured words on a terminal), written by a thread.

Nothing that logs ever waits: a line goes into a bounded queue, and when the reader of our standard error is too slow,
lines are dropped and counted, never the call. At INFO the exchange writes at most one line a call.
"""

from __future__ import annotations

import collections
import logging
import os
import sys
import threading
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

from switch import redact
from switch.reception import IN_WORDS

MAX_LINES = 10_000
GATHER_S = 0.05
"""Lines are gathered for so long before they are written: a thread that woke for each line would take its turn from the
loop each time."""
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Writer:
    """Writes lines to a file descriptor from a thread of its own. `dropped` counts those that found the queue full."""

    def __init__(self, fd: int = 2, max_lines: int = MAX_LINES) -> None:
        self._fd = fd
        self._max_lines = max_lines
        self._lines: collections.deque[str] = collections.deque()
        self._wake = threading.Event()
        self._closing = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take a line, without its end. Never waits."""
        if len(self._lines) >= self._max_lines:
            self.dropped += 1
            return
        self._lines.append(line)
        self._wake.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        told = 0
        while not self._closing or self._lines:
            self._wake.wait()
            if not self._closing:
                time.sleep(GATHER_S)
            self._wake.clear()
            batch = [self._lines.popleft() for _ in range(len(self._lines))]
            if self.dropped != told:
                batch.append(
                    f'{{"event": "log lines were dropped", "level": "warning", "count": {self.dropped - told}}}'
                )
                told = self.dropped
            data = "".join(line + "\n" for line in batch).encode("utf-8", "replace")
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                continue  # nobody reads standard error any more; the exchange has better things to do than to die of it


class _LineLogger:
    """What structlog calls at the end of its chain."""

    __slots__ = ("_writer",)

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def msg(self, line: str) -> None:
        self._writer.write(line)

    debug = info = warning = error = critical = exception = log = msg


class _Bridge(logging.Handler):
    """Lines of libraries that use the standard logging, in the same stream and shape."""

    def __init__(self, level: int) -> None:
        super().__init__(level)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            logger = structlog.get_logger().bind(logger=record.name)
            logger.log(record.levelno, record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  (a broken log line must not break its caller)
            self.handleError(record)


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return redact.values(dict(event))


def _in_words(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    words = IN_WORDS.get(event["event"])
    if words is None:
        return event
    kept = {key: event[key] for key in ("level", "timestamp") if key in event}
    return kept | {"event": words.format_map(event)}


def configure(level: str = "info", json: bool | None = None, writer: Writer | None = None) -> Writer:
    """Set structlog and the standard logging up for this process; close the returned writer at its end.

    `level` is debug, info, warning or error. `json` None decides by whether standard error is a terminal.
    """
    writer = writer or Writer()
    as_json = not sys.stderr.isatty() if json is None else json
    # For a program an instant that sorts; for a person at a terminal the time on the wall, as the supervisor writes it.
    stamp = structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json)
    number = LEVELS[level.lower()]
    end: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if as_json
        else [_in_words, structlog.dev.ConsoleRenderer(colors=True, pad_event_to=0)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            stamp,
            _redact,
            *end,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _LineLogger(writer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(number)]
    root.setLevel(max(number, logging.INFO) if number > logging.DEBUG else number)
    for chatty in ("sqlalchemy", "aiosqlite", "alembic", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return writer
