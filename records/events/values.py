"""What events are made of: the base of those that are a call's, and the values that stand in them.

None of these has a tag: a value stands in an event as an array without one.
"""

from __future__ import annotations

import datetime

import msgspec


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What all events of a call have: the call's id, the event's number in it, and the instant (zone-aware, UTC)."""

    call: str
    n: int
    at: datetime.datetime


class Dialog(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that is needed to send a request in an established dialog (RFC 3261 section 12)."""

    call_id: str
    local_tag: str
    remote_tag: str
    local_uri: str
    remote_uri: str
    remote_target: str
    route_set: tuple[str, ...]
    local_cseq: int
    remote_cseq: int
    update: bool = False
    """Whether the far end takes UPDATE."""
    from_change: bool = False
    """Whether it takes another From later on (RFC 4916)."""
    message: bool = False
    """Whether it takes MESSAGE."""


class FlowAddress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The path that a leg's messages take: `udp` or `tcp`, our listener and the far end's address."""

    transport: str
    local_host: str
    local_port: int
    remote_host: str
    remote_port: int


class MediaPort(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The media leg behind a call leg; the same fields as `media.engine.Lease`, but that `address` is the one that the
    far end was told, and `bound` the sockets' own where that is another."""

    leg: int
    worker: int
    address: str
    port: int
    bound: str = ""


class FarEnd(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the media engine was told of a leg's far end; the same fields as `media.engine.Remote`. No keys."""

    address: str
    port: int
    rtcp_port: int
    signalling: str
    payloads: tuple[int, ...]
    send: bool
    receive: bool
    telephone_event: int | None
    codec: str
    payload: int
    codecs: tuple[tuple[int, str], ...] = ()
    sends: tuple[tuple[int, str], ...] = ()


class Forwarded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A forward that a call had behind it when it came: `number` is whom it was for, `reason` a word of RFC 5806, as
    `user-busy`. `count`: it stands for so many. `hidden`: who forwarded is not to be shown."""

    number: str
    name: str = ""
    reason: str = ""
    count: int = 1
    hidden: bool = False


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What holds while a call is up: the same fields as `dialplan.lines.Policy`. `record` is sorted."""

    owner: str = ""
    limit_s: float = 0.0
    record: tuple[str, ...] = ()
    on_demand: bool = False
    announce: str = "none"
    hold_music: str = ""


class Help(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Of a call that became one for help: the emergency number, the `device` where help is to go and its `line`, that
    telephone's `address`, and who is told, as in `CallStarted`."""

    number: str
    device: str = ""
    line: str = ""
    address: str = ""
    notify: tuple[str, ...] = ()


class Party(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who a leg is, as the other side may be shown it. `hidden`: not by number and name."""

    number: str
    name: str = ""
    hidden: bool = False
