"""Header names and the shapes of the headers that routing reads: address headers, Via, comma lists (RFC 3261 20, 25).

Nothing here knows a whole message. Every parser raises RemoteProtocolError(400) and nothing else.
"""

from __future__ import annotations

import re
from sys import intern

import msgspec

from switch.sip.errors import RemoteProtocolError

Params = tuple[tuple[str, str | None], ...]

MAGIC_COOKIE = "z9hG4bK"


def _words(text: str) -> list[str]:
    return text.split()


_CANONICAL = _words("""
Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization
Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date
Diversion Error-Info Event Expires Flow-Timer From Geolocation History-Info Identity Identity-Info In-Reply-To Join
Max-Forwards MIME-Version Min-Expires Min-SE Organization P-Access-Network-Info P-Asserted-Identity P-Asserted-Service
P-Called-Party-ID P-Charging-Vector P-Early-Media P-Preferred-Identity Path Priority Privacy Proxy-Authenticate
Proxy-Authorization Proxy-Require RAck Reason Record-Route Recv-Info Refer-Sub Refer-To Referred-By Reject-Contact
Remote-Party-ID Replaces Reply-To Request-Disposition Require Retry-After Route RSeq Server Service-Route
Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State Supported Target-Dialog Timestamp To Unsupported
User-Agent User-to-User Via Warning WWW-Authenticate
""")
_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject",
    "t": "to", "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip

#: Header key (interned lower case) to the spelling that we write.
CANONICAL: dict[str, str] = {intern(name.lower()): intern(name) for name in _CANONICAL}
#: Spellings met in the wild, compact ones too, to the header key. Anything else goes through `header_key`.
KEYS: dict[str, str] = {
    spelling: key for key, name in CANONICAL.items() for spelling in (name, key, name.title(), name.upper())
}
KEYS |= {s: intern(key) for letter, key in _COMPACT.items() for s in (letter, letter.upper())}

