"""Who is in which call: what the lamps of `dialog` and `presence` show, out of the calls that are up.

Only while somebody watches: `record` notes which calls an input has touched, and `settle` tells, once the input is
done, which lines look different. What they look like is read from the calls themselves when it is asked for, so nothing
is kept here that a crash could lose. Whoever else has something to show says so by `changed`.

Besides lines, `sources` name resources of their own: a park slot is busy while a call is parked there, a room while
somebody is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Protocol

from records import events as e
from switch.calls.call import Call
from switch.calls.leg import CALLER
from switch.calls.presentation import uri_of
from switch.calls.state import CallState, LegState
from switch.calls.trust import Side, hidden_from
from switch.presence.dialog_info import DialogState, Party, Stage

LINE = "line:"


class Source(Protocol):
    """What has a lamp without being a line. Its resources begin with its `kind` and a colon, as `slot:main/701`."""

    kind: str

    def find(self, user: str) -> str | None:
        """The resource that an extension names; None when it is none of these."""

    def calls(self, resource: str) -> Iterable[tuple[str, bool]]:
        """The ids of the calls that are there now; whether each is on hold there, as one that is parked."""


class Lamps:
    """`calls` are those that are up, by id. `shown` gives a line's number and name."""

    def __init__(
        self,
        calls: Mapping[str, Call],
        append: Callable[[e.AnyEvent], object],
        shown: Callable[[str], tuple[str, str]],
    ) -> None:
        self.touched: dict[str, None] = {}
        """The calls that the input at hand has changed."""
        self.lit: set[str] = set()
        """Other resources that it has changed."""
        self.sources: dict[str, Source] = {}
        self._calls = calls
        self._append = append
        self._shown = shown
        self._lines: dict[str, frozenset[str]] = {}
        """The lines of each call."""
        self._of_line: dict[str, dict[str, None]] = {}

    # -- the fold -----------------------------------------------------------------------------------------------

    def record(self, event: e.AnyEvent) -> None:
        """An event of a call, on its way to the journal."""
        self._append(event)
        if isinstance(event, e.Event):
            self.touched[event.call] = None

    def begin(self) -> None:
        """Somebody watches from now on: which calls there are is looked up once."""
        self.touched.clear()
        self._lines.clear()
        self._of_line.clear()
        for call in self._calls:
            self._look(call)

    def changed(self, resource: str) -> None:
        """A resource that is no line looks different: `mailbox:anna`, `slot:main/701`."""
        self.lit.add(resource)

    def settle(self) -> set[str]:
        """The resources that may look different after the input at hand."""
        found, self.lit = self.lit, set()
        for call in self.touched:
            found.update(LINE + line for line in self._look(call))
        self.touched.clear()
        return found

    def _look(self, call: str) -> frozenset[str]:
        """Note the lines of a call anew; those that it had and has."""
        before = self._lines.get(call, frozenset())
        up = self._calls.get(call)
        now = frozenset(_lines(up.state)) if up is not None and up.state.ended is None else frozenset()
        if now != before:
            for line in before - now:
                of_line = self._of_line[line]
                del of_line[call]
                if not of_line:
                    del self._of_line[line]
            for line in now - before:
                self._of_line.setdefault(line, {})[call] = None
            if now:
                self._lines[call] = now
            else:
                del self._lines[call]
        return before | now

    # -- what is shown ------------------------------------------------------------------------------------------

    def dialogs(self, resource: str, host: str = "") -> list[DialogState]:
        """The calls of a resource. With whom is told by addresses at `host`; not at all where that is empty."""
        kind, _, name = resource.partition(":")
        if kind == "line":
            return [
                self._dialog(self._calls[call].state, index, leg, host)
                for call in self._of_line.get(name, ())
                for index, leg in self._calls[call].state.legs.items()
                if leg.ended is None and leg.target == resource
            ]
        source = self.sources.get(kind)
        calls = source.calls(resource) if source is not None else ()
        return [DialogState(_ident(call, CALLER), Stage.CONFIRMED, initiator=False, held=held) for call, held in calls]

    def _dialog(self, state: CallState, index: int, leg: LegState, host: str) -> DialogState:
        answered = leg.answered if index != CALLER else state.answered_at is not None
        caller = index == CALLER
        rings = any(each.ringing for each in state.legs.values()) if caller else leg.ringing
        stage = Stage.CONFIRMED if answered else Stage.EARLY if rings else Stage.TRYING
        remote = self._remote(state, index, host) if host and not state.started.emergency else Party()
        return DialogState(_ident(state.id, index), stage, caller, leg.held, remote)

    def _remote(self, state: CallState, index: int, host: str) -> Party:
        """With whom that leg talks, or whom it calls. Of an emergency call nobody is told."""
        started = state.started
        if index == CALLER:
            peer = state.legs.get(state.peer) if state.peer is not None else None
            if peer is not None and peer.target.startswith(LINE):
                number, name = self._shown(peer.target[len(LINE) :])
                return Party(uri_of(number, host), name)
            return Party(uri_of(started.number or started.dialled, host))
        if hidden_from(state, Side.TELEPHONE):
            return Party("sip:anonymous@anonymous.invalid", "Anonymous")
        return Party(uri_of(started.caller_number, host), started.caller_name)


def _lines(state: CallState) -> Iterable[str]:
    for leg in state.legs.values():
        if leg.ended is None and leg.target.startswith(LINE):
            yield leg.target[len(LINE) :]


def _ident(call: str, leg: int) -> str:
    """A name for one dialog that says nothing of the call: our own id of it is a tag in its signalling."""
    return blake2b(f"{call}/{leg}".encode(), digest_size=6).hexdigest()
