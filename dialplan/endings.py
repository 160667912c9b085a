"""What an outcome comes to: several taken together (FWD-6), the call's ending where no rule says more (FWD-7), what a
carrier said, and the steps that only end a call."""

from __future__ import annotations

from collections.abc import Iterable

from dialplan.plan import Collect, Feature, Outcome, Reject, Service
from dialplan.termination import Reason, Result, Termination

LOOP = Termination(Result.FAILED, Reason.LOOP, 482)
DONE = Termination(Result.ANSWERED, Reason.CALLEE_HUNG_UP, 200)
UNDONE = Termination(Result.FAILED, Reason.MEDIA_REFUSED, 488)
GIVEN_UP = Termination(Result.CANCELLED, Reason.CALLER_CANCELLED, 487)
LEFT = Termination(Result.ANSWERED, Reason.CALLER_HUNG_UP, 200)

ENDINGS = {
    Outcome.BUSY: Termination(Result.BUSY, Reason.BUSY, 486),
    Outcome.NO_ANSWER: Termination(Result.NO_ANSWER, Reason.NO_ANSWER, 480),
    Outcome.REJECTED: Termination(Result.REJECTED, Reason.REJECTED, 480),
    Outcome.OUTAGE: Termination(Result.UNREACHABLE, Reason.OUTAGE, 480),
}

_RESULTS = dict.fromkeys(Reason, Result.FAILED) | {
    Reason.NOT_FOUND: Result.REFUSED,
    Reason.INCOMPLETE_NUMBER: Result.REFUSED,
    Reason.NOT_PERMITTED: Result.REFUSED,
    Reason.BLOCKED: Result.REFUSED,
    Reason.OVERLOAD: Result.REFUSED,
    Reason.CONGESTION: Result.REFUSED,
    Reason.NO_ROUTE: Result.UNREACHABLE,
    Reason.OUTAGE: Result.UNREACHABLE,
    Reason.UNAVAILABLE: Result.UNREACHABLE,
    Reason.BUSY: Result.BUSY,
    Reason.NO_ANSWER: Result.NO_ANSWER,
    Reason.REJECTED: Result.REJECTED,
}

_OUTCOMES = dict.fromkeys(Reason, Outcome.REJECTED) | {
    Reason.BUSY: Outcome.BUSY,
    Reason.NO_ANSWER: Outcome.NO_ANSWER,
    Reason.OUTAGE: Outcome.OUTAGE,
    Reason.NO_ROUTE: Outcome.OUTAGE,
    Reason.CONGESTION: Outcome.OUTAGE,
    Reason.UNAVAILABLE: Outcome.OUTAGE,
}

_KNOWN = {404: Reason.NOT_FOUND, 410: Reason.NOT_FOUND, 604: Reason.NOT_FOUND, 484: Reason.INCOMPLETE_NUMBER}


def aggregate(outcomes: Iterable[Outcome]) -> Outcome:
    """What several contacts or branches come to together (FWD-6). Nobody at all is an outage (FWD-4)."""
    seen = set(outcomes)
    if Outcome.NO_ANSWER in seen:
        return Outcome.NO_ANSWER
    if Outcome.BUSY in seen:
        return Outcome.BUSY
    if Outcome.REJECTED in seen:
        return Outcome.REJECTED
    return Outcome.OUTAGE


def rejection(step: Reject) -> Termination:
    """How a `Reject` ends the call."""
    return Termination(_RESULTS[step.reason], step.reason, step.status)


def rejection_of_one(step: Reject) -> Outcome:
    """What a `Reject` means in a branch, where the others ring on."""
    return _OUTCOMES[step.reason]


def unavailable(step: Service) -> Termination:
    """A step that nothing carries out: 403 where something was asked of the exchange, else 480."""
    if isinstance(step, Feature | Collect):
        return Termination(Result.REFUSED, Reason.UNAVAILABLE, 403)
    return Termination(Result.UNREACHABLE, Reason.UNAVAILABLE, 480)


def carrier_ending(outcome: Outcome, status: int, *, congested: bool, emergency: bool) -> Termination:
    """A carrier's word about the number reaches the caller; its troubles do not. `status` is the last that one sent.

    503 would make the telephone give up this exchange (RFC 3263 section 4.3), so it is kept for the one case in which
    that is wanted: an emergency call that none of our routes could take.
    """
    # Such a word may have led to the next route (`failover`): it is the caller's all the same when it was the last one.
    last_word = outcome is Outcome.OUTAGE and status in _KNOWN and not emergency
    if last_word or (outcome is Outcome.REJECTED and 400 <= status < 700):
        status = 500 if status == 503 else status
        return Termination(Result.REJECTED, _KNOWN.get(status, Reason.REJECTED), status)
    if outcome is Outcome.OUTAGE and (congested or emergency):
        reason = Reason.CONGESTION if congested else Reason.OUTAGE
        return Termination(Result.UNREACHABLE, reason, 503 if emergency else 480)
    return ENDINGS[outcome]
