"""Digits sent to a far end: as telephone-events (RFC 4733), or as tones in the sound where it takes no events.

An event is 100 ms. Its packets are 20 ms apart, all with the timestamp of its beginning; the first has the marker, each
says how long the digit has lasted, and the last one, which says that it is over, goes out three times (RFC 4733 section
2.5.1.4). The next digit begins 100 ms after the end. What the leg hears otherwise is silent meanwhile, so that nobody
hears the digit twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from media import rtp
from media.engine import Tune
from media.player import TunePlayer

if TYPE_CHECKING:
    from media.files import Library
    from media.leg import Leg

ON_TICKS = OFF_TICKS = 5
REPEATS = 3
MOST = 256
_VOLUME = 10
"""In dB below the reference level (RFC 4733 section 2.3.2)."""
_END = 0x80
_UNITS = 160
"""Of duration, in 20 ms: telephone-event/8000 is what we describe (`negotiate.py`), beside whatever codec."""
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"


def clean(digits: str) -> str:
    """Those of the digits that can be sent."""
    return "".join(each for each in digits.upper() if each in _KEYS)[:MOST]


def tones(digits: str) -> tuple[str, ...]:
    """Digits as sources of a tune."""
    found: list[str] = []
    for digit in digits:
        row, column = divmod(_KEYS.index(digit), 4)
        found += (f"tone:{_ROWS[row]}+{_COLUMNS[column]}:{ON_TICKS * 20}", f"silence:{OFF_TICKS * 20}")
    return tuple(found)


class Dialler:
    """What is being sent to one leg."""

    __slots__ = ("_at", "_digits", "_event", "_leg", "_library", "_sound")

    def __init__(self, leg: Leg, digits: str, library: Library) -> None:
        self._leg = leg
        self._library = library
        self._digits = clean(digits)
        self._at = 0
        self._event = 0
        self._sound: TunePlayer | None = None

    def add(self, digits: str) -> None:
        """Further digits, after those that wait."""
        self._digits = (self._digits + clean(digits))[:MOST]

    def tick(self, tick: int) -> bool:
        """The next 20 ms; False when all is sent."""
        remote = self._leg.remote
        if remote is None:
            return True
        if self._sound is not None:
            if self._sound.tick(tick, audible=True):
                return True
            self._sound = None
        if not self._digits:
            return False
        if self._at == 0 and remote.telephone_event is None:
            self._sound = TunePlayer(self._leg, Tune(tones(self._digits)), self._library)
            self._digits = ""
            return self._sound.tick(tick, audible=True)
        self._say(tick)
        return True

    def _say(self, tick: int) -> None:
        number = self._leg.remote.telephone_event if self._leg.remote is not None else None
        if number is not None:
            self._event = number
        at = self._at
        if at < ON_TICKS + REPEATS - 1:
            ends = at >= ON_TICKS - 1
            duration = min(at + 1, ON_TICKS) * _UNITS
            flags = _END | _VOLUME if ends else _VOLUME
            payload = bytes((rtp.DIGITS.index(self._digits[0]), flags)) + duration.to_bytes(2, "big")
            self._leg.voice.event(self._event, payload, at == 0, tick)
        self._at = at + 1
        if self._at == ON_TICKS + OFF_TICKS:
            self._at = 0
            self._digits = self._digits[1:]
