"""What a message is, seen from a few of its octets; and a refusal made from those alone.

Who has no time to parse every message must still tell what keeps a call going from what would begin another one. So
nothing here decodes, checks or remembers: a regular expression or two over the head, always in time linear to its
length, whatever a stranger has put into it. What does not look like a request is `OTHER`, never an exception.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal
from urllib.parse import unquote_to_bytes

from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow
from switch.sip.headers import Via, stamp_via

Kind = Literal["response", "following", "invite", "register", "other"]
"""`following` belongs to something that has begun: ACK, BYE, CANCEL, PRACK, and whatever has a tag in To."""

LONGEST_HEAD = 16384
"""So many octets are looked through for the headers of a message."""
LONGEST_VALUE = 4096
MOST_VIAS = 70
"""As Max-Forwards would have it."""
_FOLLOWING = frozenset((b"ACK", b"BYE", b"CANCEL", b"PRACK", b"UPDATE"))
_TO = re.compile(rb"\r\n(?:[Tt][Oo]|[Tt])[ \t]*:((?:[^\r\n]|\r\n[ \t])*)")
_TAG = re.compile(rb";\s*[Tt][Aa][Gg]\s*=\s*([^;,\s]*)")
_LINES = re.compile(rb"\r\n(via|v|from|f|to|t|call-id|i|cseq)[ \t]*:((?:[^\r\n]|\r\n[ \t])*+)(?=\r\n)", re.IGNORECASE)
_SHORT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id"}
_FOLD = re.compile(rb"\r\n[ \t]+")
_BODY_BEGINS = b"\r\n\r\n"
_TAG_BEGINS = b"shed"


def glance(data: bytes) -> Kind:
    """What kind of message this is."""
    if data[:8] == b"SIP/2.0 ":
        return "response"
    method = data[:16].partition(b" ")[0]
    if method in _FOLLOWING or _to_tag(data):
        return "following"
    if method == b"INVITE":
        return "invite"
    return "register" if method == b"REGISTER" else "other"


def dialled(data: bytes) -> str:
    """Whom the Request-URI names: the user of a `sip:` URI, the number of a `tel:`, a `urn:` as a whole; unescaped.
    Empty where there is no such."""
    uri = data[:1024].partition(b"\r\n")[0].split(b" ")[1:2]
    if not uri:
        return ""
    scheme, _, rest = uri[0].partition(b":")
    scheme = scheme.lower()
    if scheme == b"urn":
        user = uri[0]
    elif scheme == b"tel":
        user = rest.partition(b";")[0]
    elif scheme in (b"sip", b"sips") and b"@" in rest:
        # Parameters may stand in the user part, too (sip:911;phone-context=x@h), and a password, which nobody uses.
        user = rest.partition(b"@")[0].partition(b";")[0].partition(b":")[0]
    else:
        return ""
    return unquote_to_bytes(user).decode("utf-8", "replace")


def refusal(data: bytes, flow: Flow, least_s: int, spread_s: int) -> tuple[bytes, Flow] | None:
    """A 503 for a request, and the flow that it goes by; None for what cannot be answered, a copy's answer is the same.

    Retry-After is `least_s` and up to `spread_s` seconds more, by the Call-ID, lest all come back at once.
    """
    head = data[:LONGEST_HEAD]
    end = head.find(_BODY_BEGINS)
    found: dict[bytes, bytes] = {}
    vias: list[bytes] = []
    for match in _LINES.finditer(head, 0, end + 2 if end >= 0 else len(head)):
        name, value = match[1].lower(), match[2]
        name = _SHORT.get(name, name)
        if len(value) > LONGEST_VALUE or b"\0" in value:
            return None
        value = _FOLD.sub(b" ", value).strip(b" \t")
        if name == b"via":
            vias.append(value)
        elif name in found:
            return None
        else:
            found[name] = value
    if not 0 < len(vias) <= MOST_VIAS or len(found) != 4 or not all(found.values()):
        return None
    try:
        vias[0], back = _way_back(vias[0], flow)
    except (RemoteProtocolError, UnicodeEncodeError):
        return None
    call_id = found[b"call-id"]
    to = found[b"to"]
    if not _TAG.search(to, to.rfind(b">") + 1):
        to += b";tag=" + _own_tag(call_id)
    lines = [
        b"SIP/2.0 503 Service Unavailable",
        *(b"Via: " + via for via in vias),
        b"From: " + found[b"from"],
        b"To: " + to,
        b"Call-ID: " + call_id,
        b"CSeq: " + found[b"cseq"],
        b"Retry-After: %d" % (least_s + zlib.crc32(call_id) % (spread_s + 1)),
        b"Content-Length: 0",
        b"\r\n",
    ]
    return b"\r\n".join(lines), back


def acknowledges_refusal(data: bytes) -> bool:
    """Whether this is the ACK for a `refusal`: nobody waits for it."""
    if data[:4] != b"ACK ":
        return False
    tag = _to_tag(data)
    if tag[: len(_TAG_BEGINS)] != _TAG_BEGINS:
        return False
    head = data[:LONGEST_HEAD]
    for match in _LINES.finditer(head):
        if match[1].lower() in (b"call-id", b"i"):
            return tag == _own_tag(_FOLD.sub(b" ", match[2]).strip(b" \t"))
    return False


def _to_tag(data: bytes) -> bytes:
    """The tag in To, empty where there is none."""
    found = _TO.search(data, 0, LONGEST_HEAD)
    if found is None:
        return b""
    value = found[1]
    tag = _TAG.search(value, value.rfind(b">") + 1)
    return tag[1] if tag is not None else b""


def _own_tag(call_id: bytes) -> bytes:
    return _TAG_BEGINS + b"%08x" % zlib.crc32(call_id)


def _way_back(raw: bytes, flow: Flow) -> tuple[bytes, Flow]:
    """The top Via as stamped, and where the answer goes (RFC 3261 18.2, RFC 3581); as `Endpoint` does it."""
    text = raw.decode("utf-8", "surrogateescape")
    host, port = flow.remote
    first, comma, rest = text.partition(",")
    stamped = stamp_via(first.rstrip(), host, port) + comma + rest
    back = flow
    if not flow.reliable:
        via = Via.parse(first)
        reply = via.port or 5060
        if via.param("rport") is None and reply != port:
            back = Flow(flow.transport, flow.local, (host, reply))
    return stamped.encode("utf-8", "surrogateescape"), back
