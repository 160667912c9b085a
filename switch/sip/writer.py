"""From values to bytes: the one place that writes messages. A line break inside a value is an error here, so that
nothing a peer sent can become a header of ours."""

from __future__ import annotations

from collections.abc import Iterable

from switch.sip.errors import LocalProtocolError, RemoteProtocolError
from switch.sip.message import Request

#: Reason phrases by status: RFC 3261 section 21 and the extensions that we speak.
REASONS: dict[int, str] = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    199: "Early Dialog Terminated", 200: "OK", 202: "Accepted", 204: "No Notification", 300: "Multiple Choices",
    301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
    410: "Gone", 412: "Conditional Request Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 417: "Unknown Resource-Priority",
    420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
    424: "Bad Location Information", 428: "Use Identity Header", 429: "Provide Referrer Identity",
    430: "Flow Failed", 433: "Anonymity Disallowed", 436: "Bad Identity Info", 437: "Unsupported Credential",
    438: "Invalid Identity Header", 439: "First Hop Lacks Outbound Support", 440: "Max-Breadth Exceeded",
    469: "Bad Info Package", 470: "Consent Needed", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
    485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 493: "Undecipherable", 494: "Security Agreement Required", 500: "Server Internal Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out",
    505: "Version Not Supported", 513: "Message Too Large", 555: "Push Notification Service Not Supported",
    580: "Precondition Failure", 600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere",
    606: "Not Acceptable", 607: "Unwanted", 608: "Rejected",
}  # fmt: skip


def request(method: str, uri: str, lines: list[str], body: bytes = b"") -> bytes:
    """A request from its header lines ("Name: value", in order, without Content-Length, which is added here)."""
    if " " in uri or not uri:
        raise LocalProtocolError(f"no Request-URI: {uri!r}")
    return _join([f"{method} {uri} SIP/2.0", *lines], body)


def response(
    request: Request,
    status: int,
    reason: str | None = None,
    to_tag: str | None = None,
    lines: Iterable[str] = (),
    body: bytes = b"",
    via_top: str | None = None,
    copy_record_route: bool = False,
) -> bytes:
    """A response to `request` (RFC 3261 section 8.2.6): its Via, From, To, Call-ID and CSeq as they came, then `lines`.

    `to_tag` is added where To has none. `via_top` replaces the top Via, once received and rport are filled in.
    `copy_record_route` also copies Record-Route, for the responses that make a dialog (section 12.1.1). Works on a
    request that failed its checks too: what is missing is left out.
    """
    index = request._index
    if reason is None:
        reason = REASONS.get(status, "")
    head = [f"SIP/2.0 {status} {reason}"]
    via = index.get("via")
    if via.__class__ is str and (via_top is None or "," not in via):
        head.append(f"Via: {via_top or via}")
    elif via is not None:
        head += _vias(request, via_top)
    if copy_record_route and "record-route" in index:
        head += [f"Record-Route: {value}" for value in request.all("record-route")]
    if "from" in index:
        head.append(f"From: {index['from']}")
    if "to" in index:
        head.append(f"To: {index['to']};tag={to_tag}" if to_tag and _lacks_tag(request) else f"To: {index['to']}")
    if "call-id" in index:
        head.append(f"Call-ID: {index['call-id']}")
    if "cseq" in index:
        head.append(f"CSeq: {index['cseq']}")
    head += lines
    return _join(head, body)


def _vias(request: Request, via_top: str | None) -> list[str]:
    if via_top is None:
        return [f"Via: {value}" for value in request.all("via")]
    return [f"Via: {via_top}", *(f"Via: {value}" for value in request.vias[1:])]


def _lacks_tag(request: Request) -> bool:
    try:
        return request.to_tag is None
    except RemoteProtocolError:
        return False


def _join(lines: list[str], body: bytes) -> bytes:
    """The lines and what every message ends with, as one message."""
    # One search through all of them: most writing is of messages without fault, and this is done for each.
    flat = "".join(lines)
    if "\n" in flat or "\r" in flat:
        bad = [line for line in lines if "\n" in line or "\r" in line]
        raise LocalProtocolError(f"line break in {bad!r}")
    lines.append(f"Content-Length: {len(body)}\r\n\r\n")
    try:
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
    except UnicodeEncodeError as error:
        raise LocalProtocolError("text that cannot be written") from error
