"""After a restart: which calls were up, and who was registered, out of the journal."""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Iterable

import msgspec

from records.events import (
    AnyEvent,
    Bound,
    CallEnded,
    CallEvent,
    CallReplanned,
    CallStarted,
    Event,
    FiguresTold,
    HelpTold,
    StateTold,
    Subscribed,
    Unbound,
    Unsubscribed,
)

Contact = tuple[str, str, int]
"""Line, URI and reg-id."""


class Finished:
    """Remembers the last calls that ended, so that an event told twice does not open a call again. Bounded."""

    __slots__ = ("_calls", "_order", "_size")

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._calls: set[str] = set()
        self._order: deque[str] = deque()

    def add(self, call: str) -> None:
        """The call ended."""
        if call in self._calls:
            return
        self._calls.add(call)
        self._order.append(call)
        if len(self._order) > self._size:
            self._calls.discard(self._order.popleft())

    def __contains__(self, call: str) -> bool:
        return call in self._calls


class Recovery(msgspec.Struct):
    """What a journal says about the moment after its last event.

    `calls` are the calls without an end, with all their events in order. `bindings` the contacts registered within the
    events read, by `Contact`; expired ones are still in, `unbound` names those known to be gone, so both can be laid
    over an older state. `orphans` are calls without an end whose beginning was lost with a damaged part, and the number
    of their next event: they cannot be taken over, and whoever recovers should append their `CallEnded`. `ended` are
    calls that ended since the instant asked for, the last MAX_ENDED of them: their last words may not have been heard.
    `subscribed` and `unsubscribed` are of subscriptions what `bindings` and `unbound` are of contacts, by our tag.
    `told`: the state was told anew within the events read, so that no older state is to be laid below it. `figures` are
    the last words of each kind and name. `untold` are the events of emergency calls, up or not, of which somebody was
    to be told, by call and whom, where nothing says what came of it.
    """

    calls: dict[str, list[CallEvent]]
    bindings: dict[Contact, Bound]
    unbound: set[Contact]
    orphans: dict[str, int]
    ended: deque[list[CallEvent]]
    subscribed: dict[str, Subscribed] = {}
    unsubscribed: set[str] = set()
    told: bool = False
    figures: dict[tuple[str, str], FiguresTold] = {}
    untold: dict[tuple[str, str], list[CallEvent]] = {}


MAX_ENDED = 4096
"""How many calls that have just ended are kept: two BYEs for each are sent at once."""


def recover(events: Iterable[AnyEvent], since: datetime.datetime | None = None) -> Recovery:
    """Fold a journal, keeping what is open and, with `since`, what ended no earlier. Events told twice count once."""
    calls: dict[str, list[CallEvent]] = {}
    bindings: dict[Contact, Bound] = {}
    unbound: set[Contact] = set()
    orphans: dict[str, int] = {}
    ended: deque[list[CallEvent]] = deque(maxlen=MAX_ENDED)
    subscribed: dict[str, Subscribed] = {}
    unsubscribed: set[str] = set()
    figures: dict[tuple[str, str], FiguresTold] = {}
    untold: dict[tuple[str, str], list[CallEvent]] = {}
    finished, telling = Finished(), Telling()
    for event in events:
        if isinstance(event, Event):
            call = event.call
            known = calls.get(call)
            if isinstance(event, CallEnded):
                calls.pop(call, None)
                if known is not None and since is not None and event.at >= since:
                    known.append(event)
                    ended.append(known)
                orphans.pop(call, None)
                finished.add(call)
            elif known is not None:
                if event.n > known[-1].n:
                    known.append(event)
                    if event.__class__ is CallReplanned and event.help is not None:
                        untold |= {(call, to): known for to in event.help.notify}
            elif call not in finished:
                if isinstance(event, CallStarted):
                    calls[call] = [event]
                    untold |= {(call, to): calls[call] for to in event.notify}
                else:
                    orphans[call] = max(orphans.get(call, 0), event.n + 1)
        elif isinstance(event, Bound):
            bindings[event.line, event.uri, event.reg_id] = event
            unbound.discard((event.line, event.uri, event.reg_id))
        elif isinstance(event, Unbound):
            bindings.pop((event.line, event.uri, event.reg_id), None)
            unbound.add((event.line, event.uri, event.reg_id))
        elif isinstance(event, Subscribed):
            subscribed[event.dialog.local_tag] = event
            unsubscribed.discard(event.dialog.local_tag)
        elif isinstance(event, Unsubscribed):
            subscribed.pop(event.tag, None)
            unsubscribed.add(event.tag)
        elif isinstance(event, FiguresTold):
            figures[event.kind, event.name] = event
        elif isinstance(event, HelpTold):
            untold.pop((event.call, event.to), None)
        elif isinstance(event, StateTold):
            telling.saw(event)
    return Recovery(
        *(calls, bindings, unbound, orphans, ended, subscribed, unsubscribed, telling.complete, figures, untold)
    )


class Telling:
    """Whether the state was told anew, from its beginning to its end; one that a crash cut off does not count."""

    __slots__ = ("_number", "complete")

    def __init__(self) -> None:
        self._number = 0
        self.complete = False

    def saw(self, event: StateTold) -> bool:
        """Events of this kind come in the order of the journal. True: a telling has come to its end with it."""
        if not event.over:
            self._number = event.number
        elif event.number == self._number:
            self.complete = True
            return True
        return False


def open_calls(events: Iterable[AnyEvent]) -> dict[str, list[CallEvent]]:
    """The calls that have not ended, with their events in order."""
    return recover(events).calls
