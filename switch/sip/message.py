"""A SIP message: raw header values in order, read when first asked for and then kept (RFC 3261 section 7).

`parse` makes messages, with the steps of `switch.sip.parser`. A message is never changed nor copied. A header that
cannot be read raises RemoteProtocolError(400) at the first question for it, naming the header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from switch.sip.errors import RemoteProtocolError
from switch.sip.headers import (
    CANONICAL,
    KEYS,
    LISTS,
    USUAL_ADDRESS,
    USUAL_CONTACT,
    USUAL_VIA,
    NameAddr,
    Via,
    delta_seconds,
    header_key,
    split_list,
)
from switch.sip.parser import (
    FOLD,
    FOLDED,
    MAX_HEADERS,
    MAX_LINE,
    MAX_MESSAGE,
    METHODS,
    STRAY,
    Fault,
    Index,
    cut_body,
    file_headers,
    request_line,
    status_line,
)
from switch.sip.uri import Uri


class Message:
    """What requests and responses have in common.

    Values of headers are read when first asked for and then stand in the message's `__dict__` (`_Reader`), so a second
    question costs no more than an attribute. What every message is asked for is read ahead, in one go, where it has the
    shape that nearly all have (`_read_ahead`). What every message has stands in slots, which are quicker still.
    """

    __slots__ = ("__dict__", "_index", "_lines", "body", "raw")

    raw: bytes
    """The datagram or framed message as it came."""
    body: bytes
    """The body, cut by Content-Length."""
    _lines: list[str]
    _index: Index
    header_lines: list[tuple[str, str]]
    """(name, raw value) in order; known names in canonical spelling, others as they came."""
    via: Via
    """The top Via."""
    vias: list[str]
    """All Via values raw, one a hop, top first."""
    branch: str | None
    """The top Via's branch."""
    sent_by: str
    """The top Via's sent-by in lower case, with its port if it has one."""
    from_value: str
    """The raw From value."""
    to_value: str
    """The raw To value."""
    from_: NameAddr
    to: NameAddr
    from_tag: str | None
    to_tag: str | None
    call_id: str
    cseq: int
    """CSeq's number, below 2**31."""
    cseq_method: str
    contacts: list[NameAddr]
    """All Contacts; `*` is a NameAddr whose uri is "*"."""
    routes: list[str]
    """All Route values raw, in order."""
    record_routes: list[str]
    """All Record-Route values raw, in order."""
    max_forwards: int | None
    expires: int | None
    """The Expires header in seconds; malformed counts as 3600 (RFC 3261 section 10.2.1.1)."""
    content_type: str
    """Content-Type in lower case without parameters; "" when there is none."""

    def __init__(self, raw: bytes, body: bytes, lines: list[str], index: Index) -> None:
        self.raw = raw
        self.body = body
        self._lines = lines
        self._index = index

    def header(self, name: str) -> str | None:
        """The first raw value of header `name` (any spelling, compact too), unfolded; None when there is none."""
        value = self._index.get(KEYS.get(name) or name.lower())
        return value[0] if value.__class__ is list else value  # type: ignore[return-value]

    def all(self, name: str) -> list[str]:
        """All raw values of header `name` in order, one a line, lists left whole."""
        value = self._index.get(KEYS.get(name) or name.lower())
        if value is None:
            return []
        return list(value) if isinstance(value, list) else [value]

    def values(self, name: str) -> list[str]:
        """All values of header `name` in order, with comma lists split where that header is a list."""
        key = KEYS.get(name) or name.lower()
        value = self._index.get(key)
        if value is None:
            return []
        if key not in LISTS:
            return list(value) if isinstance(value, list) else [value]
        if isinstance(value, list):
            return [item for line in value for item in split_list(line)]
        return split_list(value)

    def given(self, keys: tuple[str, ...]) -> tuple[str | list[str] | None, ...]:
        """What stands in these headers as it came, a list where one came more than once, so that a message can be
        compared with an earlier one; `keys` as in `CANONICAL`."""
        return tuple(map(self._index.get, keys))

    def has_any(self, keys: frozenset[str]) -> bool:
        """Whether at least one of these headers is there; `keys` as in `CANONICAL`."""
        return not keys.isdisjoint(self._index)

    def _required(self, key: str) -> str:
        value = self._index.get(key)
        if not value:
            raise RemoteProtocolError(400, f"Missing {CANONICAL[key]}")
        return value[0] if isinstance(value, list) else value


class Request(Message):
    """A request. `method` is case-sensitive; `uri` is the raw Request-URI, `request_uri` the same once it was read."""

    __slots__ = ("method", "uri")

    method: str
    uri: str
    request_uri: Uri

    def __init__(self, raw: bytes, body: bytes, lines: list[str], index: Index, method: str, uri: str) -> None:
        self.raw = raw
        self.body = body
        self._lines = lines
        self._index = index
        self.method = method
        self.uri = uri

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"


