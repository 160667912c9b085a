"""We as a telephone of carriers: REGISTER at every trunk with `register: true`, renewed before it ends.

    waiting ──first attempt──> trying ──200──> registered ──before it ends──> renewing ──200──> registered
                                  │                                               │
                                  └──anything else──> failed <────────────────────┘   then again, later and later

A registration that cannot be renewed still holds until its time is over. Wrong credentials are tried again as well,
since carriers mend their side, but seldom: many lock an account out after a few. After a restart it is one attempt for
each trunk, spread over some seconds; the Contact is the same as before (`switch/accounts.py`), so it renews what the
former process had. Nothing here has to outlive a crash.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable

import msgspec

from switch.calls.dialect import Dialect
from switch.calls.presentation import contact_value
from switch.directory import Directory
from switch.net.targets import Target
from switch.sip.account import Shown
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import NameAddr
from switch.sip.message import Response
from switch.sip.methods import AGENT, ALLOW
from switch.sip.timer import Timer
from switch.sip.transaction import ClientTransaction
from switch.sip.uri import Uri, escape_user, literal
from switch.sip.writer import REASONS
from switch.trunk_hosts import TrunkHost

FIRST_S = 0.5
SPREAD_S = 4.0
"""First attempts come within so many seconds after the first half."""
AGAIN_S = (10.0, 600.0)
"""After silence, a broken connection or 5xx: the first pause, doubled each time, and the longest."""
REFUSED_S = (60.0, 3600.0)
"""The same after a refusal of the account."""
REFUSALS = frozenset((401, 403, 404, 405, 407, 416, 420, 501, 603))
LONGEST_S = 7 * 86400


class State(msgspec.Struct):
    """How a registration stands, for people: `state` is waiting, trying, registered, failed or off.

    `until` is when it ends (monotonic seconds, 0 when there is none), `next` when the next REGISTER is due.
    """

    state: str = "waiting"
    why: str = ""
    since: datetime.datetime | None = None
    until: float = 0.0
    next: float = 0.0
    failures: int = 0
    expires_s: int = 0


class Registrations:
    """All of them. `on_change(trunk, state)` is told when one comes, fails or goes."""

    def __init__(
        self,
        endpoint: Endpoint,
        directory: Directory,
        token: Callable[[], str],
        advertised: Callable[[Flow], tuple[str, int]],
        at: Callable[[], datetime.datetime],
        draw: Callable[[], float] = lambda: 0.5,
    ) -> None:
        self.endpoint = endpoint
        self.hosts = directory.hosts
        self.token = token
        self.advertised = advertised
        self.at = at
        self.draw = draw
        self.on_change: Callable[[str, State], object] = lambda *_: None
        self._directory = directory
        self._all: dict[str, Registration] = {}
        self._leaving: set[Registration] = set()

    def __len__(self) -> int:
        """How many have a timer."""
        return len(self._all)

    @property
    def leaving(self) -> bool:
        """Whether a de-registration waits for its answer."""
        return bool(self._leaving)

    def states(self) -> dict[str, State]:
        """By trunk."""
        return {trunk: each.state for trunk, each in self._all.items()}

    def use(self, now: float) -> None:
        """Take another version of the trunks: one that has changed leaves and comes anew, one that has gone leaves."""
        before, self._all = self._all, {}
        for trunk in self.hosts.trunks():
            dialect = self._directory.dialect(trunk.id)
            if dialect is None or not trunk.settings.register or dialect.account is None:
                continue
            known = before.get(trunk.id)
            if known is not None and known.dialect is dialect:
                del before[trunk.id]
                known.trunk = trunk
                self._all[trunk.id] = known
                continue
            if known is not None and known.dialect.token == dialect.token and known.dialect.settings.places:
                # The same Contact at the same account: the new one replaces it, and is not to be taken back after it.
                before.pop(trunk.id).stop()
            made = self._all[trunk.id] = Registration(self, trunk, dialect)
            made.start(now + FIRST_S + SPREAD_S * self.draw() * min(1.0, len(self._all) / 20))
        for each in before.values():
            each.leave(now)

    def close(self, now: float) -> None:
        """The exchange stops: no calls are to be sent to us."""
        for each in self._all.values():
            each.leave(now)
        self._all.clear()

    def left(self, registration: Registration) -> None:
        """A de-registration was answered, or was not."""
        self._leaving.discard(registration)

    def leaves(self, registration: Registration) -> None:
        """A de-registration is under way."""
        self._leaving.add(registration)


class Registration:
    """One trunk's."""

    __slots__ = ("_all", "_call_id", "_cseq", "_leaving", "_sent", "_shown", "_target", "_timer", "_wish_s", "dialect",
                 "state", "trunk")  # fmt: skip

    def __init__(self, all_: Registrations, trunk: TrunkHost, dialect: Dialect) -> None:
        self._all = all_
        self.trunk = trunk
        self.dialect = dialect
        self.state = State(since=all_.at())
        self._call_id = all_.token()
        self._cseq = 0
        self._wish_s = trunk.settings.expires_s
        self._timer: Timer | None = None
        self._sent: ClientTransaction | None = None
        self._target: Target | None = None
        self._shown = Shown()
        self._leaving = False

    # -- when -----------------------------------------------------------------------------------------------------

    def start(self, when: float) -> None:
        """Register at that instant."""
        self.stop()
        self.state.next = when
        self._timer = self._all.endpoint.timers.start(when, self, None)

    def stop(self) -> None:
        """Nothing more is sent, and an answer concerns nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sent = None

    def leave(self, now: float) -> None:
        """Take the Contact back, if it may stand there."""
        was = self.state.until > now or self._sent is not None
        self.stop()
        self.dialect.routes = ()
        if was:
            self._leaving = True
            self._shown = Shown()
            self._all.leaves(self)
            self._send(now, [])

    def on_timer(self, what: object, now: float) -> None:
        """The next REGISTER is due."""
        self._timer = None
        if self.state.until and now >= self.state.until:
            self.state.until = 0.0
        if not self.state.until:
            self.state.state = "trying"
        self._shown = Shown()
        self._send(now, None)

    # -- out ------------------------------------------------------------------------------------------------------

    def _send(self, now: float, credentials: list[str] | None) -> None:
        """`credentials` None: those that are known, for a first try. Empty while leaving, likewise."""
        settings, account = self.trunk.settings, self.dialect.account
        assert account is not None
        flow = self._flow(now)
        if flow is None:
            self._failed("its host is not known, or no listener of ours leads there", AGAIN_S, now)
            return
        domain = literal(settings.registrar)
        uri = f"sip:{domain}"
        if not credentials:
            credentials = account.lines("REGISTER", uri, self._shown)
        host, port = self._all.advertised(flow)
        self._cseq += 1
        own = f"<sip:{escape_user(settings.account.user)}@{domain}>"
        lines = [
            "Max-Forwards: 70",
            f"From: {own};tag={self._all.token()}",
            f"To: {own}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._cseq} REGISTER",
            f"Contact: {contact_value(host, port, flow.transport, self.dialect.token)}",
            f"Expires: {0 if self._leaving else self._wish_s}",
            *(f"Route: {route}" for route in self.dialect.proxy_route()),
            ALLOW,
            AGENT,
            *credentials,
        ]
        self._sent = self._all.endpoint.request(flow, "REGISTER", uri, lines, b"", now, self)

    def _flow(self, now: float) -> Flow | None:
        hosts = self._all.hosts
        for target in hosts.order(self.trunk, now):
            flow = hosts.flow(self.trunk, target)
            if flow is not None:
                self._target = target
                return flow
        return None

    # -- in -------------------------------------------------------------------------------------------------------

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> None:
        """An answer to our REGISTER."""
        if txn is not self._sent or response.status < 200:
            return
        self._sent = None
        status = response.status
        if self._target is not None:
            self._all.hosts.failed(self.trunk, self._target, status, _retry_after(response), now)
        account = self.dialect.account
        if status in (401, 407) and account is not None:
            uri = f"sip:{literal(self.trunk.settings.registrar)}"
            lines = account.answer("REGISTER", uri, response, self._shown)
            if lines is not None:
                self._send(now, lines)
                return
        if self._leaving:
            self._all.left(self)
        elif status < 300:
            self._accepted(response, now)
        elif status == 423 and self._longer(response):
            self._send(now, None)
        else:
            self._refused(response, now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> None:
        """No answer, or no connection."""
        if txn is not self._sent:
            return
        self._sent = None
        if self._target is not None:
            self._all.hosts.failed(self.trunk, self._target, 0, 0.0, now)
        if self._leaving:
            self._all.left(self)
        else:
            self._failed("no connection" if transport else "no answer", AGAIN_S, now)

    def _accepted(self, response: Response, now: float) -> None:
        expires_s = self._granted(response)
        if expires_s <= 0:
            self._failed("it keeps no Contact of ours", AGAIN_S, now)
            return
        self.dialect.routes = tuple(response.values("Service-Route"))
        state = self.state
        before = state.state
        state.failures, state.why, state.expires_s = 0, "", expires_s
        state.until = now + expires_s
        self._to("registered", before)
        # Before the end, and not when all others do; a short one still leaves time for a second try.
        self.start(now + expires_s * (0.7 + 0.15 * self._all.draw()))

    def _granted(self, response: Response) -> int:
        """For how long our Contact holds (RFC 3261 section 10.2.4): its own `expires`, else the header's."""
        usual = response.header("Expires") or ""
        for value in response.values("Contact"):
            try:
                contact = NameAddr.parse(value)
                user = Uri.parse(contact.uri).user_text
            except RemoteProtocolError:
                continue
            if user == self.dialect.token:
                own = contact.param("expires") or usual
                return min(int(own), LONGEST_S) if own.isdecimal() and len(own) < 11 else self._wish_s
        # Some say nothing of Contacts, and mean ours.
        if response.header("Contact") is None:
            return min(int(usual), LONGEST_S) if usual.isdecimal() and len(usual) < 11 else self._wish_s
        return 0

    def _longer(self, response: Response) -> bool:
        """423: ask for as long as it wants at the least, once."""
        least = (response.header("Min-Expires") or "").strip()
        if not least.isdecimal() or len(least) > 9 or not self._wish_s < int(least) <= LONGEST_S:
            return False
        self._wish_s = int(least)
        return True

    def _refused(self, response: Response, now: float) -> None:
        status = response.status
        why = f"{status} {response.reason or REASONS.get(status, '')}".rstrip()
        account = self.dialect.account
        if status in (401, 407) and account is not None:
            other = account.refused_realm
            why = f"it wants the realm {other!r}, which `realm` does not name" if other else "wrong name or password"
        if 300 <= status < 400:
            why += ": it wants us to register elsewhere, write that as `host`"
        pause = REFUSED_S if status in REFUSALS or 300 <= status < 400 else AGAIN_S
        self._failed(why, pause, now, _retry_after(response))

    def _failed(self, why: str, pause: tuple[float, float], now: float, retry_after_s: float = 0.0) -> None:
        if self._leaving:
            self._all.left(self)
            return
        state = self.state
        before, said = state.state, state.why
        state.failures += 1
        state.why = why
        first, longest = pause
        wait_s = min(first * 2 ** min(state.failures - 1, 20), longest)
        wait_s = max(wait_s * (0.75 + 0.5 * self._all.draw()), min(retry_after_s, LONGEST_S))
        if state.until > now:
            # It holds still: there is time for another try or two.
            wait_s = min(wait_s, max((state.until - now) / 2, first)) if not retry_after_s else wait_s
        else:
            state.until = 0.0
            self.dialect.routes = ()
        self.start(now + wait_s)
        if state.until:
            if why != said:
                self._all.on_change(self.trunk.id, state)
            return
        self._to("failed", before if why == said else "")

    def _to(self, new: str, before: str) -> None:
        self.state.state = new
        if new != before:
            self.state.since = self._all.at()
            self._all.on_change(self.trunk.id, self.state)


def _retry_after(response: Response) -> float:
    text = (response.header("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
    return float(text) if text.isdecimal() and len(text) < 8 else 0.0