#: Headers whose value is a comma separated list, so that several lines are the same as one (RFC 3261 section 7.3.1).
LISTS = frozenset(
    intern(name.lower())
    for name in _words("""
Accept Accept-Contact Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Call-Info Contact Content-Encoding
Content-Language Diversion Error-Info Geolocation History-Info In-Reply-To P-Asserted-Identity P-Preferred-Identity
Path Proxy-Require Reason Record-Route Recv-Info Reject-Contact Remote-Party-ID Request-Disposition Require Route
Service-Route Supported Unsupported Via Warning
""")
)
#: Headers that may stand once only; a second one leaves it open which counts.
SINGLE = frozenset(
    intern(name.lower())
    for name in _words("""
Call-ID Content-Type CSeq Event Expires From Max-Forwards Min-Expires Min-SE RAck Refer-To Replaces RSeq
Session-Expires Subscription-State To
""")
)

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_LIST_ITEM = re.compile(r'(?:[^,"<]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"|<[^>]*+>)*+', re.DOTALL)
# The last but one group takes the shape that nearly all addresses have, one tag and no more.
_NAME_ADDR = re.compile(
    r'(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)"[ \t]*+|([^"<>]*+))<([A-Za-z][A-Za-z0-9+.\-]*+:[^<>\s"]*+)>'
    r'(?:;tag=([^;,<>"\s]++)|[ \t]*+(;.*+)?)',
    re.DOTALL,
)
_ADDR_SPEC = re.compile(r'([A-Za-z][A-Za-z0-9+.\-]*+:[^<>\s",;?]++)[ \t]*+(;.*+)?', re.DOTALL)
_VIA = re.compile(
    r"(?:SIP/2\.0/|[Ss][Ii][Pp][ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+)([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++"
    r"([A-Za-z0-9._\-]++|\[[0-9A-Fa-f:.]++\])[ \t]*+(?::[ \t]*+([0-9]{1,5})[ \t]*+)?+(;.*+)?+",
    re.DOTALL,
)
# What nearly all messages carry, told from the rest by one look each: the sent-by, in lower case, and branch of a Via;
# the tag of a From or To. Text that these let pass is text that the longer expressions above read the same way.
USUAL_VIA = re.compile(
    r"SIP/2\.0/[A-Z]{2,4} ([a-z0-9._\-]++(?::(?:[1-5][0-9]{4}|[1-9][0-9]{0,3}))?)(?:;rport)?;branch=([^;=,<>\"\s]++)"
    r"(?:;rport(?:=[0-9]++)?)?(?:;received=[0-9.]++)?"
).fullmatch
USUAL_ADDRESS = re.compile(
    r'(?:"[^"\\]*+" ?|[^"<>]*+)<[A-Za-z][A-Za-z0-9+.\-]*+:[^<>\s"]*+>(?:;tag=([^;,<>"\s]++))?'
).fullmatch
USUAL_CONTACT = re.compile(r'<([A-Za-z][A-Za-z0-9+.\-]*+:[^<>\s",]*+)>').fullmatch
# Whatever is no plain parameter lands in the third group, and the slower expression below has a look.
_PLAIN_PARAM = re.compile(r';([^;=,<>"\s]++)(?:=([^;,<>"\s]++))?+|(.)', re.DOTALL)
_PARAM = re.compile(
    r'[ \t]*+;[ \t]*+([^;=,<>"\s]++)[ \t]*+(?:=[ \t]*+("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^;,<>"\s]++)[ \t]*+)?', re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 3261 section 25.1): a method, a header name."""
    return _TOKEN.fullmatch(text) is not None


def header_key(name: str) -> str:
    """The key under which header `name` is filed: lower case, compact form resolved. Raises when it is no token."""
    key = KEYS.get(name)
    if key is not None:
        return key
    lower = name.rstrip(" \t").lower()
    key = KEYS.get(lower)
    if key is not None:
        return key
    if not is_token(lower):
        raise RemoteProtocolError(400, "Malformed header name")
    return lower


def split_list(text: str) -> list[str]:
    """The items of a comma list, trimmed; commas in quotes and in <> do not count, empty items are left out."""
    if "," not in text:
        text = text.strip(" \t")
        return [text] if text else []
    if '"' not in text and "<" not in text:
        return [item for part in text.split(",") if (item := part.strip(" \t"))]
    items, at, end = [], 0, len(text)
    while True:
        match = _LIST_ITEM.match(text, at)
        stop = match.end() if match else at
        if stop < end and text[stop] != ",":
            raise RemoteProtocolError(400, "Malformed list (quotes or <> left open)")
        if item := text[at:stop].strip(" \t"):
            items.append(item)
        if stop >= end:
            return items
        at = stop + 1


def unquote(text: str) -> str:
    """The content of a quoted string, its escapes resolved; other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    text = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", text) if "\\" in text else text


