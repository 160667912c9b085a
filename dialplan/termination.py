"""How a call or a leg ended: one value from a closed list, for the CDR, the SIP answer and the operator."""

from __future__ import annotations

import enum

import msgspec


class Result(enum.StrEnum):
    """The coarse result, as a report groups it."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"


class Reason(enum.StrEnum):
    """Why, exactly. Closed: a new ending is a new member here, never free text."""

    CALLER_HUNG_UP = "caller_hung_up"
    CALLEE_HUNG_UP = "callee_hung_up"
    CALLER_CANCELLED = "caller_cancelled"
    COMPLETED_ELSEWHERE = "completed_elsewhere"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    OUTAGE = "outage"
    NOT_FOUND = "not_found"
    INCOMPLETE_NUMBER = "incomplete_number"
    NOT_PERMITTED = "not_permitted"
    BLOCKED = "blocked"
    NO_ROUTE = "no_route"
    LOOP = "loop"
    UNAVAILABLE = "unavailable"
    """The step that the plan came to, such as a mailbox, has nothing that carries it out."""
    MEDIA_TIMEOUT = "media_timeout"
    MEDIA_REFUSED = "media_refused"
    MEDIA_LOST = "media_lost"
    DIALOG_LOST = "dialog_lost"
    SESSION_EXPIRED = "session_expired"
    DURATION_LIMIT = "duration_limit"
    TRANSFERRED = "transferred"
    """A leg that has transferred its call away; a call whose front has gone into another call by a transfer."""
    JOINED = "joined"
    """A call whose caller has gone into another call: he has taken a parked or held one, or replaced somebody."""
    PARK_ENDED = "park_ended"
    """Nobody took the parked call, and nobody could be told of it."""
    ROOM_CLOSED = "room_closed"
    """The conference was ended by its chair, or by the end of another member's call."""
    SERVICE_ENDED = "service_ended"
    """A mailbox, menu or announcement has come to its end and hung up."""
    OVERLOAD = "overload"
    CONGESTION = "congestion"
    PREEMPTED = "preempted"
    PROTOCOL_ERROR = "protocol_error"
    OPERATOR = "operator"
    CRASH_BEFORE_ANSWER = "crash_before_answer"
    INTERNAL_ERROR = "internal_error"


class Termination(msgspec.Struct, frozen=True, gc=False):
    """The ending of a call or of one leg.

    `sip_status` is the final status that the leg received or was sent; 200 for a call that was answered and hung up.
    """

    result: Result
    reason: Reason
    sip_status: int
