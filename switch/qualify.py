"""Asks registered telephones by OPTIONS whether they can be reached (FWD-4), so that a call need not find it out.

    unknown ──any final answer──> reachable ──two questions without an answer──> lost ──any sign of life──> reachable

A telephone that never answered OPTIONS is never judged by it: some do not know the method. A lost one is not rung, and
is asked every `AGAIN_S`; an answer, a REGISTER or any request over its flow brings it back at once. The questions also
keep the way through a NAT open. They are spread evenly over the interval, after a restart, too, and what they taught is
learned anew then: nothing of it is in the journal.

An exchange that was held up itself has no right to judge: an answer may lie unread. It waits once more instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from records.events import Bound, Unbound
from switch.asking import question
from switch.binding import binding_of
from switch.directory import Directory
from switch.registrar import Registrar
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.message import Response
from switch.sip.timer import Timer
from switch.sip.transaction import ClientTransaction

AGAIN_S = 10.0
"""A lost telephone is asked so often at the least."""
TRIES = 2
LATE_S = 0.5
"""A timer of ours that runs so much late shows that we were held up."""
PROXYS_OWN = frozenset((408, 430, 480, 502, 503, 504))
"""What a proxy on the registered path answers for a telephone that it does not reach."""

Key = tuple[str, str, int]
"""A contact: line, URI and reg-id (RFC 5626; 0 without)."""


class QualifySettings(msgspec.Struct, frozen=True):
    """`every_s`: how often each contact is asked, 0 never; `limit_s`: silence that is no answer any more."""

    every_s: float = 0.0
    limit_s: float = 4.0


class Reach(msgspec.Struct, frozen=True):
    """How a contact stands: `up` None while it has not answered yet. `since` is in monotonic seconds."""

    up: bool | None
    rtt_s: float
    since: float


class Qualifier:
    """All contacts that are asked. `on_change(bound, up, why)` is told when one is lost or comes back."""

    def __init__(
        self,
        endpoint: Endpoint,
        registrar: Registrar,
        directory: Directory,
        token: Callable[[], str],
        advertised: Callable[[Flow], tuple[str, int]],
        draw: Callable[[], float] = lambda: 0.5,
        settings: QualifySettings = QualifySettings(),
    ) -> None:
        self.endpoint = endpoint
        self.directory = directory
        self.token = token
        self.advertised = advertised
        self.draw = draw
        self.settings = settings
        self.on_change: Callable[[Bound, bool, str], object] = lambda *_: None
        self.lost: dict[Key, Watch] = {}
        self.asked = 0
        self.unanswered = 0
        self._registrar = registrar
        self._watches: dict[Key, Watch] = {}
        self._lost_at: dict[tuple[str, str, int], list[Watch]] = {}
        """The lost ones by the address that they registered from."""
        directory.lost = self.lost

    def __len__(self) -> int:
        """How many are asked."""
        return len(self._watches)

    def use(self, settings: QualifySettings, now: float) -> None:
        """Take other settings, and whoever is registered now; those that are asked already keep their rhythm."""
        before, self.settings = self.settings, settings
        if not settings.every_s or settings.every_s != before.every_s:
            for watch in self._watches.values():
                watch.stop()
            self._watches.clear()
        if settings.every_s:
            for bound in self._registrar.bindings():
                if (bound.line, bound.uri, bound.reg_id) not in self._watches:
                    self._note(bound, now)

    def note(self, events: Iterable[Bound | Unbound], now: float) -> None:
        """What became of the registrar's table."""
        if self.settings.every_s:
            for event in events:
                self._note(event, now)

    def _note(self, event: Bound | Unbound, now: float) -> None:
        key = (event.line, event.uri, event.reg_id)
        watch = self._watches.get(key)
        if isinstance(event, Unbound):
            if watch is not None:
                del self._watches[key]
                watch.stop()
        elif watch is None:
            watch = self._watches[key] = Watch(self, key, event)
            watch.start(now + self.settings.every_s * self.draw())
        else:
            watch.renew(event, now)

    def heard(self, flow: Flow, now: float) -> None:
        """Something valid came over that flow: to be called when anybody is `lost`."""
        for watch in self._lost_at.get((flow.transport, *flow.remote), ())[:]:
            watch.found(now, "it speaks")

    def reach(self, bound: Bound) -> Reach | None:
        """How a contact stands; None when it is not asked."""
        watch = self._watches.get((bound.line, bound.uri, bound.reg_id))
        return Reach(watch.up, watch.rtt_s, watch.since) if watch is not None else None

    def all(self) -> Iterator[Watch]:
        """Every contact that is asked."""
        yield from self._watches.values()

    def lose(self, watch: Watch, why: str) -> None:
        """It is lost."""
        self.lost[watch.key] = watch
        self._lost_at.setdefault(watch.source, []).append(watch)
        self.on_change(watch.bound, False, why)

    def forget_lost(self, watch: Watch) -> bool:
        """It is lost no more. False when it was not."""
        if self.lost.pop(watch.key, None) is None:
            return False
        there = self._lost_at[watch.source]
        there.remove(watch)
        if not there:
            del self._lost_at[watch.source]
        return True


