"""Whether a caller asks not to be known to the called side (RFC 3323, RFC 3325).

Of what RFC 3323 lets a caller ask for, `header` and `session` are given to every call: each side sees our Via, Contact
and addresses for sound, and nothing of the other's. `id`, `user` and `history` are given by what is written into the
other side's INVITE (`switch/calls/trust.py`).
"""

from __future__ import annotations

from switch.sip.headers import is_token
from switch.sip.message import Request, Response
from switch.sip.uri import Uri

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""The From of who is not to be known (RFC 3323 section 4.1.1.3)."""
PRIVACY = "Privacy: id"
HIDING = frozenset(("id", "user"))
"""With these a telephone hides its number."""
HIDING_IN_NETWORKS = HIDING | {"header"}
"""With these a carrier does: gateways write a restricted number so (ITU-T Q.1912.5)."""
_IDENTITY = frozenset(("p-asserted-identity", "privacy"))
_POSSIBLE = frozenset(("id", "user", "header", "session", "history", "none", "critical"))


def is_anonymous(uri: Uri) -> bool:
    """Whether the URI stands for nobody in particular."""
    return uri.host.lower() == "anonymous.invalid" or (uri.user_text or "").lower() == "anonymous"


def wishes(request: Request | Response) -> frozenset[str]:
    """What the Privacy header asks for, in lower case. Commas are met in place of semicolons."""
    values = request.all("Privacy")
    if not values:
        return frozenset()
    words = ";".join(values).lower().replace(",", ";").split(";")
    return frozenset(word for each in words if (word := each.strip()))


def withheld(request: Request, hiding: frozenset[str] = HIDING) -> bool:
    """Whether the request asks that its sender be hidden: by Privacy, or by an anonymous From. May raise
    RemoteProtocolError 400 where From cannot be read."""
    if request.header("Privacy") is not None and not hiding.isdisjoint(wishes(request)):
        return True
    sender = request.from_value.lower()
    return ("anonymous" in sender or "%" in sender) and is_anonymous(Uri.parse(request.from_.uri))


def asserted(response: Response) -> tuple[str, bool]:
    """How a 2xx names who has answered (P-Asserted-Identity), empty when it does not; and whether it asks that he be
    hidden."""
    if not response.has_any(_IDENTITY):
        return "", False
    return response.header("P-Asserted-Identity") or "", not HIDING_IN_NETWORKS.isdisjoint(wishes(response))


def impossible(request: Request) -> tuple[str, ...]:
    """What the request asks for as critical and nobody knows here: it is to be refused with 500 (RFC 3323 section
    5)."""
    if request.header("Privacy") is None:
        return ()
    asked = wishes(request)
    if "critical" not in asked:
        return ()
    return tuple(sorted(word if is_token(word) else "?" for word in asked - _POSSIBLE))
