"""Session timers (RFC 4028): a dialog that nobody refreshes ends, so that no call outlives a far end that is gone.

One side is the refresher: at half of the interval it sends an UPDATE, or a re-INVITE with the session as it is. The
other waits until shortly before the end. Each leg of a call has a timer of its own.

    agreed --half of the interval, we refresh--> due, and due again in half of what is left, until
           --a 2xx with Session-Expires, either way--> agreed anew
           --the interval is over (theirs: a third of it, at most 32 s, earlier)--> lapsed: BYE
           --a 2xx without Session-Expires--> no timer

All here is decided on values: what a request asks for and what the settings allow. A peer that does not know the
extension is left in peace. What was agreed is a fact of the call, which the journal keeps.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from switch.sip.message import Request, Response
from switch.sip.reliable import lowered
from switch.sip.timer import Timer

FLOOR_S = 90
"""Nobody may ask for less (section 5)."""
CEILING_S = 2**31 - 1


class SessionSettings(msgspec.Struct, frozen=True):
    """What we ask for and accept, in seconds. `interval_s` 0: no session timers."""

    interval_s: int = 1800
    min_s: int = FLOOR_S

    @property
    def lines(self) -> tuple[str, ...]:
        """The header lines of a first INVITE of ours."""
        return (f"Session-Expires: {self.interval_s}", *([f"Min-SE: {self.min_s}"] if self.min_s > FLOOR_S else []))


class Session(msgspec.Struct):
    """What was agreed on in a dialog. `ours`: we refresh. `deadline` is monotonic; `fresh` until it was recorded."""

    interval_s: int
    ours: bool
    deadline: float = 0.0
    fresh: bool = True
    timer: Timer | None = None

    def stop(self) -> None:
        """Nothing more is waited for."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def begin(self, now: float, elapsed_s: float = 0.0) -> float:
        """Set the deadline, `elapsed_s` after the agreement; returns when the timer is due for the first time."""
        whole = self.interval_s
        early = 0.0 if self.ours else min(32.0, whole / 3)
        self.deadline = now - elapsed_s + whole - early
        return now - elapsed_s + whole / 2 if self.ours else self.deadline

    def next(self, now: float) -> float:
        """When to look again after the timer was due: each time half of what is left, and at the deadline."""
        left = self.deadline - now
        return self.deadline if not self.ours or left < 8.0 else now + left / 2

    def as_uac(self, least_s: int = 0) -> list[str]:
        """The header lines of a request of ours in the dialog: the roles stay as they are (section 7.4). `least_s`: the
        Min-SE that a 422 has asked for."""
        interval_s = max(self.interval_s, least_s)
        lines = ["Supported: timer", f"Session-Expires: {interval_s};refresher={'uac' if self.ours else 'uas'}"]
        return [*lines, f"Min-SE: {least_s}"] if least_s > FLOOR_S else lines

    def as_uas(self) -> list[str]:
        """The header lines of a 2xx of ours. Who has to refresh must know that he is relied on (section 9)."""
        line = f"Session-Expires: {self.interval_s};refresher={'uas' if self.ours else 'uac'}"
        return [line] if self.ours else [line, "Require: timer"]


def too_small(request: Request, settings: SessionSettings) -> list[str]:
    """The header lines of the 422 that the request is to be refused with; empty when it is not."""
    if not settings.interval_s or request.header("Session-Expires") is None:
        return []
    asked, _ = _expires(request)
    if 0 < asked < settings.min_s and _knows(request):
        return [f"Min-SE: {settings.min_s}"]
    return []


def answering(request: Request, settings: SessionSettings) -> Session | None:
    """What we agree to, as UAS, in the 2xx for `request` (section 9, table 2). None: no timer."""
    expires = request.header("Session-Expires")
    if not settings.interval_s or (expires is None and request.header("Supported") is None):
        return None
    knows = _knows(request)
    asked, refresher = _expires(request) if expires is not None else (0, "")
    if not asked:
        if not knows:
            return None
        asked = settings.interval_s
    # It may be made shorter, but not below what the request sets as the least, nor longer.
    least = max(FLOOR_S, _seconds(request.header("Min-SE")))
    interval = max(min(asked, settings.interval_s), least)
    return Session(interval, not knows or refresher != "uac")


def agreed(response: Response) -> Session | None:
    """What the 2xx to a request of ours says (section 7.2). None: no timer."""
    if response.header("Session-Expires") is None:
        return None
    interval, refresher = _expires(response)
    return Session(max(interval, FLOOR_S), refresher != "uas") if interval else None


def longer_lines(lines: Sequence[str], least_s: int) -> list[str]:
    """The header lines of a first INVITE, to be sent again with a longer interval (section 7.3)."""
    kept = [line for line in lines if not line.startswith(("Session-Expires:", "Min-SE:"))]
    return [*kept, f"Session-Expires: {least_s}", f"Min-SE: {least_s}"]


def wanted(response: Response) -> int:
    """The least interval that a 422 asks for; 0 when it does not say."""
    return _seconds(response.header("Min-SE"))


def _knows(request: Request) -> bool:
    return "timer" in lowered(request, "Supported") or "timer" in lowered(request, "Require")


def _expires(message: Request | Response) -> tuple[int, str]:
    value, *parameters = (message.header("Session-Expires") or "").split(";")
    for parameter in parameters:
        name, _, given = parameter.partition("=")
        if name.strip().lower() == "refresher":
            return _seconds(value), given.strip().lower()
    return _seconds(value), ""


def _seconds(value: str | None) -> int:
    digits = (value or "").partition(";")[0].strip()
    return min(int(digits), CEILING_S) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else 0
