"""The steps of `switch.sip.message.parse`, and the checks that a request must pass before anybody acts on it.

Parsing does what routing needs and no more: one decode of the head, one split into lines, one pass that files raw
values under interned names, and the body cut by Content-Length. `check_request` reads what RFC 3261 makes mandatory;
the values it reads stay cached in the message, so they are read once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import KEYS, MAGIC_COOKIE, SINGLE, header_key, is_token
from switch.sip.uri import Uri

if TYPE_CHECKING:
    from switch.sip.message import Request

MAX_MESSAGE = 65535
MAX_HEADERS = 256
MAX_LINE = 8192
MAX_REQUEST_URI = 2048

#: Methods that people send; others are looked at more closely.
METHODS = frozenset(
    ("INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "PRACK", "UPDATE", "INFO", "SUBSCRIBE", "NOTIFY",
     "REFER", "MESSAGE", "PUBLISH")
)  # fmt: skip

_STATUSES = {str(status): status for status in range(100, 700)}

FOLD = re.compile(r"\r\n[ \t]+")
STRAY = re.compile(r"\r(?!\n)|(?<!\r)\n")
_VERSION = re.compile(r"[Ss][Ii][Pp]/[0-9]+\.[0-9]+")

#: Raw values by header key; a list only where a header came more than once.
Index = dict[str, str | list[str]]
#: What is wrong: the status and text to answer.
Fault = tuple[int, str]
FOLDED: Fault = (0, "folded")


def file_headers(lines: list[str], index: Index) -> Fault | None:
    """File each line's value under its key. The first fault is returned and the rest still read, to allow an answer.

    Stops with FOLDED at a line that goes on from the one before: few messages have any, so nobody looks for them first.
    """
    fault: Fault | None = None
    key_of = KEYS.get
    for line in lines:
        name, gap, value = line.partition(": ")
        key = key_of(name) if gap else None
        if key is None:
            # Not as nearly everybody writes it.
            try:
                name, value = line.split(":", 1)
                key = header_key(name)
            except (ValueError, RemoteProtocolError):
                if line[:1] in (" ", "\t"):
                    return FOLDED
                fault = fault or (400, "Malformed header line")
                continue
        if key in index:
            known = index[key]
            value = value.strip(" \t")
            if key in SINGLE:
                fault = fault or (400, f"Duplicate {name.strip()}")
            elif known.__class__ is list:
                known.append(value)
            else:
                index[key] = [known, value]  # type: ignore[list-item]
        else:
            index[key] = value.strip(" \t")
    return fault


def cut_body(index: Index, rest: bytes) -> tuple[bytes, Fault | None]:
    """The body by Content-Length (RFC 3261 section 18.3); without that header, all that is left of the datagram."""
    text = index.get("content-length")
    if text is None:
        return rest, None
    if isinstance(text, list):
        if len(set(text)) > 1:
            return b"", (400, "Conflicting Content-Length")
        text = text[0]
    if text == "0":
        return b"", None
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        return b"", (400, "Malformed Content-Length")
    length = int(text)
    if length > len(rest):
        return rest, (400, "Content-Length larger than the message")
    return (rest if length == len(rest) else rest[:length]), None


def status_line(line: str) -> tuple[int, str]:
    version, _, rest = line.partition(" ")
    code, _, reason = rest.partition(" ")
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        raise RemoteProtocolError(505, "Version Not Supported")
    status = _STATUSES.get(code)
    if status is None:
        raise RemoteProtocolError(400, "Malformed status code")
    return status, reason


def request_line(line: str) -> tuple[str, str, Fault | None]:
    """Method, Request-URI, fault. The method is empty where the line is no request at all and gets no answer."""
    parts = line.split(" ")
    method = parts[0]
    version = parts[-1]
    if len(parts) != 3 or version != "SIP/2.0":
        version = line.rstrip(" \t").rpartition(" ")[2]
        if not is_token(method) or not _VERSION.fullmatch(version):
            return "", "", (400, "Malformed request line")
        if version.upper() != "SIP/2.0":
            return method, "", (505, "Version Not Supported")
        if len(parts) != 3:
            return method, "", (400, "Malformed request line")
    if method not in METHODS and not is_token(method):
        return "", "", (400, "Malformed method")
    uri = parts[1]
    if len(uri) > MAX_REQUEST_URI:
        return method, "", (414, "Request-URI Too Long")
    if not uri or "<" in uri or ":" not in uri or "\t" in uri or '"' in uri:
        return method, "", (400, "Malformed Request-URI")
    return method, uri, None


def check_request(request: Request) -> None:
    """All that RFC 3261 wants of a request before it is acted on. Raises RemoteProtocolError with the status to answer.

    Missing Max-Forwards, branch or From tag pass: RFC 2543 clients send none. What depends on what we offer (405, 415,
    416, 420) is the core's.
    """
    check_8_1_1_mandatory_headers(request)
    check_8_1_1_5_cseq_method(request)
    check_8_1_1_7_branch(request)
    check_8_1_1_8_contact(request)
    check_19_1_1_request_uri(request)
    check_16_3_max_forwards(request)


def check_8_1_1_mandatory_headers(request: Request) -> None:
    """RFC 3261 section 8.1.1: Via, From, To, Call-ID and CSeq are there and can be read."""
    _ = request.branch, request.from_tag, request.to_tag, request.call_id, request.cseq


def check_8_1_1_5_cseq_method(request: Request) -> None:
    """RFC 3261 section 8.1.1.5: the CSeq names the request's own method."""
    if request.cseq_method != request.method:
        raise RemoteProtocolError(400, "CSeq method does not match")


def check_8_1_1_7_branch(request: Request) -> None:
    """RFC 3261 section 8.1.1.7: after the magic cookie the branch says something (RFC 4475 section 3.2.1)."""
    if request.branch == MAGIC_COOKIE:
        raise RemoteProtocolError(400, "Empty branch")


def check_8_1_1_8_contact(request: Request) -> None:
    """RFC 3261 sections 8.1.1.8 and 20.10: Contacts can be read; `*` stands alone, and in REGISTER only."""
    contacts = request.contacts
    for contact in contacts:
        if contact.uri == "*" and (len(contacts) > 1 or request.method != "REGISTER"):
            raise RemoteProtocolError(400, "Malformed Contact")


def check_19_1_1_request_uri(request: Request) -> None:
    """RFC 3261 section 19.1.1: the Request-URI can be read and carries no headers. Its scheme is the core's concern."""
    request.request_uri = uri = Uri.parse(request.uri)
    if uri.headers is not None:
        raise RemoteProtocolError(400, "Headers in the Request-URI")


def check_16_3_max_forwards(request: Request) -> None:
    """RFC 3261 section 16.3, step 3: what would have to be forwarded and may not be gets 483.

    OPTIONS and REGISTER end here, as do requests inside a dialog, so they pass; an ACK or CANCEL is never refused.
    """
    if request.max_forwards != 0:
        return
    if request.method not in ("OPTIONS", "REGISTER", "ACK", "CANCEL") and request.to_tag is None:
        raise RemoteProtocolError(483, "Too Many Hops")