def quote(text: str) -> str:
    """`text` as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_params(text: str) -> Params:
    """`;name=value;name` as pairs, values as written (quotes stay). Raises on empty names or values and on junk."""
    params: list[tuple[str, str | None]] = []
    for name, value, junk in _PLAIN_PARAM.findall(text):
        if junk:
            break
        params.append((name, value or None))
    else:
        return tuple(params)
    found, at, end = [], 0, len(text)
    while at < end:
        match = _PARAM.match(text, at)
        if match is None:
            raise RemoteProtocolError(400, "Malformed header parameters")
        found.append((match[1], match[2]))
        at = match.end()
    return tuple(found)


def find_param(params: Params, name: str) -> str | None:
    """The value of the parameter `name` (give it in lower case), unquoted; "" without a value, None when absent."""
    for key, value in params:
        if key == name or key.lower() == name:
            return "" if value is None else unquote(value)
    return None


def delta_seconds(text: str, malformed: int = 3600) -> int:
    """A number of seconds, at most 2**32 - 1; `malformed` for what is none (RFC 3261 section 10.2.1.1)."""
    text = text.strip(" \t")
    if not (text.isascii() and text.isdigit()):
        return malformed
    text = text.lstrip("0")
    return min(int(text or "0"), 0xFFFFFFFF) if len(text) <= 10 else 0xFFFFFFFF


def retry_after(value: str | None) -> float:
    """The seconds of a Retry-After value (20.33); 0 for none, or one that cannot be read."""
    if value is None:
        return 0.0
    digits = value.split(";", 1)[0].split("(", 1)[0].strip()
    return float(digits) if digits.isdecimal() and len(digits) < 8 else 0.0


class NameAddr(msgspec.Struct, frozen=True, gc=False):
    """The value of From, To, Contact, Route …: display name (quotes and escapes resolved), address, parameters."""

    display: str
    uri: str
    params: Params = ()

    @staticmethod
    def parse(text: str) -> NameAddr:
        """Read `"Display" <uri>;params` or the bare form, whose `;` belongs to the header (RFC 3261 section 20.10)."""
        match = _NAME_ADDR.fullmatch(text)
        if match is not None:
            quoted, plain, uri, tag, tail = match.groups()
            if quoted is None:
                display = plain.strip(" \t")
            else:
                display = _QUOTED_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
            if tag is not None:
                return NameAddr(display, uri, (("tag", tag),))
            return NameAddr(display, uri, parse_params(tail) if tail else ())
        match = _ADDR_SPEC.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(400, "Malformed address")
        return NameAddr("", match[1], parse_params(match[2]) if match[2] else ())

    def param(self, name: str) -> str | None:
        """The header parameter `name` (lower case), unquoted; "" without a value, None when absent."""
        return find_param(self.params, name)

    @property
    def tag(self) -> str | None:
        """The dialog tag."""
        return find_param(self.params, "tag")

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{format_params(self.params)}"


class Via(msgspec.Struct, frozen=True, gc=False):
    """One hop. `transport` in upper case; `host` as written (IPv6 in brackets); `port` None when not given."""

    transport: str
    host: str
    port: int | None
    params: Params = ()

    @staticmethod
    def parse(text: str) -> Via:
        """Read one Via value (RFC 3261 section 20.42)."""
        match = _VIA.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(400, "Malformed Via")
        transport, host, digits, tail = match.groups()
        port = None
        if digits is not None:
            port = int(digits)
            if not 0 < port < 65536:
                raise RemoteProtocolError(400, "Malformed Via (port)")
        return Via(transport.upper(), host, port, parse_params(tail) if tail else ())

    def param(self, name: str) -> str | None:
        """The parameter `name` (lower case); "" without a value, None when absent."""
        return find_param(self.params, name)

    @property
    def branch(self) -> str | None:
        """The transaction's branch; None for an RFC 2543 client that sends none."""
        return find_param(self.params, "branch")

    @property
    def received(self) -> str | None:
        """The source address that a server noted; brackets around IPv6 are taken off (RFC 5118 section 4.5)."""
        text = find_param(self.params, "received")
        return text.strip("[]") if text else text

    @property
    def has_rport(self) -> bool:
        """Whether the client asks for symmetric response routing (RFC 3581), be the port filled in or not."""
        return find_param(self.params, "rport") is not None

    @property
    def rport(self) -> int | None:
        """The source port that a server filled in."""
        text = find_param(self.params, "rport")
        if not text or len(text) > 5 or not (text.isascii() and text.isdigit()):
            return None
        return int(text)

    @property
    def sent_by(self) -> str:
        """host:port in lower case, for matching (RFC 3261 section 17.2.3)."""
        return f"{self.host.lower()}:{self.port}" if self.port is not None else self.host.lower()

    def __str__(self) -> str:
        port = f":{self.port}" if self.port is not None else ""
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_params(self.params)}"


def format_params(params: Params) -> str:
    """Parameters back as text, each behind its semicolon."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def stamp_via(raw_top_via: str, host: str, port: int) -> str:
    """The top Via with where the request really came from (RFC 3261 section 18.2.1, RFC 3581 section 4).

    `rport` is filled in if the client sent it; `received` is added when it did, or when `host` is not what the client
    wrote. What the client itself wrote into either is not believed. `host` is a bare address, also for IPv6.
    """
    via = Via.parse(raw_top_via)
    params: list[tuple[str, str | None]] = []
    symmetric = claimed = False
    for name, value in via.params:
        key = name.lower()
        if key == "rport":
            symmetric = True
            params.append((name, str(port)))
        elif key == "received":
            claimed = True
        else:
            params.append((name, value))
    if symmetric or via.host.strip("[]").lower() != host.lower():
        params.append(("received", host))
    elif not claimed:
        return raw_top_via
    sent_by = via.host if via.port is None else f"{via.host}:{via.port}"
    return f"SIP/2.0/{via.transport} {sent_by}{format_params(tuple(params))}"
