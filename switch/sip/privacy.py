"""Whether a caller asks not to be known to the called side (RFC 3323, RFC 3325)."""

from __future__ import annotations

from switch.sip.message import Request
from switch.sip.uri import Uri

ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""The From of who is not to be known (RFC 3323 section 4.1.1.3)."""
PRIVACY = "Privacy: id"
_HIDING = frozenset(("id", "user"))


def is_anonymous(uri: Uri) -> bool:
    """Whether the URI stands for nobody in particular."""
    return uri.host.lower() == "anonymous.invalid" or (uri.user_text or "").lower() == "anonymous"


def withheld(request: Request) -> bool:
    """Whether the request asks that its sender be hidden: by Privacy, or by an anonymous From. Raises
    RemoteProtocolError 400 where From cannot be read."""
    for value in request.all("Privacy"):
        if not _HIDING.isdisjoint(each.strip() for each in value.lower().replace(",", ";").split(";")):
            return True
    return is_anonymous(Uri.parse(request.from_.uri))
