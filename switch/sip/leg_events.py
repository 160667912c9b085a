"""What a leg's signalling means for its call: the small vocabulary that `InviteUsage` speaks and calls understand, so
that call logic never reads a SIP message."""

from __future__ import annotations

import msgspec


class Progress(msgspec.Struct, frozen=True, gc=False):
    """A 18x came. `body` is its SDP, empty without early media."""

    status: int
    body: bytes


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A 2xx came for the first INVITE. `body` is an answer, or an offer when our INVITE had none."""

    body: bytes


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """The first INVITE failed. `silent`: not even a provisional response ever came; `status` is then 408 or 503."""

    status: int
    silent: bool = False


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    """The caller gave up before we answered."""


class Acked(msgspec.Struct, frozen=True, gc=False):
    """The far end confirmed our 2xx. `body` is its answer when our 2xx made the offer."""

    body: bytes


class Offer(msgspec.Struct, frozen=True, gc=False):
    """A re-INVITE came; an empty `body` asks us for an offer. To be met by `accept` or `refuse`."""

    body: bytes


class OfferCancelled(msgspec.Struct, frozen=True, gc=False):
    """The far end took its re-INVITE back before it was answered."""


class OfferAnswer(msgspec.Struct, frozen=True, gc=False):
    """Our re-INVITE got a 2xx."""

    body: bytes


class OfferRefusal(msgspec.Struct, frozen=True, gc=False):
    """Our re-INVITE was refused; the session goes on as it was (14.1)."""

    status: int


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The far end said BYE."""


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
    | Cancelled
    | Acked
    | Offer
    | OfferCancelled
    | OfferAnswer
    | OfferRefusal
    | Ended
    | Lost
    | Astray
    | Closed
)
