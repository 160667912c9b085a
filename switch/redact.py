"""Taking secrets out of SIP text and log values: what remains can be sent to a stranger for help.

Digest answers and nonces, passwords in URIs and SDP keys (RFC 4568) always go. Digits that somebody keyed (INFO
bodies) go too, since they may be a PIN.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_DIGEST = re.compile(
    r"^((?:Proxy-|WWW-)?(?:Authorization|Authenticate|Authentication-Info))(\s*:)(.*(?:\r?\n[ \t].*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_PARAMETER = re.compile(
    r'\b(response|nonce|cnonce|nextnonce|rspauth|opaque)(\s*=\s*)("(?:[^"\\]|\\.)*"|[^\s,]+)', re.IGNORECASE
)
_BEARER = re.compile(r"^(\s*(?:Bearer|Basic)\s+)\S+", re.IGNORECASE)
_URI_PASSWORD = re.compile(r"\b(sips?:[^\s:@<>;]+):[^\s@<>]+@", re.IGNORECASE)
_SDP_KEY = re.compile(r"(a=crypto:\d+ \S+ inline:)\S+|(a=ice-pwd:)\S+|(k=\w+:)\S+")
_DTMF_TYPE = re.compile(
    r"^(?:Content-Type|c)\s*:\s*application/(?:dtmf|vnd\.nortelnetworks)", re.IGNORECASE | re.MULTILINE
)
_SECRET_KEYS = ("password", "secret", "authorization", "nonce", "ha1", "token", "pin")


def sip(text: str) -> str:
    """A SIP message as text, without what is secret in it."""
    text = _DIGEST.sub(
        lambda m: m[1] + m[2] + _BEARER.sub(rf"\1{HIDDEN}", _PARAMETER.sub(rf"\1\2{HIDDEN}", m[3])), text
    )
    text = _URI_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    text = _SDP_KEY.sub(lambda m: (m[1] or m[2] or m[3]) + HIDDEN, text)
    if _DTMF_TYPE.search(text):
        head, blank, _ = text.partition("\r\n\r\n")
        text = head + blank + HIDDEN
    return text


def values(event: dict[str, Any]) -> dict[str, Any]:
    """A log event without secrets: values under a secret's name, and SIP text anywhere."""
    for key, value in event.items():
        if any(word in key.lower() for word in _SECRET_KEYS):
            event[key] = HIDDEN
        elif isinstance(value, str) and ("=" in value or "sip" in value):
            event[key] = _PARAMETER.sub(rf"\1\2{HIDDEN}", sip(value))
    return event
