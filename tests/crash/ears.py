"""What each telephone of a call must hear, from instant to instant, and the holes in what it did hear.

A `Party` is one telephone's end of a call. The script says `hears` whenever that changes; in the end `holes` looks into
the recording. Instants are CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from tests.e2e.kit import sound
from tests.e2e.kit.phones import Softphone

SETTLE_S = 0.6
"""So long after a change something else may be heard: the change has its way through two processes."""
BEFORE_S = 0.3
"""And before one: what is heard has been said a moment ago."""

HOLE_S = 0.06
"""What is shorter is a frame or two that a telephone has left out; it is not looked at."""


class Hole(NamedTuple):
    """A tone was missing from `at` on, for `length_s`."""

    phone: str
    call: str
    hz: float
    at: float
    length_s: float


class Span(NamedTuple):
    """From `begin` to `end` these tones were to be heard."""

    begin: float
    end: float
    tones: tuple[float, ...]


class Party:
    """One telephone's end of a call."""

    def __init__(self, phone: Softphone, call: str, *makers: Softphone) -> None:
        """`makers` are the telephones whose sound it hears."""
        self.phone, self.call = phone, call
        self.makers = [each.name for each in (phone, *makers)]
        self._spans: list[Span] = []
        self._since = 0.0
        self._tones: tuple[float, ...] = ()

    def hears(self, *tones: float) -> None:
        """From now on these tones; none: it may hear what it likes."""
        self._change(time.monotonic(), tones)

    def ended(self, at: float) -> None:
        """What it heard ended at that instant, which is known only now."""
        self._change(at, ())

    def _change(self, at: float, tones: tuple[float, ...]) -> None:
        if self._tones:
            self._spans.append(Span(self._since, at, self._tones))
        self._since, self._tones = at, tones

    def heard(self, begin: float, end: float) -> set[float]:
        """The tones that it was to hear all the time between two instants."""
        return {
            hz
            for span in self._spans
            if span.begin + SETTLE_S <= begin and end <= span.end - BEFORE_S
            for hz in span.tones
        }

    def up(self) -> bool:
        """Whether the telephone still has the call."""
        return not any(
            each["event"] == "call" and each["call"] == self.call and each["state"] == "DISCONNECTED"
            for each in list(self.phone.events)
        )

    def holes(self) -> tuple[float, list[Hole], list[str]]:
        """How many seconds of tones were looked at, the holes in them, and what is wrong at all. The call is over."""
        begun = self.phone.expect("recording", call=self.call)["now"]
        samples, rate = sound.read(self.phone.heard(self.call))
        looked, found, wrong = 0.0, [], []
        for span in self._spans:
            begin, end = span.begin + SETTLE_S - begun, span.end - BEFORE_S - begun
            if end - begin < 0.3:
                continue
            part = samples[max(0, int(begin * rate)) : int(end * rate)]
            for hz in span.tones:
                holes = sound.holes(part, rate, hz, HOLE_S)
                looked += end - begin
                if holes is None:
                    wrong.append(f"{self.phone.name}, {self.call}: no {hz:g} Hz for {end - begin:.1f} s")
                    continue
                for at, length in holes:
                    found.append(Hole(self.phone.name, self.call, hz, begun + max(0.0, begin) + at, length))
        return looked, found, wrong
