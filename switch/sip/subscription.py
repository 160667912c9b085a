"""A subscription, seen from our side, the notifier's (RFC 6665 section 4.2): a dialog in which we tell what changes.

    SUBSCRIBE ──> 200, and a NOTIFY at once       a change ──> a NOTIFY, `SETTLE_S` later
    Expires: 0 ──> 200, and the last NOTIFY       no refresh in time ──> the last NOTIFY

One NOTIFY is under way at a time, and two that changes lead to are `GAP_S` apart. What changes meanwhile is in the next
one, as a NOTIFY says how things are when it is sent, never what has happened: a burst makes one NOTIFY. `Notifier`
writes what it says.

    active ──unsubscribed, expired, ended by us──> final ──answered, or never──> over
       └──────── a NOTIFY that shows that the far end has gone (481, silence) ────^

It knows neither packages nor who may see what: `switch/presence/` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from switch.sip.dialog import Dialog
from switch.sip.endpoint import Endpoint
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import retry_after
from switch.sip.message import Request, Response
from switch.sip.methods import AGENT
from switch.sip.next_hop import toward
from switch.sip.timer import Timer
from switch.sip.transaction import ClientTransaction, ServerTransaction

SETTLE_S = 0.1
"""So long a change waits for others."""
GAP_S = 0.5
"""So far apart are the NOTIFYs of changes."""
AGAIN_S = 5.0
"""When a NOTIFY is tried again that could not be taken now, if the far end names no time."""
WAIT_S = 30.0
"""How long one waits for a telephone whose connection is gone."""
MOST_WAIT_S = 300.0
TRIES = 3
GONE = frozenset((404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))
"""Answers after which there is no subscription any more (RFC 5057 section 5.1; RFC 6665 section 4.2.2)."""

_EXPIRY = "expiry"
_DUE = "due"


class Notifier(Protocol):
    """Who keeps a subscription."""

    def document(self, sub: Subscription) -> tuple[str, bytes]:
        """The content type and the body of a NOTIFY that is sent now."""

    def way(self, sub: Subscription, now: float) -> Flow:
        """The flow to the far end: another one where its connection is gone."""

    def over(self, sub: Subscription, now: float) -> None:
        """It is gone: forget it."""


def event_of(request: Request) -> tuple[str, str]:
    """The package of an Event header, in small letters, and its `id`. Raises 489 where there is none (RFC 6665
    section 8.2.1)."""
    value = request.header("Event")
    if not value:
        raise RemoteProtocolError(489, "Bad Event")
    package, *params = value.split(";")
    named = (each.partition("=") for each in params)
    ident = next((text.strip(" \t") for name, _, text in named if name.strip(" \t").lower() == "id"), "")
    return package.strip(" \t").lower(), ident


def event_line(package: str, ident: str = "") -> str:
    """The Event of a NOTIFY."""
    return f"Event: {package};id={ident}" if ident else f"Event: {package}"


def state_line(left_s: float, reason: str = "", retry_s: int = 0) -> str:
    """The Subscription-State of a NOTIFY (RFC 6665 section 8.2.3): active for `left_s` seconds yet, or with a `reason`
    terminated."""
    if not reason:
        return f"Subscription-State: active;expires={max(0, round(left_s))}"
    after = f";retry-after={retry_s}" if retry_s else ""
    return f"Subscription-State: terminated;reason={reason}{after}"


class Subscription:
    """One subscription. `deadline` is when it ends unless it is refreshed, in monotonic seconds; `contact` our Contact
    value; `ident` the Event's id, which every NOTIFY repeats."""

    __slots__ = (
        "_again_s",
        "_dirty",
        "_due",
        "_expiry",
        "_last",
        "_tries",
        "_txn",
        "contact",
        "deadline",
        "dialog",
        "endpoint",
        "final",
        "flow",
        "ident",
        "notified",
        "notifier",
        "over",
        "package",
        "retry_s",
        "sent",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        notifier: Notifier,
        dialog: Dialog,
        flow: Flow,
        contact: str,
        package: str,
        ident: str = "",
    ) -> None:
        self.endpoint = endpoint
        self.notifier = notifier
        self.dialog = dialog
        self.flow = flow
        self.contact = contact
        self.package = package
        self.ident = ident
        self.deadline = 0.0
        self.final = ""
        """Why it ends; empty while it is active."""
        self.retry_s = 0
        self.over = False
        self.notified = 0
        """How many NOTIFYs were sent; a document's version. After a crash it is a number that was not reached yet."""
        self.sent = 0
        """The same of this run of the exchange."""
        self._txn: ClientTransaction | None = None
        self._dirty = False
        self._last = -GAP_S
        self._tries = 0
        self._again_s = WAIT_S
        self._expiry: Timer | None = None
        self._due: Timer | None = None

    @property
    def tag(self) -> str:
        """Our tag of the dialog, which names the subscription."""
        return self.dialog.local_tag

    @property
    def waits(self) -> bool:
        """Whether a NOTIFY did not arrive, and is to be tried again."""
        return self._tries > 0 or self._again_s > WAIT_S

    def speaks_with(self, request: Request) -> bool:
        """Whether the request is of this dialog."""
        return request.call_id == self.dialog.call_id and (request.from_tag or "") == self.dialog.remote_tag

    # -- what the notifier wants --------------------------------------------------------------------------------

    def accept(self, txn: ServerTransaction, lifetime: int, now: float, lines: Sequence[str] = ()) -> None:
        """Answer the SUBSCRIBE at hand with 200, and tell how things are. 0 seconds: that once, and it is over."""
        self.lasts(lifetime, now)
        head = [f"Contact: {self.contact}", f"Expires: {lifetime}", *lines]
        self.endpoint.respond(txn, 200, now, to_tag=self.tag, lines=head)
        if lifetime:
            self._soon(now)
        else:
            self.end("timeout", now)

    def lasts(self, lifetime: float, now: float) -> None:
        """It ends after so many seconds."""
        self.deadline = now + lifetime
        if self._expiry is not None:
            if self._expiry.when <= self.deadline:
                return  # it goes round again when it runs too early
            self._expiry.cancel()
        self._expiry = self.endpoint.timers.start(self.deadline, self, _EXPIRY)

    def in_order(self, txn: ServerTransaction, now: float) -> bool:
        """Whether the refresh at hand is newer than the last one; it is answered when not (12.2.2). Its target and its
        way are taken. Raises RemoteProtocolError for a Contact that leads nowhere."""
        request = txn.request
        if request.cseq <= self.dialog.remote_cseq:
            self.endpoint.respond(txn, 500, now, lines=["Retry-After: 1"])
            return False
        self.dialog.refresh_target(request)
        self.dialog.in_order(request)
        self.flow = toward(txn.flow, self.dialog)
        return True

    def changed(self, now: float, behind_s: float = 0.0) -> None:
        """There is something to tell; `behind_s`: so many others are told first."""
        if not self.final:
            self._settle(now, behind_s)

    def later(self, delay_s: float, now: float) -> None:
        """There is something to tell, but not at once: after a restart all are told one after the other."""
        if not self.final:
            self._dirty = True
            if self._txn is None and self._due is None:
                self._wait(delay_s, now)

    def reachable(self, now: float) -> None:
        """The far end has been heard of: what waits for it may be tried now."""
        if self._due is not None and self._again_s > WAIT_S:
            self._soon(now)

    def end(self, reason: str, now: float, retry_s: int = 0) -> None:
        """Tell it the last time, with a reason of RFC 6665 section 4.1.3."""
        if not self.final and not self.over:
            self.final, self.retry_s = reason, retry_s
            self._soon(now)

    def forget(self) -> None:
        """Nothing is told any more, and no timer runs."""
        self.over = True
        for timer in (self._expiry, self._due):
            if timer is not None:
                timer.cancel()
        self._expiry = self._due = None

    # -- what the endpoint reports ------------------------------------------------------------------------------

    def on_timer(self, what: object, now: float) -> None:
        """Its time is over, or it is time to tell."""
        if what is _DUE:
            self._due = None
            self._send(now)
            return
        self._expiry = None
        if self.deadline > now:
            self._expiry = self.endpoint.timers.start(self.deadline, self, _EXPIRY)
        else:
            self.end("timeout", now)

    def on_response(self, txn: ClientTransaction, response: Response, now: float) -> None:
        """The answer to a NOTIFY."""
        if txn is not self._txn or response.status < 200:
            return
        self._txn = None
        status = response.status
        if status < 300:
            self._tries, self._again_s = 0, WAIT_S
            if self.final and not self._dirty:
                self._gone(now)
            elif self._dirty:
                self._settle(now)
        elif self.final or status in GONE or self._tries >= TRIES:
            self._gone(now)
        else:
            self._tries += 1
            self.later(min(retry_after(response.header("Retry-After")) or AGAIN_S * self._tries, MOST_WAIT_S), now)

    def on_timeout(self, txn: ClientTransaction, now: float, *, transport: bool = False) -> None:
        """A NOTIFY got no answer: the subscription is gone (RFC 6665 section 4.2.2). But where only a connection broke
        (`transport`), the telephone comes back over another one."""
        if txn is not self._txn:
            return
        self._txn = None
        if not transport or self.final:
            self._gone(now)
            return
        self._dirty = True
        wait, self._again_s = self._again_s, min(self._again_s * 2, MOST_WAIT_S)
        self._wait(wait, now)

    # -- the inside ---------------------------------------------------------------------------------------------

    def _settle(self, now: float, behind_s: float = 0.0) -> None:
        self._dirty = True
        if self._txn is None and self._due is None and not self.over:
            self._wait(max(SETTLE_S, self._last + GAP_S - now) + behind_s, now)

    def _wait(self, delay_s: float, now: float) -> None:
        self._due = self.endpoint.timers.start(now + delay_s, self, _DUE)

    def _soon(self, now: float) -> None:
        self._dirty = True
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._txn is None:
            self._send(now)

    def _send(self, now: float) -> None:
        if self.over:
            return
        flow = self.notifier.way(self, now)
        content_type, body = self.notifier.document(self)
        self._dirty = False
        self._last = now
        self.notified += 1
        self.sent += 1
        dialog = self.dialog
        lines = [
            *dialog.lines("NOTIFY", dialog.next_cseq()),
            f"Contact: {self.contact}",
            event_line(self.package, self.ident),
            state_line(self.deadline - now, self.final, self.retry_s),
            AGENT,
        ]
        if body:
            lines.append(f"Content-Type: {content_type}")
        self._txn = self.endpoint.request(flow, "NOTIFY", dialog.request_uri(), lines, body, now, self)

    def _gone(self, now: float) -> None:
        self.forget()
        self.notifier.over(self, now)
