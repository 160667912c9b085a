"""How whoever writes journal entries learns whether the feeder takes them in: a small file that the feeder writes anew
every few seconds, so that neither needs the other, nor the exchange the database."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from records import files

INTERVAL_S = 5.0
"""How often the feeder writes."""
SILENT_S = 60.0
"""A feeder that has not written for so long is away. It may take as long to start."""
LATE_S = 120.0
"""Records so far behind are worth a word."""


class Heartbeat(msgspec.Struct, frozen=True):
    """When the feeder had last taken in all there was (Unix seconds), and why it stands still, or empty. `wrong` is
    what it has found wrong with the records. Before the `segment` of the journal the store has all."""

    caught_up_at: float
    error: str = ""
    wrong: str = ""
    segment: int = 0


def write(path: Path, beat: Heartbeat) -> None:
    """Replace the file whole. Raises OSError."""
    files.replace(path, msgspec.json.encode(beat), synced=False)  # after a loss of power it is of no use


class Watch:
    """The reader's side. `started_at` and `at` are Unix seconds; nothing is held against the feeder from before."""

    def __init__(self, path: Path, started_at: float) -> None:
        self._path = path
        self._started_at = started_at

    def lag_s(self, at: float) -> float:
        """For how long the records have not had all that the journal has; a few seconds are usual."""
        beat, _ = self._read()
        return max(0.0, at - max(beat.caught_up_at, self._started_at))

    def stored(self) -> int:
        """The segment before which the store has all, as far as the feeder has said so."""
        return self._read()[0].segment

    def trouble(self, at: float) -> str:
        """What is wrong, in one sentence, or nothing."""
        beat, written_at = self._read()
        silent_s = at - max(written_at, self._started_at)
        if silent_s > SILENT_S:
            return f"records: nothing was heard of the record feeder for {silent_s:.0f} s; history is late"
        if beat.error and written_at >= self._started_at:
            return f"records: {beat.error}; history is late"
        if beat.wrong:
            return f"records: {beat.wrong} (ringplan records verify)"
        lag_s = self.lag_s(at)
        return f"records: history is {lag_s:.0f} s late" if lag_s > LATE_S else ""

    def _read(self) -> tuple[Heartbeat, float]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(), type=Heartbeat), os.fstat(file.fileno()).st_mtime
        except (OSError, msgspec.DecodeError):
            return Heartbeat(0.0), 0.0
