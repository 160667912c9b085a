"""The voicemail lamp of telephones that never subscribe: NOTIFYs that nobody has asked for (RFC 3842 section 3.4.6).

A telephone whose `message_lamp` is `unasked` is told of its own mailbox when it registers, if that is news to it, and
whenever a count changes. What a contact was told last is known until it is gone; what did not arrive is told again when
the telephone next registers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from records.events import Bound, Unbound
from switch.binding import Binding, binding_of
from switch.calls.presentation import contact_value
from switch.presence import message_summary
from switch.sip.endpoint import Endpoint
from switch.sip.flow import Flow
from switch.sip.message import Response
from switch.sip.methods import AGENT
from switch.sip.subscription import SETTLE_S, state_line
from switch.sip.timer import Timer
from switch.sip.transaction import ClientTransaction
from switch.sip.uri import literal

Key = tuple[str, str, int]
"""A contact: line, URI and reg-id."""


class Ways(Protocol):
    """How a telephone is reached, and by which name we are known there."""

    def way(self, binding: Binding) -> Flow | None:
        """The flow to a contact."""

    def aor(self, line: str, flow: Flow) -> str:
        """The address of a line as a telephone is shown it."""


class _Contact:
    """One contact that is told. `said` is what it has taken."""

    __slots__ = ("_all", "bound", "said", "sending", "txn")

    def __init__(self, all_: Unasked, bound: Bound) -> None:
        self._all = all_
        self.bound = bound
        self.said = b""
        self.sending = b""
        self.txn: ClientTransaction | None = None

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> None:
        """Its answer."""
        if txn is self.txn and response.status >= 200:
            self.txn = None
            if response.status < 300:
                self.said = self.sending
                self._all.tell(self, now)  # if that is no longer how it is

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> None:
        """None came: it is told when it registers again."""
        if txn is self.txn:
            self.txn = None


class Unasked:
    """All of them. `summary(line, account)` is what a telephone of that line is told, empty without a mailbox."""

    def __init__(
        self,
        endpoint: Endpoint,
        ways: Ways,
        token: Callable[[], str],
        advertised: Callable[[Flow], tuple[str, int]],
        bindings: Callable[[], Iterable[Bound]],
        summary: Callable[[str, str], bytes],
    ) -> None:
        self.sent = 0
        self._endpoint = endpoint
        self._ways = ways
        self._token = token
        self._advertised = advertised
        self._bindings = bindings
        self._summary = summary
        self._lines: Mapping[str, str] = {}
        """By telephone, its default line."""
        self._contacts: dict[Key, _Contact] = {}
        self._due: dict[Key, None] = {}
        self._timer: Timer | None = None

    def __len__(self) -> int:
        """How many contacts are told."""
        return len(self._contacts)

    def use(self, lines: Mapping[str, str], now: float) -> None:
        """Another configuration: the telephones that are told without asking, each with its default line."""
        self._lines = lines
        for key, contact in list(self._contacts.items()):
            if contact.bound.device not in lines:
                del self._contacts[key]
        if lines:
            self.registered(self._bindings(), now)

    def registered(self, events: Iterable[Bound | Unbound], now: float) -> None:
        """What has become of the registrar's table."""
        if not self._lines and not self._contacts:
            return
        for event in events:
            key = (event.line, event.uri, event.reg_id)
            known = self._contacts.get(key)
            if isinstance(event, Unbound):
                self._contacts.pop(key, None)
            elif event.line == self._lines.get(event.device):
                if known is None or known.bound.device != event.device:
                    known = self._contacts[key] = _Contact(self, event)
                known.bound = event
                self._soon(key, now)

    def changed(self, now: float) -> None:
        """The counts of some mailbox are others: whoever is told something new by that is told."""
        for key in self._contacts:
            self._soon(key, now)

    def on_timer(self, what: object, now: float) -> None:
        """It has settled."""
        self._timer = None
        due, self._due = self._due, {}
        for key in due:
            contact = self._contacts.get(key)
            if contact is not None:
                self.tell(contact, now)

    def _soon(self, key: Key, now: float) -> None:
        self._due[key] = None
        if self._timer is None:
            self._timer = self._endpoint.timers.start(now + SETTLE_S, self, None)

    def tell(self, contact: _Contact, now: float) -> None:
        """Tell it how things are, if it does not know that."""
        bound = contact.bound
        if contact.txn is not None or self._contacts.get((bound.line, bound.uri, bound.reg_id)) is not contact:
            return
        flow = self._ways.way(binding_of(bound))
        if flow is None:
            return
        aor = self._ways.aor(bound.line, flow)
        body = self._summary(bound.line, aor)
        if not body or body == contact.said:
            return
        host, port = self._advertised(flow)
        ident = self._token()
        lines = [
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in bound.path),
            f"From: <{aor}>;tag={ident}",
            f"To: <{aor}>",
            f"Call-ID: {ident}@{literal(host)}",
            "CSeq: 1 NOTIFY",
            f"Contact: {contact_value(host, port, flow.transport, beside=(bound.uri,))}",
            "Event: message-summary",
            state_line(0, "noresource"),
            f"Content-Type: {message_summary.CONTENT_TYPE}",
            AGENT,
        ]
        contact.sending = body
        self.sent += 1
        contact.txn = self._endpoint.request(flow, "NOTIFY", bound.uri, lines, body, now, contact)
