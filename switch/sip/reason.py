"""Why a request or response ends a call, in the Reason header (RFC 3326), as far as it may pass from leg to leg."""

from __future__ import annotations

import re

from switch.sip.message import Request, Response

_PASSED = re.compile(r"(?:SIP|Q\.850)[ \t]*(?:;[ \t]*[!-~\t -]{1,200})?", re.IGNORECASE)
MOST = 2


def reasons_of(message: Request | Response) -> tuple[str, ...]:
    """The message's Reason header lines that the other side may see: the two known protocols, and few of them."""
    if message.header("Reason") is None:
        return ()
    values = message.values("Reason")
    return tuple(f"Reason: {value}" for value in values[:MOST] if _PASSED.fullmatch(value))
