"""Why a request or response ends a call, in the Reason header (RFC 3326), as far as it may pass from leg to leg."""

from __future__ import annotations

import re
from collections.abc import Sequence

from switch.sip.message import Request, Response

_PASSED = re.compile(r"(?:SIP|Q\.850)[ \t]*(?:;[ \t]*[!-~\t -]{1,200})?", re.IGNORECASE)
_NAME = "Reason: "
MOST = 2


def reasons_of(message: Request | Response) -> tuple[str, ...]:
    """The message's Reason header lines that the other side may see: the two known protocols, and few of them."""
    if message.header("Reason") is None:
        return ()
    values = message.values("Reason")
    return tuple(f"{_NAME}{value}" for value in values[:MOST] if _PASSED.fullmatch(value))


def cause_of(lines: Sequence[str]) -> str:
    """The lines of `reasons_of` as one text for the record, such as `Q.850;cause=16`."""
    return ", ".join(line.removeprefix(_NAME) for line in lines) if lines else ""
