"""All subscriptions: begun by SUBSCRIBE, told what changes, ended; kept in the journal, so that they outlive a crash.

    SUBSCRIBE --package.find--> a resource --> Subscription (`switch/sip/subscription.py`) --document--> package.write
    a change --changed(resource)--> each of its subscriptions

A telephone subscribes by its own password, and to what its package says that it may see (IDN-2). How many it may have
is bounded; where it has too many, the oldest to the same resource goes, which is one that it forgot in a restart.

After a crash each one goes on in its dialog, with numbers that were not used before, and is told how things are now.
One that the journal does not know is answered 481, upon which a telephone subscribes anew (RFC 6665 section 4.1.2.2).
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator

import msgspec

from records import events as e
from switch.auth import DeviceAuth
from switch.calls.leg import dialog_of, flow_of, flow_value
from switch.calls.presentation import contact_value
from switch.presence.package import Package, Refusal, Watcher
from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import NameAddr
from switch.sip.message import Request
from switch.sip.next_hop import toward
from switch.sip.subscription import Subscription, event_of
from switch.sip.transaction import ServerTransaction
from switch.sip.uri import Uri

DEFAULT_S = 3600
LEAST_S = 60
MOST_S = 3600
"""How long a subscription lasts without a refresh. A shorter wish is 423, a longer one is cut."""
MOST_A_DEVICE = 400
MOST = 50_000
SKIPPED = 10_000
"""A sequence number that was not used before a crash: at most one NOTIFY goes out every half second, and how far the
numbers are is written at least once in `MOST_S`."""
SPREAD_S = 0.005
"""After a restart or a reload, from one telephone's NOTIFY to the next one's."""
APART_S = 0.0002
"""From one NOTIFY of a change to the next one: a thousand of them at once would keep calls waiting."""
AT_MOST = 2000
MAX_CHARS = 2048
MAX_USER_AGENT = 96

Way = Callable[[Flow, str, str, tuple[str, ...], str, float], Flow]
"""See `switch.calls.context.Directory.reach`."""


class Held(msgspec.Struct):
    """One subscription with who has it and what it is to."""

    sub: Subscription
    watcher: Watcher
    resource: str
    entity: str
    user_agent: str = ""
    told: bool = False
    """Whether the journal knows that it ends; or never knew it."""


class Figures(msgspec.Struct):
    """What is counted: those that were asked for by (package, accepted or refused), those that ended by reason, and
    NOTIFYs by package."""

    asked: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    ended: Counter[str] = msgspec.field(default_factory=Counter)
    notified: Counter[str] = msgspec.field(default_factory=Counter)


class Subscriptions:
    """All of them. `reach` finds another way to a telephone, `record` takes what goes into the journal, `lines_of` are
    the lines of a device that the configuration has, and `delegators` those for whom a line may speak, too."""

    def __init__(
        self,
        endpoint: Endpoint,
        reach: Way,
        token: Callable[[], str],
        advertised: Callable[[Flow], tuple[str, int]],
        at: Callable[[], datetime.datetime],
        record: Callable[[e.AnyEvent], object],
        lines_of: Callable[[str], tuple[str, ...]],
        delegators: Callable[[str], Container[str]],
    ) -> None:
        self.packages: dict[str, Package] = {}
        self.by_tag: dict[str, Held] = {}
        self.figures = Figures()
        self.watched: Callable[[bool], object] = lambda any_: None
        """Is told when the first one that shows calls has begun, and when the last one has gone."""
        self._endpoint = endpoint
        self._reach = reach
        self._token = token
        self._advertised = advertised
        self._at = at
        self._record = record
        self._lines_of = lines_of
        self._delegators = delegators
        self._watching = 0
        self._of_resource: dict[str, dict[str, Held]] = {}
        self._of_device: dict[str, dict[str, Held]] = {}

    def __len__(self) -> int:
        return len(self.by_tag)

    def add(self, *packages: Package) -> None:
        """Serve these event packages, too."""
        self.packages |= {each.name: each for each in packages}

    @property
    def allowed(self) -> str:
        """The Allow-Events header line."""
        return f"Allow-Events: {', '.join(self.packages)}"

    # -- SUBSCRIBE ----------------------------------------------------------------------------------------------

    def refuses(self, request: Request) -> tuple[int, list[str]] | None:
        """What can be said before anybody asks who it is: the package is none of ours. None when it is."""
        try:
            package, _ = event_of(request)
        except RemoteProtocolError as error:
            return error.status, [self.allowed]
        return None if package in self.packages else (489, [self.allowed])

    def begin(self, txn: ServerTransaction, device: DeviceAuth, line: str, now: float) -> None:
        """A SUBSCRIBE outside of a dialog, from an authenticated device. Raises RemoteProtocolError."""
        request = txn.request
        name, ident = event_of(request)
        package = self.packages[name]
        watcher = Watcher(device.device, line, device.lines, device.user)
        answer = self._judge(package, request, watcher)
        if isinstance(answer, Refusal):
            self.figures.asked[name, "refused"] += 1
            self._endpoint.respond(txn, answer.status, now, reason=answer.reason or None)
            return
        lifetime = self._lifetime(txn, request, now)
        if lifetime is None:
            return
        if not self._room(device.device, name, answer):
            self.figures.asked[name, "refused"] += 1
            self._endpoint.respond(txn, 403, now, reason="Too Many Subscriptions")
            return
        dialog = Dialog.from_request(request, self._token())
        if Uri.parse(dialog.target).scheme not in ("sip", "sips"):
            raise RemoteProtocolError(400, "Contact Is No SIP Address")
        if dialog.routes:
            Uri.parse(NameAddr.parse(dialog.routes[0]).uri)
        kept = (dialog.target, dialog.call_id, dialog.local, dialog.remote, dialog.remote_tag, ident, *dialog.routes)
        if sum(map(len, kept)) > MAX_CHARS:
            raise RemoteProtocolError(400, "Subscription Too Long")
        flow = toward(txn.flow, dialog)
        host, port = self._advertised(flow)
        beside = (dialog.target, request.uri)
        contact = contact_value(host, port, flow.transport, "", beside)
        sub = Subscription(self._endpoint, self, dialog, flow, contact, name, ident)
        user_agent = (request.header("User-Agent") or "")[:MAX_USER_AGENT]
        held = Held(sub, watcher, answer, _entity(request), user_agent)
        self._keep(held)
        self.figures.asked[name, "accepted"] += 1
        if lifetime:
            self._write(held, lifetime)
        else:
            held.told = True  # it asks once
        sub.accept(txn, lifetime, now, [self.allowed])

    def refresh(self, held: Held, txn: ServerTransaction, now: float) -> None:
        """A SUBSCRIBE in a dialog that stands, from the device that has it. Raises RemoteProtocolError."""
        sub = held.sub
        if event_of(txn.request) != (sub.package, sub.ident) or sub.final or sub.over:
            self._endpoint.respond(txn, 481, now, reason="Subscription Does Not Exist")
            return
        lifetime = self._lifetime(txn, txn.request, now)
        if lifetime is None or not sub.in_order(txn, now):
            return
        if lifetime:
            self._write(held, lifetime)
        else:
            self._forgotten(held, "unsubscribed")
        sub.accept(txn, lifetime, now, [self.allowed])

    def _judge(self, package: Package, request: Request, watcher: Watcher) -> str | Refusal:
        accepted = [each.partition(";")[0].strip().lower() for each in request.values("Accept")]
        kind = package.content_type.partition("/")[0]
        if accepted and not any(each in accepted for each in (package.content_type, f"{kind}/*", "*/*")):
            return Refusal(406)
        return package.find(request.request_uri.user_text or "", watcher)

    def _lifetime(self, txn: ServerTransaction, request: Request, now: float) -> int | None:
        """How long it lasts; None when that is answered 423 instead (RFC 6665 section 4.2.1.1)."""
        asked = request.expires
        if asked is None:
            return DEFAULT_S
        if 0 < asked < LEAST_S:
            self._endpoint.respond(txn, 423, now, lines=[f"Min-Expires: {LEAST_S}"])
            return None
        return min(asked, MOST_S)

    def _room(self, device: str, package: str, resource: str) -> bool:
        """Whether one more fits; an old one to the same goes for it."""
        of_device = self._of_device.get(device, {})
        if len(of_device) < MOST_A_DEVICE and len(self.by_tag) < MOST:
            return True
        same = (each for each in of_device.values() if each.sub.package == package and each.resource == resource)
        oldest = next(same, None)
        if oldest is None:
            return False
        oldest.sub.forget()
        self.over(oldest.sub, 0.0)
        return True

    # -- what changes -------------------------------------------------------------------------------------------

    def changed(self, resource: str, now: float, package: str = "") -> None:
        """A resource looks different now; of one package alone where that is named."""
        for number, held in enumerate(self._of_resource.get(resource, {}).values()):
            if not package or held.sub.package == package:
                held.sub.changed(now, number % AT_MOST * APART_S)

    def registered(self, events: Iterable[e.Bound | e.Unbound], now: float) -> None:
        """Telephones have come, or gone: what waits for a connection is told, and a line is present or not."""
        if not self.by_tag:
            return
        for event in events:
            if isinstance(event, e.Bound):
                for held in self._of_device.get(event.device, {}).values():
                    held.sub.reachable(now)
            self.changed(f"line:{event.line}", now, "presence")

    def end(self, held: Held, reason: str, now: float) -> None:
        """End one, with a reason of RFC 6665 section 4.1.3."""
        if not held.sub.final:
            self._forgotten(held, reason)
            held.sub.end(reason, now)

    def prune(self, now: float) -> None:
        """After a reload: those end that the configuration no longer allows; all others are told how things are, one
        after the other."""
        delay = 0.0
        for held in list(self.by_tag.values()):
            lines = self._lines_of(held.watcher.device)
            package = self.packages.get(held.sub.package)
            if not self._speaks(lines, held.watcher.line):
                self.end(held, "rejected", now)
                continue
            if lines != held.watcher.lines:
                held.watcher = Watcher(held.watcher.device, held.watcher.line, lines)
            if package is None or not package.may(held.resource, held.watcher):
                self.end(held, "noresource", now)
            else:
                delay += SPREAD_S
                held.sub.later(delay, now)

    # -- switch.sip.subscription.Notifier -----------------------------------------------------------------------

    def document(self, sub: Subscription) -> tuple[str, bytes]:
        """See Notifier."""
        held = self.by_tag[sub.tag]
        package = self.packages[sub.package]
        self.figures.notified[sub.package] += 1
        return package.content_type, package.write(held.resource, held.watcher, held.entity, sub.notified)

    def way(self, sub: Subscription, now: float) -> Flow:
        """See Notifier."""
        flow, dialog = sub.flow, sub.dialog
        if not flow.reliable:
            return flow
        watcher = self.by_tag[sub.tag].watcher
        # Through a proxy only the proxy leads to the telephone.
        target = "" if dialog.routes else f"line:{watcher.line}"
        return self._reach(flow, target, watcher.device, (dialog.target,), dialog.next_hop(), now)

    def over(self, sub: Subscription, now: float) -> None:
        """See Notifier."""
        held = self.by_tag.get(sub.tag)
        if held is not None:
            self._forgotten(held, sub.final or "lost")
            self.figures.ended[sub.final or "lost"] += 1
            self._drop(held)

    # -- after a crash ------------------------------------------------------------------------------------------

    def resume(self, subscribed: Iterable[e.Subscribed], now: float) -> None:
        """Take over those that the journal knows. Each is told how things are, one after the other."""
        unix, delay = self._at().timestamp(), 0.0
        for event in subscribed:
            lines = self._lines_of(event.device)
            if event.expires_at <= unix or event.package not in self.packages or not self._speaks(lines, event.line):
                self._record(e.Unsubscribed(event.dialog.local_tag, "expired", self._at()))
                continue
            sub = Subscription(
                self._endpoint, self, _dialog_of(event.dialog), flow_of(event.flow), event.contact, event.package,
                event.ident,
            )  # fmt: skip
            sub.notified = event.notified + SKIPPED
            held = Held(sub, Watcher(event.device, event.line, lines), event.resource, event.entity, event.user_agent)
            self._keep(held)
            left = event.expires_at - unix
            sub.lasts(left, now)
            self._write(held, left)
            delay += SPREAD_S
            sub.later(delay, now)

    def told(self, clock: Callable[[], tuple[float, datetime.datetime]]) -> Iterator[e.Subscribed]:
        """All that go on, as events that say so anew, each as it stands when it is asked for. `clock` says monotonic
        and wall time."""
        for tag in list(self.by_tag):
            held = self.by_tag.get(tag)
            if held is not None and not held.told:
                now, at = clock()
                yield subscribed(held, at, held.sub.deadline - now)

    def standing(self) -> Counter[str]:
        """How many there are, by package."""
        return Counter(held.sub.package for held in self.by_tag.values())

    def _speaks(self, lines: tuple[str, ...], line: str) -> bool:
        """Whether a telephone with these lines may still speak for that one: its own, or a delegator's."""
        return line in lines or any(line in self._delegators(own) for own in lines)

    def all(self) -> Iterator[Held]:
        """Every subscription."""
        yield from self.by_tag.values()

    def _keep(self, held: Held) -> None:
        tag = held.sub.tag
        self.by_tag[tag] = held
        self._of_resource.setdefault(held.resource, {})[tag] = held
        self._of_device.setdefault(held.watcher.device, {})[tag] = held
        if self.packages[held.sub.package].of_calls:
            self._watching += 1
            if self._watching == 1:
                self.watched(True)

    def _drop(self, held: Held) -> None:
        tag = held.sub.tag
        del self.by_tag[tag]
        for table, key in ((self._of_resource, held.resource), (self._of_device, held.watcher.device)):
            del table[key][tag]
            if not table[key]:
                del table[key]
        if self.packages[held.sub.package].of_calls:
            self._watching -= 1
            if not self._watching:
                self.watched(False)

    def _forgotten(self, held: Held, cause: str) -> None:
        if not held.told:
            held.told = True
            self._record(e.Unsubscribed(held.sub.tag, cause, self._at()))

    def _write(self, held: Held, lifetime: float) -> None:
        self._record(subscribed(held, self._at(), lifetime))


