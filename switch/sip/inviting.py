"""Our INVITE, from the request to its final response (RFC 3261 sections 13.2 and 14.1).

sent -> 1xx: progress; a reliable one is `reliable.py`'s        -> 422: sent again, asking for a longer session
     -> 2xx, first one:      the dialog stands; its ACK is the call's to send, as it may bring an answer
     -> 2xx of a re-INVITE:  the offer was answered
     -> 2xx, unwanted:       cancelled, ended or without a Contact: ACK and BYE at once (`confirmation.py`)
     -> else, or silence:    refused. A re-INVITE's leaves all as it was, but for 408 and 481: the dialog is gone
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from switch.sip import confirmation, refresh, reliable, session_timer, update
from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import retry_after
from switch.sip.leg_events import Answer, Closed, LegEvent, Lost, OfferAnswer, OfferRefusal, Progress, Refusal, Resent
from switch.sip.message import Response
from switch.sip.methods import AGENT, ALLOW
from switch.sip.next_hop import toward
from switch.sip.parts import session_description, type_line
from switch.sip.privacy import asserted
from switch.sip.reason import reasons_of
from switch.sip.reliable import EarlyDialog
from switch.sip.transaction import ClientTransaction
from switch.sip.usage_state import CALLING, CANCELLING, CONFIRMED, EARLY, ENDED

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

NO_FORKS: Mapping[str, EarlyDialog] = MappingProxyType({})
NOT_SENT: tuple[Sequence[str], bytes, int] = ((), b"", 70)


class Handed(NamedTuple):
    """An INVITE of ours as a former process had it: the bytes of the `request`, its header `lines` but Via, what its
    maker gave (`sent`, see `InviteUsage.sent`), and whether there was a provisional response (`heard`)."""

    request: bytes
    lines: Sequence[str]
    sent: tuple[Sequence[str], bytes, int]
    heard: bool


def send(
    usage: InviteUsage,
    lines: Sequence[str],
    body: bytes,
    now: float,
    branch: str | None = None,
    max_forwards: int = 70,
) -> ClientTransaction:
    """Send an INVITE in the usage's dialog; `lines` are those that its maker adds."""
    dialog = usage.dialog
    head = dialog.lines("INVITE", dialog.next_cseq(), max_forwards)
    head.append(f"Contact: {usage.contact}")
    head.append(ALLOW)
    head.append(AGENT)
    if usage.session is not None:
        head += usage.session.as_uac(usage.least_s)
    head += lines
    if body:
        head.append(type_line(body))
    usage.sent = lines, body, max_forwards
    return usage.request(dialog, usage.flow, "INVITE", head, body, now, branch)


def progressed(usage: InviteUsage, response: Response, now: float) -> LegEvent | None:
    """A 1xx."""
    if usage.state is not CALLING and usage.state is not EARLY:
        return None
    usage.state = EARLY
    if response.status == 100:
        return None
    if reliable.is_reliable(response):
        return reliable.on_reliable(usage, response, now)
    return Progress(response.status, session_description(response))


def accepted(usage: InviteUsage, response: Response, now: float) -> LegEvent | None:
    """The 2xx of the INVITE under way."""
    _ = response.to_tag, response.cseq  # what every way from here reads: raises while nothing has changed
    usage.client = None
    usage.sent = NOT_SENT
    if usage.state is CONFIRMED:
        usage.ack_cseq = response.cseq
        usage.needs_ack = True
        refresh.agree(usage, session_timer.agreed(response), now)
        with contextlib.suppress(RemoteProtocolError):
            # A Contact that leads nowhere does not undo the 2xx; we go on where the far end was.
            usage.dialog.refresh_target(response)
        usage.flow = toward(usage.flow, usage.dialog, usage.carrier)
        return OfferAnswer(session_description(response))
    if usage.dialog.remote_tag or usage.ack_cseq:
        # The call ended while a re-INVITE of ours was under way: its 2xx wants an ACK all the same.
        usage.ack_cseq = response.cseq
        usage.ack(now)
        return None
    if usage.state is CANCELLING or usage.state is ENDED:
        confirmation.unwanted(usage, response, now)
        return None
    return _established(usage, response, now)


def _established(usage: InviteUsage, response: Response, now: float) -> LegEvent:
    try:
        reachable = bool(response.contacts)
        if reachable:
            usage.dialog.established_by(response)
    except RemoteProtocolError:
        reachable = False
    if not reachable:
        # No remote target, so no dialog to speak in; ending it is kinder than leaving the far end without ACK.
        confirmation.unwanted(usage, response, now)
        return Refusal(502)
    usage.ack_cseq = response.cseq
    usage.needs_ack = True
    usage.flow = toward(usage.flow, usage.dialog, usage.carrier)
    usage.state = CONFIRMED
    usage.note_abilities(response)
    if usage.advice is not None:
        usage.look_for_price(response)
    session = session_timer.agreed(response)
    if session is not None or usage.session is not None:
        refresh.agree(usage, session, now)
    if usage.forks:
        return Answer(reliable.chosen(usage, response), *asserted(response))
    return Answer(session_description(response), *asserted(response))


def refused(usage: InviteUsage, response: Response, now: float) -> LegEvent | None:
    """A final response of 300 or more."""
    if response.status == 422 and _ask_longer(usage, response, now):
        return Resent()
    later_s = retry_after(response.header("Retry-After"))
    return failed(usage, response.status, reasons=reasons_of(response), retry_after_s=later_s)


def failed(
    usage: InviteUsage,
    status: int,
    *,
    silent: bool = False,
    reasons: tuple[str, ...] = (),
    retry_after_s: float = 0.0,
) -> LegEvent | None:
    """The INVITE came to nothing; `silent` when nobody has said so much as 100."""
    usage.client = None
    usage.sent = NOT_SENT
    if usage.state is CONFIRMED:
        return Lost(status) if status in (408, 481) else OfferRefusal(status)
    unwanted = usage.state is CANCELLING or usage.state is ENDED
    usage.state = ENDED
    return Closed() if unwanted else Refusal(status, silent, reasons, retry_after_s)


def _ask_longer(usage: InviteUsage, response: Response, now: float) -> bool:
    """Our INVITE asked for too short a session interval (422): send it again with a longer one, twice at most."""
    lines, body, max_forwards = usage.sent
    if usage.state is CANCELLING or usage.tries + 1 >= update.MAX_TRIES:
        return False
    if not refresh.longer(usage, session_timer.wanted(response)):
        return False
    usage.tries += 1
    if usage.session is None:
        lines = session_timer.longer_lines(lines, usage.least_s)
    usage.forks = NO_FORKS
    usage.client = send(usage, lines, body, now, None, max_forwards)
    return True
