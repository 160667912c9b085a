"""What an exchange that hands over knows of its calls and its journal does not hold: it writes it down for the next one
(decision 27). Of answered calls little is missing; of those that are being set up, what their INVITEs said.

    open    our tags of dialogs that wait for something of the far end's: the ACK of our 2xx or refusal, the answer to a
            BYE or CANCEL. What is not among them has been heard, and need not be said again
    begun   the calls that nobody has answered yet

It goes from process to process and is written on no disk, so keys and passwords may stand in it. A newer version may
read what an older one has written: fields have names, and what is missing has a default.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from media import sdp
from switch.calls.leg import CALLER, Leg
from switch.sip.endpoint import Endpoint
from switch.sip.invite import InviteUsage
from switch.sip.inviting import Handed
from switch.sip.reliable import Provisionals
from switch.sip.transaction import COMPLETED
from switch.sip.usage_state import CALLING, EARLY

if TYPE_CHECKING:
    from switch.calls.call import Call


class Reliable(msgspec.Struct, frozen=True, omit_defaults=True):
    """The reliable 1xx that a caller got: see `switch.sip.reliable.Provisionals`."""

    rseq: int
    data: bytes = b""
    described: bool = False
    offering: bool = False
    settled: bool = False
    acked: int = 0


class Rung(msgspec.Struct, frozen=True, omit_defaults=True):
    """An INVITE of ours that may be gone on with: the bytes that were sent, their header lines but Via (`head`), and
    the lines, body and Max-Forwards that its maker gave. `heard`: there was a provisional response. `key` is what we
    encrypt with, once said."""

    leg: int
    request: bytes
    head: tuple[bytes, ...] = ()
    lines: tuple[bytes, ...] = ()
    body: bytes = b""
    max_forwards: int = 70
    heard: bool = False
    key: bytes | None = None


class Begun(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call without an answer: the caller's INVITE as it came, our last provisional response, the status that he was
    told (`Leg.told`), what he has described last, and our key; who is rung for him."""

    invite: bytes
    answer: bytes = b""
    told: int = 0
    remote: bytes = b""
    key: bytes | None = None
    reliable: Reliable | None = None
    rung: tuple[Rung, ...] = ()


class Letter(msgspec.Struct, frozen=True, omit_defaults=True):
    """See above; `begun` by call id."""

    open: frozenset[str] = frozenset()
    begun: dict[str, Begun] = {}


def write(endpoint: Endpoint, legs: Iterable[Leg], calls: Iterable[Call]) -> Letter:
    """The letter of an exchange that has stopped reading. `legs` are all whose dialogs are not forgotten."""
    waits = {leg.tag for leg in legs if leg.usage.accepted is not None}
    for client in endpoint.clients.values():
        if not client.finished and isinstance(client.owner, InviteUsage):
            waits.add(client.owner.dialog.local_tag)
    for server in endpoint.servers.values():
        if server.state is COMPLETED and server.timer is not None:
            waits.add(server.to_tag)
    begun = {call.id: value for call in calls if (value := _begun(call)) is not None}
    return Letter(frozenset(waits), begun)


def _begun(call: Call) -> Begun | None:
    caller = call.legs.get(CALLER)
    if call.state.answered_at is not None or caller is None:
        return None
    txn, provisionals = caller.usage.server, caller.usage.provisionals
    if txn is None or txn.finished:
        return None
    remote, quiet = caller.sound.remote, call.early.leg is None and provisionals is None
    return Begun(
        txn.request.raw,
        txn.response_bytes,
        caller.told,
        sdp.write(remote) if remote is not None else b"",
        caller.sound.key,
        _reliable(provisionals) if provisionals is not None else None,
        tuple(_rung(leg) for leg in call.legs.values() if quiet and _goes_on(leg)),
    )


def _reliable(value: Provisionals) -> Reliable:
    return Reliable(value.rseq, value.data, value.described, value.offering, value.settled, value.acked)


def _goes_on(leg: Leg) -> bool:
    """Whether an INVITE can be gone on with as if nothing had happened: it is on its way, and nothing was agreed on
    before the answer."""
    usage = leg.usage
    waits = usage.client is not None and usage.state in (CALLING, EARLY) and usage.client.flow == usage.flow
    return leg.index != CALLER and waits and not usage.forks and leg.sound.remote is None


def _rung(leg: Leg) -> Rung:
    usage, client = leg.usage, leg.usage.client
    assert client is not None
    lines, body, max_forwards = usage.sent
    heard = usage.state is EARLY
    head = _bytes(client.lines)
    return Rung(leg.index, client.request_bytes, head, _bytes(lines), body, max_forwards, heard, leg.sound.key)


def _bytes(lines: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(line.encode("utf-8", "surrogateescape") for line in lines)


def handed(rung: Rung) -> Handed:
    """The same for the wire."""
    return Handed(rung.request, _texts(rung.head), (_texts(rung.lines), rung.body, rung.max_forwards), rung.heard)


def _texts(lines: Sequence[bytes]) -> list[str]:
    return [line.decode("utf-8", "surrogateescape") for line in lines]