class Watch:
    """One contact that is asked."""

    __slots__ = ("_all", "_asked_at", "_call_id", "_cseq", "_due", "_timer", "_tries", "_txn", "bound", "key", "rtt_s",
                 "since", "up")  # fmt: skip

    def __init__(self, all_: Qualifier, key: Key, bound: Bound) -> None:
        self.key = key
        self.bound = bound
        self.up: bool | None = None
        self.rtt_s = 0.0
        self.since = 0.0
        self._all = all_
        self._call_id = ""
        self._cseq = 0
        self._due = 0.0
        self._asked_at = 0.0
        self._tries = 0
        self._timer: Timer | None = None
        self._txn: ClientTransaction | None = None

    @property
    def source(self) -> tuple[str, str, int]:
        """Where it registered from; nowhere that could be told from others behind a proxy."""
        bound, flow = self.bound, self.bound.flow
        return ("", "", 0) if bound.path else (flow.transport, flow.remote_host, flow.remote_port)

    def start(self, when: float) -> None:
        """The next thing happens at that instant."""
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._all.endpoint.timers.start(when, self, None)

    def stop(self) -> None:
        """It is not asked any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._give_up(self._due)
        self._all.forget_lost(self)

    def renew(self, bound: Bound, now: float) -> None:
        """It has registered again, perhaps from elsewhere."""
        if self.up is False:
            self.found(now, "it registers")
        self.bound = bound

    def found(self, now: float, why: str) -> None:
        """A sign of life of one that was lost."""
        if not self._all.forget_lost(self):
            return
        self.up, self.since, self._tries = True, now, 0
        self._give_up(now)
        self.start(now + self._all.settings.every_s * self._all.draw())
        self._all.on_change(self.bound, True, why)

    def on_timer(self, what: object, now: float) -> None:
        """It is time to ask, or the answer is late."""
        self._timer = None
        if self._txn is None:
            self._ask(now)
        elif now - self._due > LATE_S:
            self.start(now + self._all.settings.limit_s)
        else:
            self._silent("no answer to OPTIONS", now)

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> None:
        """An answer: whatever it says, the telephone lives, unless a proxy says it."""
        if txn is not self._txn or response.status < 200:
            return
        self._txn = None
        if self.bound.path and response.status in PROXYS_OWN:
            self._silent(f"{response.status} to OPTIONS", now, TRIES)
            return
        self.rtt_s = now - self._asked_at
        self._tries = 0
        if self.up is None:
            self.up, self.since = True, now
        elif not self.up:
            self.found(now, "it answers")
            return
        self._next(self._all.settings.every_s, now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> None:
        """Its connection broke."""
        if txn is self._txn:
            self._txn = None
            self._silent("no connection", now, TRIES)

    def _ask(self, now: float) -> None:
        all_, bound = self._all, self.bound
        self._asked_at = now
        binding = binding_of(bound)
        flow = all_.directory.way(binding)
        if flow is None:
            self._silent("its connection is gone", now, TRIES)
            return
        if not self._call_id:
            self._call_id = all_.token()
        self._cseq += 1
        ours = all_.advertised(flow)
        lines = question(bound.uri, flow.transport, ours, self._call_id, self._cseq, bound.path)
        all_.asked += 1
        self._txn = all_.endpoint.request(flow, "OPTIONS", bound.uri, lines, b"", now, self)
        self.start(now + all_.settings.limit_s)

    def _silent(self, why: str, now: float, tries: int = 1) -> None:
        """It did not answer; `tries`: for so many questions that counts."""
        all_ = self._all
        self._give_up(now)
        all_.unanswered += 1
        self._tries += tries
        if self.up is None:
            self._next(all_.settings.every_s, now)
        elif not self.up:
            self._next(AGAIN_S, now)
        elif self._tries < TRIES:
            self._ask(now)
        else:
            self.up, self.since = False, now
            all_.lose(self, why)
            self._next(AGAIN_S, now)

    def _give_up(self, now: float) -> None:
        if self._txn is not None:
            txn, self._txn = self._txn, None
            self._all.endpoint.forget(txn, now)

    def _next(self, every_s: float, now: float) -> None:
        self.start(max(self._asked_at + min(every_s, self._all.settings.every_s), now + 1.0))
