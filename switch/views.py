"""What the exchange tells the commands: the answers of the control socket, one value each.

Both ends import these, so that a command never guesses what is in an answer. Times are zone-aware.
"""

from __future__ import annotations

import datetime

import msgspec


class WorkerView(msgspec.Struct, frozen=True):
    """One media worker as the exchange sees it."""

    index: int
    connected: bool
    legs: int


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `status`. `troubles` is empty when all is well, else one sentence each; `/healthz` says the same."""

    version: str
    process: int
    started_at: datetime.datetime
    model: str
    config: str
    draining: bool = False
    troubles: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()
    workers: tuple[WorkerView, ...] = ()
    devices: int = 0
    lines: int = 0
    lines_registered: int = 0
    contacts: int = 0
    calls: int = 0
    calls_started: int = 0
    calls_answered: int = 0
    transactions: int = 0
    messages_in: int = 0
    messages_out: int = 0


class LegView(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a call. `state` is trying, ringing, talking, held or ended."""

    leg: int
    who: str
    state: str
    flow: str = ""
    sip_call_id: str = ""


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """One call in the answer to `calls`. `state` is ringing, talking or held."""

    call: str
    started_at: datetime.datetime
    answered_at: datetime.datetime | None = None
    caller: str
    called: str
    state: str
    emergency: bool = False
    legs: tuple[LegView, ...] = ()


class ReloadView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `reload` when it was taken; a refusal has one line an error in its details."""

    model: str
    changed: bool
    warnings: tuple[str, ...] = ()


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP message in the answer to `trace`, secrets taken out already. `incoming`: it came from `remote`."""

    at: datetime.datetime
    incoming: bool
    transport: str
    local: str
    remote: str
    text: str


class TraceView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `trace`. `incomplete`: the ring has forgotten the beginning of the call."""

    call: str
    messages: tuple[MessageView, ...]
    incomplete: bool = False
