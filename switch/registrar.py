"""The registrar (RFC 3261 section 10.3): which contacts reach a line, and until when.

One shape, as everywhere: a REGISTER comes in, `_decide` works out `Bound` and `Unbound` events or refuses, `apply`
folds each into the table, and the outcome goes out. `apply` is the only thing that changes the table, live and when
the events are read back after a crash, so a REGISTER whose events were appended before it was answered is never
forgotten. All is decided before anything is applied: a REGISTER takes effect as a whole or not at all.

Expiry instants are kept in wall time, for they must outlive the process; here they are followed on the monotonic clock
(`deadline`), so that a step of the wall clock drops nobody. Every binding has one entry in the timer heap at the most:
a refresh moves the deadline, and the timer, when it runs too early, goes round again.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from operator import attrgetter

import msgspec

from records.events import Bound, Unbound
from switch import outbound
from switch.auth import DeviceAuth, Refused
from switch.binding import (
    MAX_CALL_ID_CHARS,
    Binding,
    binding_of,
    bound_by,
    check_order,
    is_other_flow,
    same_instance,
    same_uri,
    with_expires,
)
from switch.identity import Lines, identify
from switch.outbound import supports
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import NameAddr, delta_seconds
from switch.sip.message import Request
from switch.sip.timer import Timer, Timers

_EMPTY_WILDCARD = "Contact * Stands Alone With Expires: 0"


class RegistrarSettings(msgspec.Struct, frozen=True):
    """Lifetimes in seconds, and how many contacts a line may have. A shorter wish is 423, a longer one is cut."""

    default_expires_s: int = 3600
    min_expires_s: int = 60
    max_expires_s: int = 7200
    max_contacts: int = 16


class RegisterOutcome(msgspec.Struct, frozen=True, gc=False):
    """What to answer a REGISTER, and the events that must be in the journal before it is answered 200.

    The events are already applied to the table. `lines` are the reply's own header lines.
    """

    status: int
    lines: list[str]
    events: list[Bound | Unbound]
    line: str = ""
    reason: str | None = None


_DECISIVE = ("to", "contact", "expires", "path", "require", "user-agent")
"""The headers that decide what a REGISTER means, beside who sends it from where."""


def _said(request: Request) -> int | None:
    """What these headers say, as one number: it is kept for each telephone, where the words themselves would take
    1 KiB. The hash is keyed afresh in each process, so nobody can aim at a match. None where one came twice."""
    try:
        return hash(request.given(_DECISIVE))
    except TypeError:
        return None


class _Entry:
    """One row of the table: the last Bound of a contact, and when it ends on the monotonic clock."""

    __slots__ = ("binding", "bound", "deadline", "flow", "lifetime_s", "said", "timer")

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.binding: Binding | None = None
        """What `bound` says of how the contact is reached, from when that is first asked for until the next Bound."""
        self.deadline = 0.0
        self.timer: Timer | None = None
        self.said: int | None = None
        """The `_DECISIVE` headers of the REGISTER that made this contact the one of its device's default line; None
        when that must be found out again."""
        self.flow: Flow | None = None
        self.lifetime_s = 0
        """The flow that it came over, and the lifetime that it was granted."""


def _reached(entry: _Entry) -> Binding:
    entry.binding = binding = binding_of(entry.bound)
    return binding


class Registrar:
    """The table of bindings. `out` collects the Unbound events of contacts that expired, for the driver to journal."""

    def __init__(self, timers: Timers, lines: Lines, settings: RegistrarSettings) -> None:
        self.timers = timers
        self.lines = lines
        self.settings = settings
        self.out: list[Unbound] = []
        self._table: dict[str, list[_Entry]] = {}
        self._wall_minus_now: float | None = None
        self._date = (0, "")

    # -- the table ----------------------------------------------------------------------------------------------

    def apply(self, event: Bound | Unbound) -> None:
        """Fold one event into the table. The same event twice, or the end of a contact that is gone, does no harm."""
        entries = self._table.get(event.line)
        entry = None
        if entries is not None:
            for each in entries:
                if each.bound.uri == event.uri and each.bound.reg_id == event.reg_id:
                    entry = each
                    break
        if isinstance(event, Bound):
            if entry is None:
                entry = _Entry(event)
                if entries is None:
                    self._table[event.line] = [entry]
                else:
                    entries.append(entry)
            else:
                entry.bound, entry.binding = event, None
            self._follow(entry)
        elif entries is not None and entry is not None:
            if entry.timer is not None:
                entry.timer.cancel()
                entry.timer = None
            entries.remove(entry)
            if not entries:
                del self._table[event.line]

    def resume(self, now: float, at: datetime.datetime) -> None:
        """After recovery, always: start following the expiry of all that was applied; before it no contact is live.
        What ran out meanwhile expires at the next run of the timers."""
        self._wall_minus_now = at.timestamp() - now
        for entries in self._table.values():
            for entry in entries:
                self._follow(entry)

    def prune(self, keep: Callable[[Bound], bool], at: datetime.datetime) -> list[Unbound]:
        """After a reload: end the bindings that the configuration no longer allows. The events are applied already."""
        for entries in self._table.values():
            for entry in entries:
                entry.said = None  # it may name another line now
        events = [Unbound(b.line, b.uri, "removed", at, b.reg_id) for b in self.bindings() if not keep(b)]
        for event in events:
            self.apply(event)
        return events

    def bindings(self) -> Iterator[Bound]:
        """The whole table, as the last Bound of each contact. It may change while it is read: who comes and goes then
        may be there or not."""
        for line in list(self._table):
            for entry in tuple(self._table.get(line, ())):
                yield entry.bound

    def told(self, clock: Callable[[], tuple[float, datetime.datetime]]) -> Iterator[Bound]:
        """The whole table, as events that say anew what stands when each is asked for: by today's wall clock, should it
        have been set since the telephone registered. `clock` says monotonic and wall time."""
        for line in list(self._table):
            for entry in list(self._table.get(line, ())):
                if entry not in self._table.get(line, ()):
                    continue
                now, at = clock()
                bound, expires_at = entry.bound, at.timestamp() + entry.deadline - now
                if abs(bound.expires_at - expires_at) > 1.0:
                    bound = msgspec.structs.replace(bound, expires_at=expires_at)
                yield bound

    def has(self, line: str) -> bool:
        """Whether any contact is registered for the line."""
        return line in self._table

    def __len__(self) -> int:
        return sum(map(len, self._table.values()))

    def contacts(self, line: str, now: float) -> list[Binding]:
        """Where the line can be reached now, the highest q first, among equals the one registered first."""
        live = [entry for entry in self._table.get(line, ()) if entry.deadline > now]
        if len(live) > 1:
            live.sort(key=attrgetter("bound.q"), reverse=True)
        return [entry.binding or _reached(entry) for entry in live]

    def on_timer(self, what: object, now: float) -> None:
        """A binding's timer ran."""
        if not isinstance(what, _Entry) or what.timer is None:
            return
        what.timer = None
        if what.deadline > now:
            what.timer = self.timers.start(what.deadline, self, what)
            return
        at = datetime.datetime.fromtimestamp(now + (self._wall_minus_now or 0.0), datetime.UTC)
        event = Unbound(what.bound.line, what.bound.uri, "expired", at, what.bound.reg_id)
        self.apply(event)
        self.out.append(event)

    def _follow(self, entry: _Entry) -> None:
        if self._wall_minus_now is None:
            return
        entry.deadline = deadline = entry.bound.expires_at - self._wall_minus_now
        timer = entry.timer
        if timer is not None:
            if timer.when <= deadline:
                return
            timer.cancel()
        entry.timer = self.timers.start(deadline, self, entry)

    # -- REGISTER -----------------------------------------------------------------------------------------------

    def register(
        self, request: Request, device: DeviceAuth, flow: Flow, now: float, at: datetime.datetime
    ) -> RegisterOutcome:
        """Decide a REGISTER of an authenticated device that came over `flow`. Raises nothing."""
        unix = at.timestamp()
        self._wall_minus_now = unix - now
        try:
            refreshed = self._refresh(device, request, flow, now, at, unix)
            if refreshed is not None:
                return refreshed
            line = identify(device, request, self.lines)
            if isinstance(line, Refused):
                return RegisterOutcome(line.status, [], [], reason=line.reason or None)
            events = self._decide(line, device, request, flow, at)
        except RemoteProtocolError as error:
            lines = [f"Min-Expires: {self.settings.min_expires_s}"] if error.status == 423 else []
            return RegisterOutcome(error.status, lines, [], reason=error.text)
        for event in events:
            self.apply(event)
        self._remember(line, device, request, flow, events)
        return RegisterOutcome(200, self._reply_lines(line, request, flow, now, unix), events, line)

    def _refresh(
        self, device: DeviceAuth, request: Request, flow: Flow, now: float, at: datetime.datetime, unix: float
    ) -> RegisterOutcome | None:
        """What nearly every REGISTER is: the one telephone of a line says what it said before, from where it said it.
        The same as `_decide` would find, at a fraction of the cost; None when it is anything else.
        """
        entries = self._table.get(device.lines[0]) if device.lines else None
        if entries is None or len(entries) != 1:
            return None
        entry = entries[0]
        old = entry.bound
        if (
            entry.said is None
            or entry.said != _said(request)
            or entry.flow != flow
            or old.device != device.device
            or len(request.call_id) > MAX_CALL_ID_CHARS
        ):
            return None
        check_order(old, request)
        new = Bound(
            old.line,
            old.device,
            old.uri,
            old.contact,
            request.call_id,
            request.cseq,
            old.q,
            unix + entry.lifetime_s,
            old.flow,
            old.instance,
            old.reg_id,
            old.path,
            old.user_agent,
            at,
        )
        self.apply(new)
        if old.path or "reg-id" in old.contact:
            lines = self._reply_lines(old.line, request, flow, now, unix)
        else:
            lines = [f"Contact: {with_expires(old.contact, entry.lifetime_s)}", self._date_line(unix)]
        return RegisterOutcome(200, lines, [new], old.line)

    def _remember(
        self, line: str, device: DeviceAuth, request: Request, flow: Flow, events: Sequence[Bound | Unbound]
    ) -> None:
        """So that `_refresh` need not ask again what the same request means. What was remembered before is void."""
        entries = self._table.get(line, ())
        for each in entries:
            each.said = None
        if len(entries) != 1 or not events or line != device.lines[0] or len(request.contacts) != 1:
            return
        entry = entries[0]
        if entry.bound is events[-1]:
            entry.said = _said(request)
            entry.flow = flow
            entry.lifetime_s = self._lifetime(request.contacts[0], request)

    def _decide(
        self, line: str, device: DeviceAuth, request: Request, flow: Flow, at: datetime.datetime
    ) -> list[Bound | Unbound]:
        """The events that this REGISTER means. Raises RemoteProtocolError with the status to refuse it with."""
        contacts = request.contacts
        if not contacts:
            return []
        existing = [entry.bound for entry in self._table.get(line, ())]
        if any(contact.uri == "*" for contact in contacts):
            return self._remove_all(existing, request, at)
        if len(contacts) > self.settings.max_contacts:
            raise RemoteProtocolError(403, "Too Many Contacts")
        raws = request.values("Contact")
        wanted = {contact.uri: (contact, raw) for contact, raw in zip(contacts, raws, strict=True)}
        outbound.check(request)
        removed: dict[tuple[str, int], Unbound] = {}
        bound: list[Bound] = []
        for uri, (contact, raw) in wanted.items():
            lifetime = self._lifetime(contact, request)
            new = bound_by(line, device, contact, raw, request, flow, lifetime, at)
            for old in existing:
                if is_other_flow(old, new):
                    continue
                key = old.uri, old.reg_id
                if same_uri(old.uri, uri):
                    check_order(old, request)
                    if not lifetime:
                        removed[key] = Unbound(line, old.uri, "deregistered", at, old.reg_id)
                    elif key != (uri, new.reg_id):
                        removed[key] = Unbound(line, old.uri, "replaced", at, old.reg_id)
                elif lifetime and same_instance(old, new) and old.uri not in wanted:
                    check_order(old, request)
                    removed[key] = Unbound(line, old.uri, "replaced", at, old.reg_id)
            if lifetime:
                bound.append(new)
        anew = {(new.uri, new.reg_id) for new in bound}
        kept = [old for old in existing if (key := (old.uri, old.reg_id)) not in removed and key not in anew]
        for old in self._crowded_out(kept, len(bound), device.device):
            removed[old.uri, old.reg_id] = Unbound(line, old.uri, "replaced", at, old.reg_id)
        return [*removed.values(), *bound]

    def _remove_all(self, existing: Sequence[Bound], request: Request, at: datetime.datetime) -> list[Bound | Unbound]:
        # 10.3 step 6: `*` must be the only Contact, and Expires must be there and 0.
        if len(request.contacts) != 1 or delta_seconds(request.header("Expires") or "") != 0:
            raise RemoteProtocolError(400, _EMPTY_WILDCARD)
        for old in existing:
            check_order(old, request)
        return [Unbound(old.line, old.uri, "deregistered", at, old.reg_id) for old in existing]

    def _lifetime(self, contact: NameAddr, request: Request) -> int:
        """Seconds granted; 0 takes the contact away. Raises 423 for a wish that is too short (10.3 step 7)."""
        settings = self.settings
        text = contact.param("expires")
        if text is None:
            text = request.header("Expires")
        if text is None:
            return settings.default_expires_s
        wish = delta_seconds(text, settings.default_expires_s)
        if 0 < wish < settings.min_expires_s:
            raise RemoteProtocolError(423, "Interval Too Brief")
        return min(wish, settings.max_expires_s)

    def _crowded_out(self, kept: Sequence[Bound], new: int, device: str) -> Sequence[Bound]:
        """Contacts that give way when the line has too many: the device's own oldest, as a telephone that took a new
        port at each start leaves them behind. Another device's never do; then this one is refused."""
        excess = len(kept) + new - self.settings.max_contacts
        if excess <= 0 or not new:
            return ()
        own = sorted((old for old in kept if old.device == device), key=attrgetter("at"))
        if len(own) < excess:
            raise RemoteProtocolError(403, "Too Many Contacts")
        return own[:excess]

    def _reply_lines(self, line: str, request: Request, flow: Flow, now: float, unix: float) -> list[str]:
        """10.3 step 8: all current contacts with the time they have left, and Date, by which phones set their clock."""
        lines = [
            f"Contact: {with_expires(entry.bound.contact, max(0, round(entry.deadline - now)))}"
            for entry in self._table.get(line, ())
            if entry.deadline > now
        ]
        if outbound.is_wanted(request):
            lines += outbound.reply_lines(request, flow)
        if request.header("Path") is not None and supports(request, "path"):
            lines += [f"Path: {value}" for value in request.values("Path")]  # RFC 3327 section 5.3
        lines.append(self._date_line(unix))
        return lines

    def _date_line(self, unix: float) -> str:
        second = int(unix)
        if self._date[0] != second:
            self._date = (second, f"Date: {formatdate(second, usegmt=True)}")
        return self._date[1]
