"""How calls and legs end, as values: what goes into the record, and what each side is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dialplan.plan import Outcome
from dialplan.termination import Reason, Result, Termination

UNACKNOWLEDGED = Termination(Result.FAILED, Reason.PROTOCOL_ERROR, 504)
CANCELLED = Termination(Result.CANCELLED, Reason.CALLER_CANCELLED, 487)
NOT_ACCEPTABLE = Termination(Result.FAILED, Reason.MEDIA_REFUSED, 488)
UNAVAILABLE = Termination(Result.FAILED, Reason.INTERNAL_ERROR, 503)

CONGESTED = ('Reason: Q.850;cause=34;text="No circuit available"',)

CLEARED = ('Reason: Q.850;cause=16;text="Normal call clearing"',)
"""A service of ours has said what there was to say."""

BYE_REASON: Mapping[Reason, Sequence[str]] = MappingProxyType(
    {
        Reason.MEDIA_TIMEOUT: ('Reason: SIP;cause=408;text="no sound received"',),
        Reason.MEDIA_LOST: ('Reason: SIP;cause=503;text="media server lost"',),
        Reason.MEDIA_REFUSED: ('Reason: SIP;cause=488;text="no common codec"',),
        Reason.SESSION_EXPIRED: ('Reason: SIP;cause=408;text="session timer expired"',),
        Reason.DURATION_LIMIT: ('Reason: Q.850;cause=31;text="call duration limit"',),
        Reason.OPERATOR: ('Reason: SIP;cause=503;text="ended by the operator"',),
        # RFC 4411: generic preemption.
        Reason.PREEMPTED: ('Reason: preemption;cause=3;text="an emergency call needs the channel"',),
    }
)
"""The Reason header lines of a BYE that is our own idea (RFC 3326)."""

_LEG_ENDINGS = {
    Outcome.BUSY: (Result.BUSY, Reason.BUSY),
    Outcome.NO_ANSWER: (Result.NO_ANSWER, Reason.NO_ANSWER),
    Outcome.REJECTED: (Result.REJECTED, Reason.REJECTED),
    Outcome.OUTAGE: (Result.UNREACHABLE, Reason.OUTAGE),
}
_STOPPED = {Reason.BUSY: Result.BUSY, Reason.NO_ANSWER: Result.NO_ANSWER, Reason.REJECTED: Result.REJECTED}
_OURS_ALONE = frozenset((401, 407, 420, 421, 422))
"""What a telephone says to us about our INVITE, and means nothing to the caller; nor does a 3xx."""


def leg_ending(outcome: Outcome, status: int) -> Termination:
    """The ending of a called leg that failed with `status`."""
    return Termination(*_LEG_ENDINGS[outcome], status)


def stopped(reason: Reason) -> Termination:
    """The ending of a called leg that rings no more."""
    return Termination(_STOPPED.get(reason, Result.CANCELLED), reason, 487)


def for_caller(termination: Termination) -> Termination:
    """The ending as the caller is told: 480 for a status that he could make nothing of."""
    if termination.sip_status >= 400 and termination.sip_status not in _OURS_ALONE:
        return termination
    return Termination(termination.result, termination.reason, 480)
