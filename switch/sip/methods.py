"""The methods that are served, and how the others are refused: always with an answer, never with silence."""

from __future__ import annotations

SERVED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER")
ALLOW = "Allow: " + ", ".join(SERVED)

AGENT = "User-Agent: Ringplan"

_KNOWN = frozenset(("INFO", "MESSAGE", "PRACK", "UPDATE"))
_EVENTS = frozenset(("SUBSCRIBE", "NOTIFY", "PUBLISH"))


def refusal_of(method: str) -> tuple[int, list[str]]:
    """Status and header lines for a method that is not served.

    489 for anything about event packages, of which there are none yet (RFC 6665 section 4.2.1.4); 603 for REFER, which
    a phone shows as "transfer declined" (RFC 3515 section 2.4.2); 405 for a method that we know and 501 for one that we
    do not (RFC 3261 sections 8.2.1 and 21.5.2).
    """
    if method in _EVENTS:
        return 489, []
    if method == "REFER":
        return 603, []
    if method in _KNOWN or method in SERVED:
        return 405, [ALLOW]
    return 501, [ALLOW]
