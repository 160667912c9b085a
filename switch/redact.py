"""Taking secrets out of SIP text and log values: what remains can be sent to a stranger for help.

Digest answers and nonces, passwords in URIs and SDP keys (RFC 4568) always go, and those of account codes that are
dialled with the number. Digits that somebody keyed (INFO bodies) go too, since they may be a PIN.
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
_SDP_KEY = re.compile(r"(a=crypto:[^\r\n]*?inline:)[^\r\n]+|(a=ice-pwd:|a=key-mgmt:)[^\r\n]+|(k=\w+:)\S+")
_DTMF_TYPE = re.compile(
    r"^(?:Content-Type|c)\s*:\s*application/(?:dtmf|vnd\.nortelnetworks)", re.IGNORECASE | re.MULTILINE
)
_D = r"(?:[0-9().-]|%3[0-9]|%2[0de89]|%5F)+"
_ACCOUNT = re.compile(
    rf'((?:[*#]|%2A|%23){_D}(?:\*|%2A){_D}(?:\*|%2A))(?!%23)[^#@;<>"\s]+?(?=%23|[#@;<>"\s]|$)', re.IGNORECASE
)
"""Code, account and password as they are dialled: `*11*4711*1234#5555555`, escaped or not (CST-2)."""
_SECRET_KEYS = ("password", "secret", "authorization", "nonce", "ha1", "token", "pin")


def sip(text: str) -> str:
    """A SIP message as text, without what is secret in it."""
    text = _DIGEST.sub(
        lambda m: m[1] + m[2] + _BEARER.sub(rf"\1{HIDDEN}", _PARAMETER.sub(rf"\1\2{HIDDEN}", m[3])), text
    )
    text = _URI_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    text = dialled(text)
    text = _SDP_KEY.sub(lambda m: (m[1] or m[2] or m[3]) + HIDDEN, text)
    if _DTMF_TYPE.search(text):
        head, blank, _ = text.partition("\r\n\r\n")
        text = head + blank + HIDDEN
    return text


def dialled(text: str) -> str:
    """What was dialled, wherever it stands in a text, without the passwords of account codes."""
    return _ACCOUNT.sub(rf"\1{HIDDEN}", text) if "*" in text or "%2" in text else text


def shown(text: str, digits: str, as_: str) -> str:
    """A text in which those digits were dialled, escaped or not, with what may be shown of them."""
    written = "".join(f"(?:{re.escape(each)}|%{ord(each):02x})" for each in digits)
    return re.sub(written, lambda _: as_, dialled(text), flags=re.IGNORECASE) if digits else dialled(text)


def values(event: dict[str, Any]) -> dict[str, Any]:
    """A log event without secrets: values under a secret's name, and SIP text anywhere."""
    for key, value in event.items():
        if any(word in key.lower() for word in _SECRET_KEYS):
            event[key] = HIDDEN
        elif isinstance(value, str) and ("=" in value or "sip" in value or "*" in value):
            event[key] = _PARAMETER.sub(rf"\1\2{HIDDEN}", sip(value))
    return event
