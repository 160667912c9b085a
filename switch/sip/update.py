"""UPDATE (RFC 3311): a new offer, a new target or a refreshed session timer without an INVITE, before the answer too.

It must be answered at once, so one with an offer is passed on only to a side that answers as quickly. Glare is decided
by `offer_answer.py`; besides, a second UPDATE that meets an unanswered one is 500, whatever it carries.

    ours:    sent -> 2xx: the session (with an offer) or the timer (without) is new
                  -> 422: sent again with the longer interval, twice at most
                  -> 405, 501: the far end does not know UPDATE after all; a confirmed dialog sends a re-INVITE
                  -> 408, 481: the dialog is gone          -> else: all is as it was
    theirs:  without an offer: 200       with one: the call is asked, and `answer` or `refuse` follows
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from switch.sip import refresh, session_timer
from switch.sip.errors import RemoteProtocolError
from switch.sip.leg_events import LegEvent, Lost, Offer, OfferAnswer, OfferRefusal, RefreshDue, Refreshed, Resent
from switch.sip.message import Response
from switch.sip.methods import ALLOW, CAPABILITIES
from switch.sip.next_hop import toward
from switch.sip.offer_answer import GLARE, standing
from switch.sip.parts import SDP_LINE, session_description
from switch.sip.reliable import EarlyDialog
from switch.sip.transaction import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

MAX_TRIES = 3


class Update(msgspec.Struct):
    """An UPDATE of ours that has no answer yet."""

    txn: ClientTransaction
    body: bytes
    early: EarlyDialog | None
    tries: int
    identity: Sequence[str] = ()
    """Header lines that say who speaks now (RFC 4916)."""

    @property
    def offered(self) -> bool:
        """Whether it carries an offer."""
        return bool(self.body)


def send(
    usage: InviteUsage,
    body: bytes,
    now: float,
    early: EarlyDialog | None = None,
    tries: int = 1,
    identity: Sequence[str] = (),
) -> None:
    """Send an UPDATE in the usage's dialog, or in one of its early ones."""
    dialog = early.dialog if early is not None else usage.dialog
    lines = dialog.lines("UPDATE", dialog.next_cseq())
    lines += [f"Contact: {usage.contact}", ALLOW]
    if usage.session is not None:
        lines += usage.session.as_uac(usage.least_s)
    lines += identity
    if body:
        lines.append(SDP_LINE)
    flow = usage.flow if early is None else toward(usage.flow, dialog, usage.carrier)
    txn = usage.request(dialog, flow, "UPDATE", lines, body, now)
    usage.updating = Update(txn, body, early, tries, identity)


def answered(usage: InviteUsage, update: Update, response: Response, now: float) -> LegEvent | None:
    """A response to our UPDATE."""
    if response.status < 200:
        return None
    if response.status >= 300:
        if (
            response.status == 422
            and refresh.longer(usage, session_timer.wanted(response))
            and update.tries < MAX_TRIES
        ):
            send(usage, update.body, now, update.early, update.tries + 1, update.identity)
            return Resent()
        return failed(usage, update, response.status, now)
    usage.updating = None
    dialog = update.early.dialog if update.early is not None else usage.dialog
    with contextlib.suppress(RemoteProtocolError):
        dialog.refresh_target(response)
    body = session_description(response)
    if update.early is not None:
        update.early.description = body or update.early.description
    elif usage.confirmed:
        usage.flow = toward(usage.flow, dialog, usage.carrier)
        refresh.agree(usage, session_timer.agreed(response), now)
    return OfferAnswer(body) if update.offered else Refreshed()


def failed(usage: InviteUsage, update: Update, status: int, now: float) -> LegEvent | None:
    """Our UPDATE was refused, or met silence (408) or a broken connection (503)."""
    usage.updating = None
    if status in (405, 501):
        usage.allows_update = False
        if usage.confirmed and not usage.offer_pending:
            if not update.offered:
                return RefreshDue()
            usage.offer(update.body, now, update.identity)
            return Resent()
    if usage.confirmed and status in (408, 481):
        return Lost(status)
    return OfferRefusal(status)


def received(usage: InviteUsage, txn: ServerTransaction, now: float, early: EarlyDialog | None) -> LegEvent | None:
    """An UPDATE came; `early` is the early dialog of our INVITE that it belongs to."""
    request = txn.request
    if usage.asking is not None:
        usage.reply(txn, 500, now, ["Retry-After: 2"])
        return None
    body = session_description(request)
    if body and (status := GLARE[standing(usage, early)]):
        usage.reply(txn, status, now, ["Retry-After: 2"] if status == 500 else ())
        return None
    if usage.confirmed and usage.sessions is not None and (lines := session_timer.too_small(request, usage.sessions)):
        usage.reply(txn, 422, now, lines)
        return None
    (early.dialog if early is not None else usage.dialog).refresh_target(request)
    if early is None:
        usage.flow = toward(txn.flow, usage.dialog, usage.carrier)
    usage.asking, usage.asking_early = txn, early
    if body:
        return Offer(body)
    answer(usage, b"", now)
    return None


def answer(usage: InviteUsage, body: bytes, now: float) -> None:
    """Send the 200 to the UPDATE or PRACK that asks; `body` is the answer to its offer."""
    txn, usage.asking = usage.asking, None
    early, usage.asking_early = usage.asking_early, None
    if txn is None or txn.finished:
        return  # its connection has broken meanwhile, and nobody hears the answer
    lines = [f"Contact: {usage.contact}", ALLOW]
    if txn.method == "UPDATE" and usage.confirmed:
        lines += refresh.agree_to(usage, txn.request, now)
    if early is not None and body:
        early.description = session_description(txn.request)
    if body:
        lines.append(SDP_LINE)
    usage.endpoint.respond(txn, 200, now, lines=lines, body=body)


def refuse(usage: InviteUsage, status: int, now: float) -> None:
    """Refuse the offer; the session stays as it is."""
    txn, usage.asking, usage.asking_early = usage.asking, None, None
    if txn is not None:
        usage.reply(txn, status, now)


def early_request(usage: InviteUsage, txn: ServerTransaction, now: float) -> LegEvent | None:
    """A request of a called side that has not answered. An early dialog that only an unreliable 1xx made cannot take a
    new offer, as ours has no answer yet in it (RFC 3311 section 5.2)."""
    request = txn.request
    early = usage.forks.get(request.from_tag or "")
    if request.method == "OPTIONS":
        usage.reply(txn, 200, now, CAPABILITIES)
    elif request.method != "UPDATE":
        usage.reply(txn, 481, now)
    elif early is None:
        lines = [f"Contact: {usage.contact}", ALLOW]
        usage.reply(txn, 491 if session_description(request) else 200, now, lines)
    elif early.dialog.in_order(request):
        return received(usage, txn, now, early)
    else:
        usage.reply(txn, 500, now, ["Retry-After: 1"])
    return None
