"""Who is in which call: what the lamps of `dialog` and `presence` show, out of the calls that are up.

    line:anna        a leg of hers is in a call
    slot:main/701    a call is parked there (CRD-7)
    conference:daily somebody is in that room

Only while somebody watches: `record` notes which calls an input has touched, and `settle` tells, once the input is
done, what looks different. What it looks like is read from the calls themselves when it is asked for, so nothing is
kept here that a crash could lose. Whoever else has something to show says so by `changed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

from records import events as e
from switch.calls.call import Call
from switch.calls.identity import party
from switch.calls.leg import CALLER
from switch.calls.presentation import uri_of
from switch.calls.state import CallState, LegState
from switch.presence.dialog_info import DialogState, Party, Stage

LINE = "line:"
SLOT = "slot:"
ROOM = "conference:"
NOBODY = Party("sip:anonymous@anonymous.invalid", "Anonymous")
"""Somebody who hides (RFC 3323)."""


class Lamps:
    """`calls` are those that are up, by id; `append` is where events go on to."""

    def __init__(
        self,
        calls: Mapping[str, Call],
        append: Callable[[e.AnyEvent], object],
    ) -> None:
        self.watched = False
        """Whether calls are followed."""
        self.touched: dict[str, None] = {}
        """The calls that the input at hand has changed."""
        self.lit: set[str] = set()
        """Other resources that it has changed."""
        self._calls = calls
        self._append = append
        self._resources: dict[str, frozenset[str]] = {}
        """Where each call is a matter of."""
        self._of: dict[str, dict[str, None]] = {}
        """The calls of each resource."""

    # -- the fold -----------------------------------------------------------------------------------------------

    def record(self, event: e.AnyEvent) -> None:
        """An event of a call, on its way to the journal."""
        self._append(event)
        if isinstance(event, e.Event):
            self.touched[event.call] = None

    def follow(self, watched: bool) -> None:
        """Somebody watches from now on: which calls there are is looked up once. Or nobody any more."""
        self.watched = watched
        self.touched.clear()
        self._resources.clear()
        self._of.clear()
        if watched:
            for call in self._calls:
                self._look(call)

    def places(self) -> dict[str, frozenset[str]]:
        """By call, where it is: what there is a lamp for."""
        return dict(self._resources)

    def changed(self, resource: str) -> None:
        """Something that is in no call looks different, as `mailbox:anna`."""
        self.lit.add(resource)

    def settle(self) -> set[str]:
        """The resources that may look different after the input at hand."""
        found, self.lit = self.lit, set()
        for call in self.touched:
            found |= self._look(call)
        self.touched.clear()
        return found

    def _look(self, call: str) -> frozenset[str]:
        """Note anew where a call is; where it was and is."""
        before = self._resources.get(call, frozenset())
        up = self._calls.get(call)
        now = places_of(up.state) if up is not None and not up.over else frozenset()
        if now != before:
            for resource in before - now:
                calls = self._of[resource]
                del calls[call]
                if not calls:
                    del self._of[resource]
            for resource in now - before:
                self._of.setdefault(resource, {})[call] = None
            if now:
                self._resources[call] = now
            else:
                del self._resources[call]
        return before | now

    # -- what is shown ------------------------------------------------------------------------------------------

    def dialogs(self, resource: str, host: str = "") -> list[DialogState]:
        """The calls of a resource. With whom is told by addresses at `host`; not at all where that is empty."""
        calls = [self._calls[call] for call in self._of.get(resource, ())]
        if resource.startswith(LINE):
            return [
                _dialog(call, index, leg, host)
                for call in calls
                for index, leg in call.state.legs.items()
                if leg.ended is None and leg.target == resource
            ]
        stage, held = Stage.CONFIRMED, resource.startswith(SLOT)
        return [DialogState(_ident(each.id, each.state.front), stage, initiator=False, held=held) for each in calls]


def _dialog(call: Call, index: int, leg: LegState, host: str) -> DialogState:
    state = call.state
    front = index == state.front
    answered = state.answered_at is not None if index == CALLER else leg.answered
    rings = any(each.ringing for each in state.legs.values()) if front else leg.ringing
    stage = Stage.CONFIRMED if answered else Stage.EARLY if rings else Stage.TRYING
    remote = _remote(call, index, host) if host and not call.for_help else Party()
    return DialogState(_ident(call.id, index), stage, front, leg.held, remote)


def _remote(call: Call, index: int, host: str) -> Party:
    """With whom that leg talks, or whom it calls. Of an emergency call nobody is told."""
    state = call.state
    other = state.peer if index == state.front else state.front
    leg = call.legs.get(other) if other is not None else None
    if leg is None:
        return Party(uri_of(state.started.number or state.started.dialled, host)) if index == CALLER else Party()
    who = party(call, leg)
    return NOBODY if who.hidden else Party(uri_of(who.number, host), who.name)


def places_of(state: CallState) -> frozenset[str]:
    """What there is a lamp for that the call is a matter of."""
    return frozenset(_resources(state))


def _resources(state: CallState) -> Iterator[str]:
    for leg in state.legs.values():
        if leg.ended is None and leg.target.startswith(LINE):
            yield leg.target
    if state.parked is not None:
        yield f"{SLOT}{state.parked.lot}/{state.parked.slot}"
    if state.service.startswith(ROOM):
        yield state.service


def _ident(call: str, leg: int) -> str:
    """A name for one dialog that says nothing of the call: our own id of it is a tag in its signalling."""
    return blake2b(f"{call}/{leg}".encode(), digest_size=6).hexdigest()
