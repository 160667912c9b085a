"""A leg of a call (a telephone, a carrier, the caller): its dialog, its media, whether it rings, talks or holds."""

from __future__ import annotations

from records.events.values import Dialog, Event, FarEnd, FlowAddress, MediaPort


class LegStarted(Event, frozen=True, array_like=True, gc=False, tag=2):
    """An INVITE was sent to one contact. `target` is `line:ID` or `trunk:ID`; `branch` the Via branch of the INVITE;
    `device` whose contact it is, empty for a carrier. `payer` is the line that pays for a carrier's leg where it is not
    the caller's, and `number` the number that was sent there where it is not the one that was called. `for_`: the line
    on whose behalf a delegate's telephone rings. `shown`: of an emergency call, the number for calling back that the
    carrier was shown. `user` is the own line of the telephone, and `site` where it stands."""

    leg: int
    target: str
    contact: str
    flow: FlowAddress
    dialog: Dialog
    branch: str
    device: str = ""
    payer: str = ""
    number: str = ""
    for_: str = ""
    shown: str = ""
    user: str = ""
    site: str = ""


class LegMedia(Event, frozen=True, array_like=True, gc=False, tag=3):
    """The leg has a media port, and `described` is the session description (SDP) that we last sent it.

    The next description on the leg has to go on from that one (RFC 3264 section 8). `far` is what the media engine
    was told of the far end so far, None before anything was: after a crash it may have to be told again. `settled` is
    empty while `described` is in force; else that was an offer which is not taken yet, and `settled` holds.
    """

    leg: int
    media: MediaPort
    described: bytes
    far: FarEnd | None = None
    settled: bytes = b""


class LegRinging(Event, frozen=True, array_like=True, gc=False, tag=4):
    """The first 18x came from (or went to) the leg; `early_media` tells whether it carried SDP."""

    leg: int
    status: int
    early_media: bool


class LegAnswered(Event, frozen=True, array_like=True, gc=False, tag=5):
    """A 2xx made the dialog. For leg 0: we answered the caller, so the call is answered.

    `far` is what the media engine is told of the called side (of the caller its `LegMedia` says so). None when the
    caller made no offer and has yet to answer ours; `offer` is then the description in the called side's 2xx, which
    waits for that answer.
    """

    leg: int
    dialog: Dialog
    far: FarEnd | None = None
    offer: bytes = b""


class LegMoved(Event, frozen=True, array_like=True, gc=False, tag=6):
    """The dialog's numbers, remote target or path changed (re-INVITE, UPDATE, another request of ours). `branch` is the
    Via branch of a first INVITE that was sent once more; else it is empty."""

    leg: int
    dialog: Dialog
    flow: FlowAddress
    branch: str = ""


class LegHeld(Event, frozen=True, array_like=True, gc=False, tag=7):
    """The leg put the call on hold (`held` True) or took it back."""

    leg: int
    held: bool


class SessionTimed(Event, frozen=True, array_like=True, gc=False, tag=12):
    """A session interval (RFC 4028) was agreed on with the leg, or refreshed, at `at`; 0: there is none any more.

    `ours`: it is on us to refresh.
    """

    leg: int
    interval_s: int
    ours: bool


class LegEnded(Event, frozen=True, array_like=True, gc=False, tag=8):
    """The leg is over. Values are those of `dialplan.termination.Termination`, as plain text and number. `cause` is
    what the leg's far end gave as the reason (RFC 3326), such as `Q.850;cause=1`."""

    leg: int
    result: str
    reason: str
    sip_status: int
    cause: str = ""
