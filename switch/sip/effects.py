"""What an endpoint wants done, as values: packets to send, and what the core is to know. Drained in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from switch.sip.flow import Flow
from switch.sip.message import Request, Response

if TYPE_CHECKING:
    from switch.sip.transaction import ClientTransaction, ServerTransaction


class Send(msgspec.Struct, frozen=True, gc=False):
    """Put `data` on the wire, as one datagram or into the stream."""

    flow: Flow
    data: bytes


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A new request, sane as far as every method needs; the core owes it a final response."""

    txn: ServerTransaction
    request: Request


class AckReceived(msgspec.Struct, frozen=True, gc=False):
    """The ACK for a 2xx, perhaps not the first copy. No transaction and no answer (RFC 3261 section 13.3.1.4)."""

    request: Request
    flow: Flow


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    """A CANCEL met this unanswered INVITE and has got its 200; the INVITE wants a 487 (RFC 3261 section 9.2).

    `reasons` are those Reason header lines of the CANCEL that may be passed on."""

    txn: ServerTransaction
    reasons: tuple[str, ...] = ()


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A response to a request of ours, provisional or final; also each further 2xx to an INVITE (RFC 6026)."""

    txn: ClientTransaction
    response: Response


class TimedOut(msgspec.Struct, frozen=True, gc=False):
    """No final response came (408 to the core, RFC 3261 section 8.1.3.1), or no ACK to a refusal of ours (17.2.1)."""

    txn: ClientTransaction | ServerTransaction


class Failed(msgspec.Struct, frozen=True, gc=False):
    """The flow broke under an unfinished transaction (503 to the core, RFC 3261 section 8.1.3.1)."""

    txn: ClientTransaction | ServerTransaction


class Stray(msgspec.Struct, frozen=True, gc=False):
    """A 2xx to an INVITE that no transaction waits for; somebody may think himself in a call."""

    response: Response
    flow: Flow


Effect = Send | Incoming | AckReceived | Cancelled | Answered | TimedOut | Failed | Stray