class Response(Message):
    """A response with its status code (100 to 699) and reason phrase, which may be empty."""

    __slots__ = ("reason", "status")

    def __init__(self, raw: bytes, body: bytes, lines: list[str], index: Index, status: int, reason: str) -> None:
        self.raw = raw
        self.body = body
        self._lines = lines
        self._index = index
        self.status = status
        self.reason = reason

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


def parse(data: bytes, max_bytes: int = MAX_MESSAGE) -> Request | Response:
    """One datagram or one framed message. Raises RemoteProtocolError, whose `request` is set if it can be answered.

    Octets after the body are ignored, as are line breaks before the start line (RFC 3261 sections 7.5 and 18.3).
    """
    if len(data) > max_bytes:
        raise RemoteProtocolError(513, "Message too large")
    head, gap, rest = data.partition(b"\r\n\r\n")
    if not head or head[0] in b"\r\n":
        head, gap, rest = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not gap:
        # Nothing may be acted on, but what is there is enough for an answer.
        cut = parse_head(head.rstrip(b"\r\n"), b"", data)
        raise RemoteProtocolError(400, "No end of headers", cut if isinstance(cut, Request) else None)
    return parse_head(head, rest, data)


def parse_head(head_bytes: bytes, rest: bytes, raw: bytes) -> Request | Response:
    """A head without its closing empty line, and what follows it. `parse` in all but the search for the head's end."""
    head = head_bytes.decode("utf-8", "surrogateescape")
    lines = head.split("\r\n")
    fault: Fault | None = None
    between = "".join(lines)  # to look for an octet is much cheaper than to count how often it is there
    if "\n" in between or "\r" in between:
        fault = (400, "Stray line break")
        lines = STRAY.sub(" ", head).split("\r\n")
    elif len(lines) > MAX_HEADERS + 1:
        # What is too much is not sent back either.
        del lines[MAX_HEADERS // 4 :]
        fault = (513, "Too many headers")
    elif len(head) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
        lines[1:] = [line for line in lines[1:] if len(line) <= MAX_LINE]
        fault = (513, "Header line too long")
    start = lines[0]
    del lines[0]
    index: Index = {}
    bad = file_headers(lines, index)
    if bad is FOLDED:
        start, *lines = FOLD.sub(" ", "\r\n".join((start, *lines))).split("\r\n")
        index = {}
        bad = file_headers(lines, index)
    fault = fault or bad
    body = rest
    if index.get("content-length") != str(len(rest)):
        body, bad = cut_body(index, rest)
        fault = fault or bad

    word = start.partition(" ")[0]
    if word == "SIP/2.0" or (word not in METHODS and word[:4].upper() == "SIP/"):
        if fault is not None:
            raise RemoteProtocolError(*fault)
        status, reason = status_line(start)
        response = Response(raw, body, lines, index, status, reason)
        _read_ahead(response, index)
        return response
    method, uri, bad = request_line(start)
    fault = bad or fault
    if fault is None:
        request = Request(raw, body, lines, index, method, uri)
        _read_ahead(request, index)
        _read_request_ahead(request, index)
        return request
    if not method:
        raise RemoteProtocolError(*fault)
    raise RemoteProtocolError(*fault, request=Request(raw, body, lines, index, method, uri))


def _read_ahead(message: Message, index: dict[str, Any]) -> None:
    """Fill the slots that every message is asked for, To, CSeq and the kind of the body, where they have their usual
    shape.

    Anything else, and anything wrong, is left for the readers below, at the first question.
    """
    to = index.get("to")
    if to:
        message.to_value = to
    if "record-route" not in index:
        message.record_routes = []
    cseq = index.get("cseq")
    if cseq:
        number, _, method = cseq.partition(" ")
        if len(number) < 10 and number.isascii() and number.isdigit() and method.isalpha():
            message.cseq = int(number)
            message.cseq_method = method
    if message.body and index.get("content-type") == "application/sdp":
        message.content_type = "application/sdp"


def _read_request_ahead(message: Request, index: dict[str, Any]) -> None:
    """The same for what a server asks for besides: top Via, From, To tag, Call-ID, Max-Forwards, Contact."""
    via = index.get("via")
    if via.__class__ is str and (match := USUAL_VIA(via)):
        message.sent_by, message.branch = match.groups()
    to = index.get("to")
    if to and (match := USUAL_ADDRESS(to)):
        message.to_tag = match[1]
    from_ = index.get("from")
    if from_ and (match := USUAL_ADDRESS(from_)):
        message.from_tag = match[1]
        message.from_value = from_
    call_id = index.get("call-id")
    if call_id and " " not in call_id and "\t" not in call_id:
        message.call_id = call_id
    if index.get("max-forwards") == "70":
        message.max_forwards = 70
    contact = index.get("contact")
    if contact is None:
        message.contacts = []
    elif contact.__class__ is str and (match := USUAL_CONTACT(contact)):
        message.contacts = [NameAddr("", match[1])]


def _header_lines(message: Message) -> list[tuple[str, str]]:
    pairs = []
    for line in message._lines:
        name, _, value = line.partition(":")
        name = name.rstrip(" \t")
        pairs.append((CANONICAL.get(header_key(name), name), value.strip(" \t")))
    return pairs


def _top_via(message: Message) -> Via:
    message.branch = (via := _via(message)).branch
    return via


def _branch(message: Message) -> str | None:
    message.via = via = _via(message)
    return via.branch


def _vias(message: Message) -> list[str]:
    message._required("via")
    found = message.values("via")
    if not found:
        raise RemoteProtocolError(400, "Missing Via")
    return found


def _via(message: Message) -> Via:
    value = message._required("via")
    if "," in value:
        found = split_list(value)
        if not found:
            raise RemoteProtocolError(400, "Malformed Via")
        value = found[0]
    return Via.parse(value)


def _address(message: Message, key: str) -> NameAddr:
    try:
        return NameAddr.parse(message._required(key))
    except RemoteProtocolError as error:
        text = error.text if error.text.startswith("Missing") else f"Malformed {CANONICAL[key]}"
        raise RemoteProtocolError(error.status, text) from None


def _from_tag(message: Message) -> str | None:
    message.from_ = address = _address(message, "from")
    return address.tag


def _to_tag(message: Message) -> str | None:
    usual = USUAL_ADDRESS(message._required("to"))
    if usual is not None:
        return usual[1]
    message.to = address = _address(message, "to")
    return address.tag


def _call_id(message: Message) -> str:
    value = message._required("call-id")
    if " " in value or "\t" in value:
        raise RemoteProtocolError(400, "Malformed Call-ID")
    return value


def _cseq_parts(message: Message) -> tuple[int, str]:
    parts = message._required("cseq").split()
    if len(parts) != 2:
        raise RemoteProtocolError(400, "Malformed CSeq")
    digits = parts[0]
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 20 or int(digits) >= 2**31:
        raise RemoteProtocolError(400, "Malformed CSeq")
    return int(digits), parts[1]


def _cseq(message: Message) -> int:
    number, message.cseq_method = _cseq_parts(message)
    return number


def _cseq_method(message: Message) -> str:
    message.cseq, method = _cseq_parts(message)
    return method


def _contacts(message: Message) -> list[NameAddr]:
    try:
        value = message._index.get("contact")
        if value and value.__class__ is str and "," not in value and value != "*":
            return [NameAddr.parse(value)]
        return [NameAddr("", "*") if item == "*" else NameAddr.parse(item) for item in message.values("contact")]
    except RemoteProtocolError as error:
        raise RemoteProtocolError(error.status, "Malformed Contact") from None


def _max_forwards(message: Message) -> int | None:
    value = message.header("max-forwards")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 20 or int(value) > 255:
        raise RemoteProtocolError(400, "Malformed Max-Forwards")
    return int(value)


def _expires(message: Message) -> int | None:
    value = message.header("expires")
    return None if value is None else delta_seconds(value)


def _content_type(message: Message) -> str:
    return (message.header("content-type") or "").partition(";")[0].strip(" \t").lower()


class _Reader:
    """Reads one header of a message at the first question. As it has no `__set__`, the value that is then in the
    message's `__dict__` comes before it; a `__getattr__` instead would make all attributes of a message slow."""

    __slots__ = ("_name", "_read")

    def __init__(self, name: str, read: Callable[[Any], Any]) -> None:
        self._name = name
        self._read = read

    def __get__(self, message: Message | None, owner: type) -> Any:
        if message is None:
            return self
        value = message.__dict__[self._name] = self._read(message)
        return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "header_lines": _header_lines,
    "request_uri": lambda m: Uri.parse(m.uri),
    "via": _top_via,
    "vias": _vias,
    "branch": _branch,
    "sent_by": lambda m: m.via.sent_by,
    "from_value": lambda m: m._required("from"),
    "to_value": lambda m: m._required("to"),
    "from_": lambda m: _address(m, "from"),
    "to": lambda m: _address(m, "to"),
    "from_tag": _from_tag,
    "to_tag": _to_tag,
    "call_id": _call_id,
    "cseq": _cseq,
    "cseq_method": _cseq_method,
    "contacts": _contacts,
    "routes": lambda m: m.values("route") if "route" in m._index else [],
    "record_routes": lambda m: m.values("record-route") if "record-route" in m._index else [],
    "max_forwards": _max_forwards,
    "expires": _expires,
    "content_type": _content_type,
}
for _name, _read in _READERS.items():
    setattr(Request if _name == "request_uri" else Message, _name, _Reader(_name, _read))
