"""Where telephones are, and what they have subscribed to."""

from __future__ import annotations

import datetime

import msgspec

from records.events.values import Dialog, FlowAddress


class Bound(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=20):
    """A contact was registered or refreshed. `expires_at` is in Unix seconds (UTC); `contact` the Contact value's
    name-addr and parameters exactly as received; `uri` its URI alone; `received` the source address behind NAT."""

    line: str
    device: str
    uri: str
    contact: str
    call_id: str
    cseq: int
    q: float
    expires_at: float
    flow: FlowAddress
    instance: str
    reg_id: int
    path: tuple[str, ...]
    user_agent: str
    at: datetime.datetime


class Unbound(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=21):
    """A contact is gone: de-registered, expired or replaced. A contact is known by line, URI and `reg_id`, since a
    telephone may register the same URI over several flows (RFC 5626)."""

    line: str
    uri: str
    cause: str
    at: datetime.datetime
    reg_id: int = 0


class Subscribed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """A telephone has subscribed to a resource (`switch/presence/`), or has refreshed that: an absolute statement. It
    is known by our tag of its `dialog`. `line` is the one that it speaks for, `ident` the id of its Event, `contact`
    our Contact value; `expires_at` in Unix seconds (UTC). `notified` counts the NOTIFYs up to now: sequence number and
    version go on far behind it after a crash."""

    device: str
    line: str
    package: str
    resource: str
    ident: str
    contact: str
    entity: str
    dialog: Dialog
    flow: FlowAddress
    expires_at: float
    notified: int
    user_agent: str
    at: datetime.datetime


class Unsubscribed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """A subscription is over, or about to be: `tag` is our tag of its dialog."""

    tag: str
    cause: str
    at: datetime.datetime
