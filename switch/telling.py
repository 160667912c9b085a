"""What the exchange knows beyond its calls, told anew in the journal, so that its older segments may go.

The journal alone is the truth (decision 26), and it is bounded. So when a new segment begins, and after a start, all
contacts, subscriptions, settings, figures and mailboxes are said again as absolute events, a few in each turn of the
loop, among what happens meanwhile:

    StateTold(over=False) · Bound · Subscribed · LineSet · FiguresTold · MailboxSet · MessageTold · StateTold(over=True)

Each is looked up at the moment in which it is told, behind everything that was decided before; what changes later
says so itself, later. So a fold that begins with any telling that came to its end, or earlier, ends with the state of
now. `records.retention` lets a segment go only when a complete telling began behind it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from records import events as e
from records.journal import Journal
from switch.core import Core

TOLD_A_TURN = 50
"""So many events are told in one turn of the loop: about a third of a millisecond."""
TURN_S = 0.01
LOOK_S = 1.0


class Telling:
    """Tells of the core's state in the journal, and of what others keep `besides`. `turn` does a part of the work, if
    there is any."""

    def __init__(
        self,
        core: Core,
        journal: Journal,
        now: Callable[[], float],
        at: Callable[[], datetime.datetime],
        most: int = TOLD_A_TURN,
        besides: Callable[[], Iterator[e.AnyEvent]] = lambda: iter(()),
    ) -> None:
        self.number = 0
        """How many tellings have begun."""
        self.complete = 0
        """The segment in which the last one began that came to its end; those before it are not needed for state."""
        self._core = core
        self._journal = journal
        self._now = now
        self._at = at
        self._most = most
        self._besides = besides
        self._rest: Iterator[e.AnyEvent] | None = None
        self._told = self._lost = 0
        self._began = 0
        self._due = 0

    def turn(self) -> float:
        """Tell a few events, if a telling is due or under way. Returns in how many seconds to come again."""
        health = self._journal.health()
        if self._core.muted:
            return LOOK_S  # the journal is another's
        if health.waiting_events:
            return LOOK_S  # the disk is full: what is left of memory is for calls
        if self._rest is not None and health.lost_events > self._lost:
            self._rest = None  # a part of it, perhaps
        self._core.flush()  # what is decided already comes before what is told of it
        if self._rest is None:
            if self._journal.end.segment < self._due:
                return LOOK_S
            self.number += 1
            self._told, self._lost = 0, health.lost_events
            self._journal.append([e.StateTold(self.number, False, 0, self._at())])
            self._began = self._journal.end.segment
            self._rest = self._everything()
        events = [event for _, event in zip(range(self._most), self._rest, strict=False)]
        self._told += len(events)
        if len(events) == self._most:
            self._journal.append(events)
            return TURN_S
        self._journal.append([*events, e.StateTold(self.number, True, self._told, self._at())])
        self._rest = None
        self.complete, ended = self._began, self._journal.end.segment
        # State that fills segments of its own is not told all the time: at least as much comes in between.
        self._due = ended + max(1, ended - self._began)
        return LOOK_S

    def _everything(self) -> Iterator[e.AnyEvent]:
        core = self._core
        yield from core.registrar.told(self._clock)
        yield from core.subscriptions.told(self._clock)
        yield from core.facts.told(self._at)
        yield from core.mailboxes.told()
        yield from self._besides()

    def _clock(self) -> tuple[float, datetime.datetime]:
        return self._now(), self._at()
