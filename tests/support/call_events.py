"""Events of calls that look like real ones, for the tests of this room."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from records.events import (
    Bound,
    CallEnded,
    CallEvent,
    CallStarted,
    Connected,
    Dialog,
    FlowAddress,
    LegAnswered,
    LegEnded,
    LegMedia,
    LegRinging,
    LegStarted,
    MediaPort,
    Unbound,
)

START = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)
FLOW = FlowAddress("udp", "192.0.2.1", 5060, "192.0.2.77", 5062)
DIALOG = Dialog(
    "a84b4c76e66710@phone.example.com",
    "1928301774",
    "314159",
    "sip:201@pbx.example.com",
    "sip:202@pbx.example.com",
    "sip:202@192.0.2.77:5062",
    (),
    1,
    0,
)
SDP = (
    b"v=0\r\no=- 3981 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)


def at(seconds: float) -> datetime.datetime:
    """`seconds` after the beginning."""
    return START + datetime.timedelta(seconds=seconds)


def started(call: str, seconds: float = 0.0, *, emergency: bool = False, name: str = "Ada") -> CallStarted:
    """Line 201 dials 202."""
    return CallStarted(
        call,
        0,
        at(seconds),
        sip_call_id=f"{call}@phone.example.com",
        device="desk-201",
        line="201",
        trunk=None,
        caller_number="201",
        caller_name=name,
        dialled="202",
        number="202",
        emergency=emergency,
        max_duration_s=14400.0,
        because=(("extension", "matched"),),
        flow=FLOW,
        vias=("SIP/2.0/UDP 192.0.2.77:5062;branch=z9hG4bK776asdhds;rport",),
        from_='"Ada" <sip:201@pbx.example.com>;tag=1928301774',
        to="<sip:202@pbx.example.com>",
        cseq=314159,
        model="6f1d",
        user="201",
        entity="user:202",
    )


def rung(call: str, seconds: float) -> LegStarted:
    """The telephone of 202 rings, as leg 1."""
    contact, branch = "sip:202@192.0.2.78", "z9hG4bKleg1"
    return LegStarted(call, 1, at(seconds), 1, "line:202", contact, FLOW, DIALOG, branch, device="desk-202", user="202")


def answered_call(call: str, seconds: float = 0.0) -> list[CallEvent]:
    """Ten events: rings for 4 s, talks for 60 s, the caller hangs up."""
    s = seconds
    return [
        started(call, s),
        LegStarted(
            call,
            1,
            at(s + 0.01),
            1,
            "line:202",
            "sip:202@192.0.2.78",
            FLOW,
            DIALOG,
            "z9hG4bKleg1",
            "desk-202",
            user="202",
        ),
        LegMedia(call, 2, at(s + 0.01), 1, MediaPort(7, 0, "192.0.2.1", 20000), SDP),
        LegRinging(call, 3, at(s + 0.2), 1, 180, False),
        LegRinging(call, 4, at(s + 0.2), 0, 180, False),
        LegAnswered(call, 5, at(s + 4.2), 1, DIALOG),
        LegAnswered(call, 6, at(s + 4.2), 0, DIALOG),
        Connected(call, 7, at(s + 4.2), 1),
        LegEnded(call, 8, at(s + 64.2), 0, "answered", "caller_hung_up", 200),
        CallEnded(call, 9, at(s + 64.2), "answered", "caller_hung_up", 200),
    ]


def inputs(events: Sequence[CallEvent]) -> list[list[CallEvent]]:
    """The ten events of an answered call as the exchange appends them: six inputs."""
    return [list(events[a:b]) for a, b in ((0, 1), (1, 3), (3, 5), (5, 8), (8, 9), (9, 10))]


def bound(line: str = "201", uri: str = "sip:201@192.0.2.77", seconds: float = 0.0) -> Bound:
    """A phone registers."""
    contact = f"<{uri}>;expires=3600"
    return Bound(
        line, "desk-201", uri, contact, "reg1@192.0.2.77", 1, 1.0, 1.8e9, FLOW, "", 0, (), "Phone/1", at(seconds)
    )


def unbound(line: str = "201", uri: str = "sip:201@192.0.2.77", seconds: float = 1.0) -> Unbound:
    """It is gone again."""
    return Unbound(line, uri, "expired", at(seconds))
