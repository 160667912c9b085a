"""What plays a tune to a leg: the frames of its sources one after the other, each 20 ms with the relay's tick.

The echo is no player: the relay sends the packets of such a leg back as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.engine import Tune
from media.files import Library, Recording

if TYPE_CHECKING:
    from media.leg import Leg


class TunePlayer:
    """A tune at one leg. `failed` are the sources that could not be played, so far."""

    __slots__ = ("_again", "_at", "_codec", "_leg", "_library", "_parts", "_position", "_sounded", "failed", "tune")

    def __init__(self, leg: Leg, tune: Tune, library: Library) -> None:
        self.tune = tune
        self.failed: tuple[str, ...] = ()
        self._leg = leg
        self._library = library
        self._codec = ""
        self._parts: list[Recording] = []
        self._at = 0
        self._position = 0
        self._again = False
        self._sounded = False
        """Whether anything was heard since the tune began, or began again."""
        if leg.remote is not None:
            self._prepare()

    def tick(self, tick: int, audible: bool) -> bool:
        """Send the next 20 ms, or let them pass where they are not `audible`; False when the tune has come to its end.
        What is not read yet, or not wanted before the far end has described itself, waits."""
        leg = self._leg
        if leg.remote is None:
            return True
        if (leg.voice.codec != self._codec or not self._parts) and not self._prepare():
            self.failed = self.tune.sources
            return False
        frame = self._next()
        if frame is None:
            return False
        if frame and audible:
            leg.voice.send(frame, tick)
        return True

    def _prepare(self) -> bool:
        """Get the sources in the codec that the far end wants now; False where we have not got it."""
        codec = self._codec = self._leg.voice.codec
        self._parts = [self._library.recording(each, codec) for each in self.tune.sources] if codec else []
        return bool(self._parts)

    def _next(self) -> bytes | None:
        parts = self._parts
        alone = self.tune.loop and len(parts) == 1
        while True:
            while self._at < len(parts):
                part = parts[self._at]
                frame = part.frame(self._position, alone, self._again)
                if frame is not None and not part.failed:
                    if frame:
                        self._position += 1
                        self._sounded = True
                    return frame
                if part.failed:
                    self._fail(self.tune.sources[self._at])
                self._at += 1
                self._position = 0
            if not (self.tune.loop and self._sounded):
                return None
            self._at, self._again, self._sounded = 0, True, False

    def _fail(self, source: str) -> None:
        if source not in self.failed:
            self.failed += (source,)
