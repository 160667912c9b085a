"""The methods that are served, and how the others are refused: always with an answer, never with silence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from switch.sip.message import Request, Response

SERVED = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "REFER", "INFO", "SUBSCRIBE")
ALLOW = "Allow: " + ", ".join(SERVED)

EXTENSIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "INVITE": ("100rel", "timer", "replaces"),
        "UPDATE": ("timer",),
        "PRACK": ("100rel",),
        "OPTIONS": ("100rel", "timer", "replaces", "path", "outbound"),
        "REGISTER": ("path", "outbound"),
        "REFER": ("norefersub", "nosub"),
    }
)
"""Option tags that a request may require of us, by method (RFC 3262, 4028, 3327, 5626, 4488, 7614); the rest is 420."""
SUPPORTED = "Supported: 100rel, timer, replaces, norefersub"
SUPPORTED_ALL = "Supported: 100rel, timer, replaces, norefersub, path, outbound"
ACCEPT = "Accept: application/sdp, multipart/mixed"
CAPABILITIES = (ALLOW, ACCEPT, "Accept-Encoding: identity", "Accept-Language: en", SUPPORTED_ALL)
"""What OPTIONS is answered with, in a dialog or not (RFC 3261 section 11.2)."""

SIPS_NOT_ALLOWED = 'Warning: 380 ringplan "SIPS Not Allowed"'
"""Beside a 480: what is addressed by sips: cannot be reached by TLS alone (RFC 5630 section 5.3)."""

AGENT = "User-Agent: Ringplan"

_KNOWN = frozenset(("MESSAGE",))
_EVENTS = frozenset(("SUBSCRIBE", "NOTIFY", "PUBLISH"))


def allows_update(message: Request | Response) -> bool:
    """Whether the sender takes UPDATE (RFC 3311 section 4)."""
    allowed = message.header("Allow")
    return allowed is not None and "UPDATE" in allowed


def refusal_of(method: str) -> tuple[int, list[str]]:
    """Status and header lines for a method that is not served.

    489 for anything about event packages, where none is served (RFC 6665 section 4.2.1.4); 403 for REFER outside
    a dialog, as we call nobody for those who do not talk with us; 405 for a method that we know and 501 for one that we
    do not (RFC 3261 sections 8.2.1 and 21.5.2).
    """
    if method in _EVENTS:
        return 489, []
    if method == "REFER":
        return 403, []
    if method in _KNOWN or method in SERVED:
        return 405, [ALLOW]
    return 501, [ALLOW]
