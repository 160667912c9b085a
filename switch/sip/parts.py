"""What we look for in a message's body, mostly a session description, may be one part of several (RFC 5621, RFC 2046
section 5.1).

Carriers put an ISUP part beside the description, telephones in trouble their place (RFC 6442). Only `multipart/mixed`
is taken apart, one level deep and few parts; what the other parts say is passed by, whatever their handling: a call
with sound serves its user better than a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from switch.sip.message import Request, Response

SDP = "application/sdp"
SDP_LINE = "Content-Type: application/sdp"
MIXED = "multipart/mixed"
MAX_PARTS = 8
_BOUNDARY = re.compile(r';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"\\]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)


class Part(NamedTuple):
    """One part of a body: its header lines, and what it holds."""

    head: str
    content: bytes


def mixed(parts: Iterable[Part], boundary: str) -> bytes:
    """A body of several parts (RFC 2046 section 5.1); `boundary` occurs in none of them."""
    edge = f"--{boundary}".encode()
    pieces = (b"%b\r\n%b\r\n\r\n%b\r\n" % (edge, part.head.encode(), part.content) for part in parts)
    return b"".join(pieces) + edge + b"--\r\n"


def type_line(body: bytes) -> str:
    """The Content-Type of a body of ours: a session description, or several parts as `mixed` makes them."""
    if not body.startswith(b"--"):
        return SDP_LINE
    boundary = body[2 : body.index(b"\r\n")].decode()
    return f'Content-Type: {MIXED};boundary="{boundary}"'


def holds_offer(body: bytes) -> bool:
    """Whether a body of ours, of either kind, holds a session description."""
    return SDP.encode() in body if body.startswith(b"--") else bool(body)


def session_description(message: Request | Response) -> bytes:
    """The SDP in the body; empty when there is none, or several, or none that we can read."""
    if not message.body:
        return b""
    kind = message.content_type
    if kind == SDP:
        return message.body
    found = _among_parts(message, SDP) if kind == MIXED else ()
    return found[0] if len(found) == 1 else b""


def bodies(message: Request | Response, kind: str) -> list[bytes]:
    """What there is of a kind (in lower case) in the body: all of it, or some of its parts."""
    if not message.body:
        return []
    given = message.content_type
    if given == kind:
        return [message.body]
    return _among_parts(message, kind) if given == MIXED else []


def understood(request: Request) -> bool:
    """Whether the body is one that we take, or there is none; else 415 is to be answered (RFC 3261 section 8.2.3)."""
    if not request.body:
        return True
    encoding = (request.header("Content-Encoding") or "identity").lower()
    return encoding == "identity" and session_description(request) != b""


def _among_parts(message: Request | Response, kind: str) -> list[bytes]:
    found = _BOUNDARY.search(message.header("Content-Type") or "")
    if found is None:
        return []
    boundary = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "surrogateescape")
    pieces = (b"\r\n" + message.body).split(boundary, MAX_PARTS + 1)
    if len(pieces) > MAX_PARTS + 1 and not pieces[-1].startswith(b"--"):
        return []
    contents = []
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        padding, _, part = piece.partition(b"\r\n")
        head, found_end, content = (b"\r\n" + part).partition(b"\r\n\r\n")
        if not padding.strip(b" \t") and found_end and _is(kind, head):
            contents.append(content)
    return contents


def _is(wanted: str, head: bytes) -> bool:
    """Whether the header lines of a part say that it is of that kind, as it is."""
    kind, encoding = b"text/plain", b"binary"
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        match name.strip():
            case b"content-type" | b"c":
                kind = value.partition(b";")[0].strip()
            case b"content-transfer-encoding":
                encoding = value.strip()
    return kind == wanted.encode() and encoding in (b"7bit", b"8bit", b"binary")
