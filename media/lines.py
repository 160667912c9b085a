"""How a media worker writes its log: like its sisters, words at a terminal, else one line of JSON an event."""

from __future__ import annotations

import json
import logging
import time


class Lines(logging.Formatter):
    """Times in UTC. A worker has no part of `switch.logs`, which is not its layer, but the same readers."""

    def __init__(self, *, words: bool) -> None:
        super().__init__()
        self._words = words

    def format(self, record: logging.LogRecord) -> str:
        """One record; what was raised follows its words, or is a field of its own."""
        level, text, at = record.levelname.lower(), record.getMessage(), time.gmtime(record.created)
        raised = self.formatException(record.exc_info) if record.exc_info else ""
        if self._words:
            line = f"{time.strftime('%H:%M:%S', at)} [{level:<9}] {text} logger={record.name}"
            return f"{line}\n{raised}" if raised else line
        fields = {"event": text, "level": level, "logger": record.name}
        if raised:
            fields["exception"] = raised
        return json.dumps(fields | {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", at)}, ensure_ascii=False)
