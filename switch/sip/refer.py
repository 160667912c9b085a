"""REFER in the dialog of a call, and the subscription that it makes (RFC 3515, 4488, 5589, 6665, 7614).

    REFER  -> the call is told (`Referred`), and answers by `accept` or `refuse`
    accept -> 202, and NOTIFY "100 Trying" at once; then NOTIFY of each status that `notify` is told, in order, one
              after the other: of those that wait only the latest is sent. One of 200 or more is the last, and waits
              for none: a BYE may be about to follow it
    quiet  -> Refer-Sub: false (RFC 4488), or nosub required (RFC 7614): 202, and nothing after it
    NOTIFY -> 2xx: the next one                    -> 491, 500, 503, 504, with Retry-After or not: again, thrice at most
           -> any other failure, or silence: the subscription is over (RFC 6665 section 4.2.2), which ends no call
    SUBSCRIBE of the same event -> the state once more; with Expires: 0 for the last time

A second REFER of the same dialog is told from the first by the `id` of its event, which is its CSeq. The subscription
is not bound to the call: who has said BYE right after his REFER is told how it came out all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import NameAddr, delta_seconds, retry_after
from switch.sip.leg_events import LegEvent, NotifyFailed, Referred, Resent
from switch.sip.message import Request, Response
from switch.sip.methods import ALLOW
from switch.sip.replaces import Replaces
from switch.sip.subscription import event_line, event_of, state_line
from switch.sip.timer import Timer
from switch.sip.transaction import ClientTransaction, ServerTransaction
from switch.sip.uri import Uri, unescape
from switch.sip.usage_state import CONFIRMED
from switch.sip.writer import REASONS

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

SUBSCRIBED_S = 600
"""No transfer takes longer."""
MOST = 4
"""So many REFERs of one dialog may be open at once."""
TRIES = 3
RETRY_S = 2.0
MAX_RETRY_S = 30.0
MAX_BY = 256
RETRIED = frozenset((491, 500, 503, 504))
SCHEMES = frozenset(("sip", "sips", "tel"))
QUIET = frozenset(("norefersub", "nosub"))


class Referral(msgspec.Struct, eq=False):
    """One REFER and its subscription. `number` is its CSeq; `named`: its events carry that, as it is not the first."""

    number: int
    named: bool
    txn: ServerTransaction | None
    """The REFER, until it is answered."""
    quiet: bool
    status: int = 100
    """What is to be said, or was said last."""
    phrase: str = ""
    expires_at: float = 0.0
    notify: ClientTransaction | None = None
    """The NOTIFY under way, or `timer`, which sends it again."""
    timer: Timer | None = None
    waiting: bool = False
    tries: int = 0
    reason: str = "noresource"


NO_REFERRALS: Mapping[int, Referral] = MappingProxyType({})


# What comes


def received(usage: InviteUsage, txn: ServerTransaction, now: float) -> LegEvent | None:
    """A REFER came in the dialog. Raises RemoteProtocolError for a Refer-To that leads nowhere: 400, 416, 501."""
    request = txn.request
    if usage.state is not CONFIRMED:
        usage.reply(txn, 403, now)
        return None
    if len(usage.referrals) >= MOST:
        usage.reply(txn, 491, now)
        return None
    referred = referral_of(request)
    usage.dialog.refresh_target(request)
    first = usage.referrals is NO_REFERRALS
    required = {each.lower() for each in request.values("Require")}
    silent = (request.header("Refer-Sub") or "").strip().lower().startswith("false") or "nosub" in required
    usage.referrals = {**usage.referrals, referred.number: Referral(referred.number, not first, txn, silent)}
    return referred


def referral_of(request: Request) -> Referred:
    """What a REFER asks for. Raises RemoteProtocolError 400 without exactly one Refer-To that can be read, 416 for an
    address that cannot be called, 501 for a method other than INVITE."""
    values = request.all("Refer-To")
    if len(values) != 1:
        raise RemoteProtocolError(400, "One Refer-To")
    to = NameAddr.parse(values[0].strip())
    uri = Uri.parse(to.uri)
    if uri.scheme not in SCHEMES:
        raise RemoteProtocolError(416, "Unsupported URI Scheme")
    if (uri.param("method") or "INVITE").upper() != "INVITE":
        raise RemoteProtocolError(501, "Not Implemented")
    replaces = None
    for part in (uri.headers or "").split("&"):
        name, _, text = part.partition("=")
        if name.lower() == "replaces":
            if replaces is not None:
                raise RemoteProtocolError(400, "More than one Replaces")
            replaces = Replaces.parse(unescape(text))
    return Referred(request.cseq, to.uri.partition("?")[0], replaces, _referrer(request))


def _referrer(request: Request) -> str:
    """Who refers, as he says himself (RFC 3892): to be shown, never to be believed. Empty when it cannot be read."""
    value = request.header("Referred-By") or ""
    try:
        return NameAddr.parse(value).uri if 0 < len(value) <= MAX_BY else ""
    except RemoteProtocolError:
        return ""


def subscribed(usage: InviteUsage, txn: ServerTransaction, now: float) -> LegEvent | None:
    """A SUBSCRIBE came in the dialog: of one of its REFERs (RFC 3515 section 2.4.4), or it is refused. Raises 489 as
    `event_of` does."""
    package, named = event_of(txn.request)
    if package != "refer":
        usage.reply(txn, 489, now)
        return None
    found = [each for each in usage.referrals.values() if (str(each.number) == named if named else not each.named)]
    if not found or found[0].txn is not None or found[0].quiet:
        usage.reply(txn, 481, now)
        return None
    referral = found[0]
    wanted = delta_seconds(txn.request.header("Expires") or "", SUBSCRIBED_S)
    expires = min(wanted, SUBSCRIBED_S)
    usage.reply(txn, 200, now, [f"Expires: {expires}", f"Contact: {usage.contact}"])
    referral.expires_at = now + expires
    if not expires:
        referral.reason = "timeout"
    return _say(usage, referral, now)


def answered(usage: InviteUsage, referral: Referral, response: Response, now: float) -> LegEvent | None:
    """A response to a NOTIFY of ours."""
    if response.status < 200:
        return None
    if response.status >= 300:
        later_s = retry_after(response.header("Retry-After"))
        return failed(usage, referral, response.status, now, later_s)
    referral.notify = None
    referral.tries = 0
    if referral.waiting:
        return _say(usage, referral, now)
    if _is_last(referral):
        _forget(usage, referral)
    return None


def failed(
    usage: InviteUsage, referral: Referral, status: int, now: float, later_s: float = 0.0
) -> NotifyFailed | None:
    """A NOTIFY was refused, or met silence (408) or a broken connection (503)."""
    referral.notify = None
    again = later_s or (RETRY_S if status in RETRIED else 0.0)
    if 0 < again <= MAX_RETRY_S and referral.tries < TRIES and usage.state is CONFIRMED:
        referral.timer = usage.endpoint.timers.after(again, now, usage.owner, referral)
        return None
    _forget(usage, referral)
    return NotifyFailed(referral.number, status)


def due(usage: InviteUsage, referral: Referral, now: float) -> LegEvent | None:
    """The NOTIFY that was refused is sent once more."""
    referral.timer = None
    if referral.number not in usage.referrals or usage.state is not CONFIRMED:
        _forget(usage, referral)
        return None
    return _say(usage, referral, now)


def of_notify(usage: InviteUsage, txn: ClientTransaction) -> Referral | None:
    """Whose NOTIFY that was."""
    return next((each for each in usage.referrals.values() if each.notify is txn), None)


# What the call may do


def accept(usage: InviteUsage, number: int, now: float) -> None:
    """Take the REFER: 202, and the first NOTIFY."""
    referral = usage.referrals.get(number)
    if referral is None or referral.txn is None:
        return
    txn, referral.txn = referral.txn, None
    lines = [f"Contact: {usage.contact}", ALLOW]
    if referral.quiet:
        usage.reply(txn, 202, now, [*lines, "Refer-Sub: false"])
        _forget(usage, referral)
        return
    usage.reply(txn, 202, now, lines)
    referral.expires_at = now + SUBSCRIBED_S
    _say(usage, referral, now)


def refuse(usage: InviteUsage, number: int, status: int, now: float, lines: Sequence[str] = ()) -> None:
    """Refuse the REFER; the call stays as it is."""
    referral = usage.referrals.get(number)
    if referral is None or referral.txn is None:
        return
    usage.reply(referral.txn, status, now, lines)
    referral.txn = None
    _forget(usage, referral)


def notify(usage: InviteUsage, number: int, status: int, now: float, phrase: str = "") -> bool:
    """Tell the referrer how it goes; a status of 200 or more ends the subscription. `phrase` is for the display, in
    place of the usual reason phrase. Whether a NOTIFY was sent, so that the dialog's numbers have moved on."""
    referral = usage.referrals.get(number)
    if referral is None or referral.txn is not None or referral.status >= 200 or referral.status == status:
        return False
    referral.status, referral.phrase = status, phrase
    before = usage.dialog.local_cseq
    _say(usage, referral, now)
    return usage.dialog.local_cseq != before


