"""What happens in the exchange, as it happens: for consoles that show it, told as server-sent events (`/events`).

What is told are statements of how things are now, not what changed: a call as `ringplan calls` shows it, a telephone
that is there or gone, the counts of a mailbox. So a listener that was away needs nothing of what it missed: it begins
with everything as it is, then `ready`, then what is new. A call that changes ten times within a tenth of a second is
told once.

How all is now is read in pieces, each in a turn of the loop of its own, and each when the listener has taken the one
before: ever so many contacts hold up no call, and lie nowhere in memory. What changes while that goes on waits until
after `ready`, so the last word on each thing is the true one.

Nobody listening costs one comparison an input. A listener that does not read loses its connection, never an event of
another.

    call      a `switch.views.CallView`         phone     line, device, uri, there
    ended     call, result, reason, sip_status  mailbox   mailbox, new, old, urgent_new, urgent_old
    set       line, key, value, by              told      of an emergency call: call, to, outcome, why
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from records import events as e
from records.text import to_json
from switch.mailboxes import Counts
from switch.views import CallView

PAUSE_S = 0.1
MOST_WAITING = 4 << 20
"""Octets that a listener may leave unread."""
MOST_LISTENERS = 16
PIECE = 64
"""Statements of the beginning that are made in one turn of the loop: a millisecond or two if all are calls."""
ALIVE_S = 15.0
"""After so much silence a comment goes out, so that both ends notice when the other is gone."""


class Listener:
    """One connection's end: what waits for it. `beginning` are the pieces of how all is now, which are made when they
    are asked for. `over`: it was too slow, or we stop."""

    __slots__ = ("_beginning", "_size", "_some", "_waiting", "over")

    def __init__(self, beginning: Iterator[bytes]) -> None:
        self._beginning: Iterator[bytes] | None = beginning
        self._waiting: list[bytes] = []
        self._size = 0
        self._some = asyncio.Event()
        self.over = False

    def put(self, told: bytes) -> None:
        """Something for it, after its beginning."""
        self._size += len(told)
        if self._size > MOST_WAITING:
            self.end()
        elif not self.over:
            self._waiting.append(told)
            self._some.set()

    def end(self) -> None:
        """Nothing more is told."""
        self.over = True
        self._beginning = None
        self._waiting.clear()
        self._some.set()

    async def get(self) -> bytes:
        """A piece of the beginning; then all that waits, or a comment when nothing comes for a while."""
        if self._beginning is not None:
            piece = next(self._beginning, b"")
            if piece:
                await asyncio.sleep(0)  # writing does not wait as long as the far end reads
                return piece
            self._beginning = None
        try:
            await asyncio.wait_for(self._some.wait(), ALIVE_S)
        except TimeoutError:
            return b": alive\n\n"
        told = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        self._some.clear()
        return told


class Live:
    """Tells all listeners. `calls` are the ids of those that are up, `call` is one, `phones` the contacts, which
    may change while they are read, `boxes` the counts of a mailbox, `names` those that there are;
    `later(seconds, what)` is the loop's. `settle` is called before anything is told, to write down what has been
    decided: no crash may take back what somebody has read."""

    def __init__(
        self,
        calls: Callable[[], Iterable[str]],
        call: Callable[[str], CallView | None],
        phones: Callable[[], Iterable[e.Bound]],
        boxes: Callable[[str], Counts],
        later: Callable[[float, Callable[[], None]], object],
        names: Callable[[], Iterable[str]] = lambda: (),
        settle: Callable[[], object] = lambda: None,
    ) -> None:
        self._calls = calls
        self._call = call
        self._phones = phones
        self._boxes = boxes
        self._later = later
        self._names = names
        self._settle = settle
        self._listeners: set[Listener] = set()
        self._dirty: dict[tuple[str, str], bytes] = {}
        """What is to be told: of a call, a mailbox and so on the last word, in the order of the first."""
        self._due = False
        self._told = 0
        self._run = int(datetime.datetime.now(datetime.UTC).timestamp())

    def add(self, events: Sequence[e.AnyEvent]) -> None:
        """What the journal has just got."""
        if not self._listeners:
            return
        for event in events:
            self._note(event)
        if self._dirty and not self._due:
            self._due = True
            self._later(PAUSE_S, self.tell)

    def _note(self, event: e.AnyEvent) -> None:
        match event:
            case e.CallEnded():
                named = {"call": event.call, "result": event.result, "reason": event.reason, "at": event.at}
                self._dirty["call", event.call] = self._line("ended", {**named, "sip_status": event.sip_status})
            case e.Event():
                if ("call", event.call) not in self._dirty:
                    self._dirty["call", event.call] = b""  # looked at when it is told
            case e.Bound():
                self._dirty["phone", f"{event.line} {event.uri} {event.reg_id}"] = self._phone(event)
            case e.Unbound():
                named = {"line": event.line, "uri": event.uri, "there": False, "cause": event.cause}
                self._dirty["phone", f"{event.line} {event.uri} {event.reg_id}"] = self._line("phone", named)
            case e.LineSet():
                named = {"line": event.line, "key": event.key, "value": event.value, "by": event.by}
                self._dirty["set", f"{event.line} {event.key}"] = self._line("set", named)
            case e.MessageLeft() | e.MessageChanged():
                self._dirty["mailbox", event.mailbox] = b""
            case e.HelpTold():
                named = {"call": event.call, "to": event.to, "outcome": event.outcome, "why": event.why}
                self._dirty["told", f"{event.call} {event.to}"] = self._line("told", named)
            case _:
                pass

    def tell(self) -> None:
        """Say what is new."""
        self._due = False
        self._settle()
        changed, self._dirty = self._dirty, {}
        for (kind, name), line in changed.items():
            told = line or (self._mailbox(name) if kind == "mailbox" else self._up(self._call(name)))
            if told:
                self._told += 1
                numbered = b"id: %d-%d\n%b" % (self._run, self._told, told)
                for listener in self._listeners:
                    listener.put(numbered)

    def listen(self) -> Listener | None:
        """A new listener, which begins with all that is now; None when there are enough."""
        if len(self._listeners) >= MOST_LISTENERS:
            return None
        listener = Listener(self._beginning())
        self._listeners.add(listener)
        return listener

    def _beginning(self) -> Iterator[bytes]:
        """How all is, in pieces. What ends meanwhile is left out, or its end is told later."""
        told = filter(None, self._all())
        while True:
            self._settle()
            piece = list(islice(told, PIECE))
            if not piece:
                return
            yield b"".join(piece)

    def _all(self) -> Iterator[bytes]:
        yield b"retry: 2000\n\n"
        yield from map(self._up, map(self._call, list(self._calls())))
        yield from map(self._phone, self._phones())
        yield from map(self._mailbox, self._names())
        yield self._line("ready", {"run": self._run})

    def leave(self, listener: Listener) -> None:
        """It is gone."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._dirty.clear()

    def _up(self, view: CallView | None) -> bytes:
        return self._line("call", view) if view is not None else b""

    def _phone(self, bound: e.Bound) -> bytes:
        return self._line("phone", {"line": bound.line, "device": bound.device, "uri": bound.uri, "there": True})

    def _mailbox(self, name: str) -> bytes:
        return self._line("mailbox", {"mailbox": name, **msgspec.structs.asdict(self._boxes(name))})

    def _line(self, kind: str, value: Any) -> bytes:
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), to_json(value))
