"""What a leg's signalling means for its call: the small vocabulary that `InviteUsage` speaks and calls understand, so
that call logic never reads a SIP message."""

from __future__ import annotations

import msgspec

from switch.sip.replaces import Replaces


class Progress(msgspec.Struct, frozen=True, gc=False):
    """A 18x came. `body` is its SDP, empty without early media.

    `fork` is the early dialog's tag when the 18x was a reliable one. `asks`: the SDP is an offer, and its PRACK waits
    for our answer (`InviteUsage.prack`).
    """

    status: int
    body: bytes
    fork: str = ""
    asks: bool = False


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A 2xx came for the first INVITE. `body` is an answer, or an offer when our INVITE had none. `asserted` is its
    P-Asserted-Identity; `hides`: who has answered asks not to be shown."""

    body: bytes
    asserted: str = ""
    hides: bool = False


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The first INVITE failed. `silent`: not even a provisional response ever came; `status` is then 408 or 503.
    `retry_after_s` is the Retry-After of the refusal, 0 without."""

    status: int
    silent: bool = False
    reasons: tuple[str, ...] = ()
    retry_after_s: float = 0.0


class Resent(msgspec.Struct, frozen=True, gc=False):
    """A request of ours was sent once more, with another number: as the far end wants a longer session interval (RFC
    4028 section 7.3), or takes no UPDATE after all."""


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    """The caller gave up before we answered. `reasons` are Reason header lines that may be passed on (RFC 3326)."""

    reasons: tuple[str, ...] = ()


class Pracked(msgspec.Struct, frozen=True, gc=False):
    """A reliable 1xx of ours was acknowledged. `body` is the answer when it made an offer."""

    body: bytes = b""


class Unpracked(msgspec.Struct, frozen=True, gc=False):
    """A reliable 1xx of ours never was: the call cannot be set up (RFC 3262 section 3)."""


class Acked(msgspec.Struct, frozen=True, gc=False):
    """The far end confirmed our 2xx. `body` is its answer when our 2xx made the offer."""

    body: bytes


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A new offer came, by re-INVITE, UPDATE or PRACK; an empty `body` (re-INVITE only) asks us for one. To be met by
    `answer_offer` or `refuse_offer`. `pracked`: it came in the PRACK for a reliable 1xx of ours."""

    body: bytes
    pracked: bool = False


class OfferCancelled(msgspec.Struct, frozen=True, gc=False):
    """The far end took its re-INVITE back before it was answered."""


class OfferAnswer(msgspec.Struct, frozen=True, gc=False):
    """Our re-INVITE or UPDATE got a 2xx."""

    body: bytes


class OfferRefusal(msgspec.Struct, frozen=True, gc=False):
    """Our re-INVITE or UPDATE was refused; the session goes on as it was (14.1)."""

    status: int


class Refreshed(msgspec.Struct, frozen=True, gc=False):
    """The session timer runs anew, by a request of ours that made no offer."""


class RefreshDue(msgspec.Struct, frozen=True, gc=False):
    """It is on us to refresh the session (RFC 4028 section 7.4)."""


class Lapsed(msgspec.Struct, frozen=True, gc=False):
    """The session interval is over without a refresh: the call is to end by BYE (RFC 4028 section 10)."""


class Referred(msgspec.Struct, frozen=True, gc=False):
    """The far end asks that the other one call `uri`, or that a dialog of ours be taken over (`replaces`), by REFER. To
    be met by `refer.accept` or `refer.refuse` with its `number`. `by` is who refers, as he says himself."""

    number: int
    uri: str
    replaces: Replaces | None = None
    by: str = ""


class NotifyFailed(msgspec.Struct, frozen=True, gc=False):
    """The referrer does not want to hear any more of what becomes of his REFER, or cannot."""

    number: int
    status: int


class Keyed(msgspec.Struct, frozen=True, gc=False):
    """A key was pressed, told by INFO."""

    key: str
    duration_ms: int


class Priced(msgspec.Struct, frozen=True, gc=False):
    """The carrier has told a price, by INFO (`InviteUsage.price`)."""


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The far end said BYE. `reasons` are Reason header lines that may be passed on (RFC 3326)."""

    reasons: tuple[str, ...] = ()


class Lost(msgspec.Struct, frozen=True, gc=False):
    """The dialog is dead: our 2xx was never acknowledged, or a request of ours met silence, 408 or 481 (12.2.1.2)."""

    status: int


class Astray(msgspec.Struct, frozen=True, gc=False):
    """The connection broke under our BYE. If there is another way, `bye_again` takes it; otherwise all is over."""


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The usage is over and no more is to come of it: it can be forgotten."""


LegEvent = (
    Progress
    | Answer
    | Refusal
    | Resent
    | Cancelled
    | Pracked
    | Unpracked
    | Acked
    | Offer
    | OfferCancelled
    | OfferAnswer
    | OfferRefusal
    | Refreshed
    | RefreshDue
    | Lapsed
    | Referred
    | NotifyFailed
    | Keyed
    | Priced
    | Ended
    | Lost
    | Astray
    | Closed
)