def subscribed(held: Held, at: datetime.datetime, lifetime: float) -> e.Subscribed:
    """A subscription as the journal keeps it."""
    sub, dialog = held.sub, held.sub.dialog
    kept = e.Dialog(
        dialog.call_id,
        dialog.local_tag,
        dialog.remote_tag,
        dialog.local,
        dialog.remote,
        dialog.target,
        dialog.routes,
        dialog.local_cseq,
        dialog.remote_cseq,
    )
    return e.Subscribed(
        held.watcher.device,
        held.watcher.line,
        sub.package,
        held.resource,
        sub.ident,
        sub.contact,
        held.entity,
        kept,
        flow_value(sub.flow),
        at.timestamp() + lifetime,
        sub.notified,
        held.user_agent,
        at,
    )


def _entity(request: Request) -> str:
    """The address that was subscribed to, without its parameters."""
    uri = request.request_uri
    return str(Uri.sip(uri.user_text, uri.host, scheme=uri.scheme)) if uri.scheme in ("sip", "sips") else request.uri


def _dialog_of(kept: e.Dialog) -> Dialog:
    dialog = dialog_of(kept)
    dialog.local_cseq += SKIPPED
    return dialog


__all__ = ["DEFAULT_S", "Held", "Subscriptions", "subscribed"]
