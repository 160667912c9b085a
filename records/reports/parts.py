"""What a call's record means to a user, for all reports alike: one logical call counts once for each user.

    outbound    the user called, whatever line that was on, and policy let it pass (UPR-4)
    inbound     it was offered to the user: called by name, rung as a member or delegate, or sent to the own mailbox
    answered    outbound: the far end answered, somebody or a service of ours, but not a refusal in words (UPR-6);
                inbound: the user talked in it (UPR-7)

Who called is never called by the same call. What a telephone dials for itself is no call: feature codes, service
numbers, a park slot. Times are those of the user's legs, from the answer to the end. A leg that came out of another
call (a transfer, a parked call that was taken) goes on there as what it was: the caller's is outbound.
"""

from __future__ import annotations

from records.cdr import CallRecord, LegRecord
from records.roles import acting, answered_by, called, caller_of, rings_on

NO_CALL = ("feature:", "service:", "park:")
"""What is dialled without calling anybody."""
POLICY = frozenset(("not_permitted", "blocked"))
"""Reasons of a call that policy did not let pass."""
REFUSAL = "refused:"
"""A service that tells the caller why not."""
MAILBOX = "voicemail:"
ANONYMOUS = ""


def outbound(record: CallRecord) -> str:
    """The user whose attempt it was; empty: of nobody here, or none that counts."""
    if record.goal.startswith(NO_CALL) or record.reason in POLICY:
        return ""
    return caller_of(record)


def inbound(record: CallRecord) -> set[str]:
    """The users that it was offered to; not those whom another call rings on for."""
    return set() if rings_on(record) else (offered(record) | mailboxes(record)) - {caller_of(record)}


def offered(record: CallRecord) -> set[str]:
    """The users who were called by name or rung."""
    return {*called(record), *(acting(leg) for leg in record.legs if leg.leg and not leg.of)} - {""}


def mailboxes(record: CallRecord) -> set[str]:
    """Which it came to, whether a message was left or not: users', and those that are nobody's own."""
    reached = (stop.entity for stop in record.path if stop.how == "answered")
    return {entity.removeprefix(MAILBOX) for entity in reached if entity.startswith(MAILBOX)}


def talkers(record: CallRecord) -> set[str]:
    """The users who answered, or took it; empty for somebody outside."""
    return {acting(leg) for leg in answered_by(record)}


def got_through(record: CallRecord) -> bool:
    """Whether the far end answered."""
    if record.answered_at is None:
        return False
    return bool(answered_by(record)) or not record.service.startswith(REFUSAL)


def caller(record: CallRecord) -> str:
    """The caller's number for counting; all anonymous callers are one."""
    return ANONYMOUS if record.hidden else record.caller_number


def is_outbound(leg: LegRecord) -> bool:
    """Whether the leg is one that called."""
    return leg.was == 0 if leg.of else leg.leg == 0


def percent(part: int, whole: int) -> float | None:
    """To a tenth; None for a part of nothing ("n/a")."""
    return round(100 * part / whole, 1) if whole else None
