"""A start after a crash, or after any stop: what the journal and the state file know of bindings, facts and calls is
taken over before the first packet is read."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import structlog

from config.compiled import DeviceCredentials
from records import events as e
from records.clocks import Clock, clock_now, moved, stepped_s
from records.journal import BEGIN, Frame
from records.journal import Position as Place
from records.recovery import Recovery, Telling, recover
from switch.core import Core
from switch.net.guard import Guard
from switch.state.bindings import Position
from switch.state.facts import Kept
from switch.state.mailboxes import KeptMailboxes


class KeptJournal(Protocol):
    """A journal, as far as a start needs it."""

    def append(self, events: Sequence[e.AnyEvent]) -> None:
        """See `records.journal.Journal`."""

    def read(self, position: Place = BEGIN) -> Iterator[Frame]:
        """All that stands behind the position, the oldest first."""


def replay(
    core: Core,
    journal: KeptJournal,
    bindings: Iterable[e.Bound],
    facts: Kept,
    now: float,
    at: datetime.datetime,
    log: structlog.typing.FilteringBoundLogger,
    mailboxes: KeptMailboxes = KeptMailboxes(),
    subscribed: Iterable[e.Subscribed] = (),
    clock: Clock | None = None,
) -> Recovery:
    """Bindings into the registrar: those of the state file, then the journal's, which are younger; subscriptions
    likewise. Where the journal has all that the state file could say (`records.events.StateTold`), the latter is not
    needed; and it must not count where it may be older than what the journal has lost since, as one that was put back
    from a backup: what it has was taken back, perhaps. Returns the calls that have no end, or ended a moment ago; one
    whose beginning is missing gets an end here. `clock` is that of the machine: what was written by a wall clock that
    has been set since is as by today's.
    """
    registrar = core.registrar
    if _told_behind(journal, min(facts.position, mailboxes.position)):
        facts, mailboxes = Kept(), KeptMailboxes()
    core.facts.restore(facts)
    core.mailboxes.restore(mailboxes)
    since = at - datetime.timedelta(seconds=core.endpoint.timings.wait)
    found = recover(_read(core, journal, facts.position, mailboxes.position, clock or clock_now()), since)
    if found.told:
        bindings, subscribed = (), ()
    for bound in bindings:
        registrar.apply(bound)
    for line, uri, reg_id in found.unbound:
        registrar.apply(e.Unbound(line, uri, "deregistered", at, reg_id))
    for bound in found.bindings.values():
        registrar.apply(bound)
    registrar.resume(now, at)
    found.subscribed = laid_over(subscribed, found)
    orphans: list[e.AnyEvent] = [
        e.CallEnded(call, number, at, "failed", "internal_error", 500) for call, number in found.orphans.items()
    ]
    if orphans:
        log.error("calls whose beginning is missing in the journal were closed", calls=len(orphans))
        journal.append(orphans)
    return found


def _told_behind(journal: KeptJournal, position: Position) -> bool:
    """Whether all was told anew in segments behind that of the position. Only then the journal may have lost events
    between the two (`records.retention`): in the position's own segment, too, of which calls that are up may be left.
    """
    telling = Telling()
    events = (event for frame in journal.read(Place(position[0] + 1, 0)) for event in frame.events)
    return any(telling.saw(event) for event in events if isinstance(event, e.StateTold))


def laid_over(kept: Iterable[e.Subscribed], found: Recovery) -> dict[str, e.Subscribed]:
    """The subscriptions of the state file, and over them those of the journal."""
    older = {event.dialog.local_tag: event for event in kept}
    return {tag: each for tag, each in older.items() if tag not in found.unsubscribed} | found.subscribed


def _read(core: Core, journal: KeptJournal, facts: Position, mailboxes: Position, clock: Clock) -> Iterator[e.AnyEvent]:
    """Every event of the journal, counted among the facts and mailboxes as it passes; those up to the positions stand
    there already."""
    for frame in journal.read():
        events, position = of_today(frame, clock), frame.position
        core.facts.replay(events, known=position <= facts)
        core.mailboxes.replay(events, known=position <= mailboxes)
        yield from events


def of_today(frame: Frame, clock: Clock) -> list[e.AnyEvent]:
    """The events of a frame, by the wall clock of now."""
    by_s = stepped_s(frame.stamp, clock)
    return [moved(event, by_s) for event in frame.events] if by_s else frame.events


def welcome(core: Core, guard: Guard, devices: Iterable[DeviceCredentials], now: float) -> None:
    """Telephones that are registered are no strangers to the guard."""
    users = {device.device: device.user for device in devices}
    for bound in core.registrar.bindings():
        guard.welcome((bound.flow.remote_host, bound.flow.remote_port), users.get(bound.device, ""), now)
