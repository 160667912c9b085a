"""The session timer of one dialog at work: what `session_timer.py` decides is agreed on, waited for and asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.sip import session_timer
from switch.sip.leg_events import Lapsed, LegEvent, RefreshDue
from switch.sip.message import Request
from switch.sip.session_timer import Session

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

MAX_SESSION_S = 86400
"""A far end that wants the session refreshed less often than once a day is taken for one in error."""


def agree(usage: InviteUsage, session: Session | None, now: float, elapsed_s: float = 0.0) -> None:
    """Take what was agreed on, or that nothing was; `elapsed_s` ago."""
    if usage.session is not None:
        usage.session.stop()
    usage.session = session
    if session is not None:
        due = session.begin(now, elapsed_s)
        session.timer = usage.endpoint.timers.start(max(due, now), usage.owner, session)


def agree_to(usage: InviteUsage, request: Request, now: float) -> list[str]:
    """As UAS: agree to what the request asks for; the header lines of the 2xx."""
    session = session_timer.answering(request, usage.sessions) if usage.sessions is not None else None
    if session is None and usage.session is None:
        return []
    agree(usage, session, now)
    return session.as_uas() if session is not None else []


def longer(usage: InviteUsage, least_s: int) -> bool:
    """After a 422: ask for no less than `least_s` from now on. False when that is not longer than it was."""
    before = max(usage.least_s, usage.session.interval_s if usage.session is not None else 0)
    if not before < least_s <= MAX_SESSION_S:
        return False
    usage.least_s = least_s
    return True


def due(usage: InviteUsage, session: Session, now: float) -> LegEvent | None:
    """The timer fired: it is on us to refresh, or the interval is over."""
    if now >= session.deadline:
        usage.session = None
        return Lapsed()
    session.timer = usage.endpoint.timers.start(session.next(now), usage.owner, session)
    return RefreshDue() if session.ours else None