def resume(usage: InviteUsage, number: int, status: int, now: float, *, named: bool = False) -> None:
    """After a crash: tell the referrer of a former process's transfer what has become of it."""
    referral = Referral(number, named, None, quiet=False, status=status, expires_at=now + SUBSCRIBED_S)
    usage.referrals = {**usage.referrals, number: referral}
    _say(usage, referral, now)


# The inside


def _is_last(referral: Referral) -> bool:
    return referral.status >= 200 or referral.reason == "timeout"


def _say(usage: InviteUsage, referral: Referral, now: float) -> Resent | None:
    """Send what is to be said, or remember that it is, while another NOTIFY is under way."""
    referral.waiting = referral.notify is not None and not _is_last(referral)
    if referral.waiting or referral.timer is not None:
        return None
    dialog = usage.dialog
    referral.tries += 1
    lines = [
        *dialog.lines("NOTIFY", dialog.next_cseq()),
        f"Contact: {usage.contact}",
        event_line("refer", str(referral.number) if referral.named else ""),
        state_line(max(1.0, referral.expires_at - now), referral.reason if _is_last(referral) else ""),
        "Content-Type: message/sipfrag;version=2.0",
    ]
    body = f"SIP/2.0 {referral.status} {referral.phrase or REASONS.get(referral.status, 'Failed')}\r\n"
    referral.notify = usage.request(dialog, usage.flow, "NOTIFY", lines, body.encode(), now)
    return Resent()


def _forget(usage: InviteUsage, referral: Referral) -> None:
    if referral.timer is not None:
        referral.timer.cancel()
        referral.timer = None
    usage.referrals = {key: each for key, each in usage.referrals.items() if each is not referral}
