"""Session descriptions (RFC 8866) as light values: parsed once, written once, never resolved or interpreted here.

Whatever is malformed raises `SdpError` with a text that says what. Attributes stay raw strings in their order, because
a relay passes most of them on and asks for few of them. What an exchange does with them is in `negotiate.py`.
"""

from __future__ import annotations

import socket

import msgspec

_SESSION_LETTERS = frozenset("iuepcbtrzka")
_MEDIA_LETTERS = frozenset("icbka")
_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_STATIC = {
    0: "PCMU/8000",
    3: "GSM/8000",
    4: "G723/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    13: "CN/8000",
    15: "G728/8000",
    18: "G729/8000",
}


class SdpError(ValueError):
    """The description is malformed (SIP answer: 400), or, as `NotAcceptable`, cannot be served (488)."""

    status = 400


class NotAcceptable(SdpError):  # noqa: N818 - named as the SIP answer that it becomes
    """The description is well formed but offers nothing that we can serve."""

    status = 488


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The `o=` line. `id` and `version` are non-negative integers of any size."""

    username: str
    id: int
    version: int
    address: str


class Media(msgspec.Struct):
    """One `m=` section. `formats` are payload numbers as text for RTP. `connection` is its own `c=` address or None."""

    kind: str
    port: int
    proto: str
    formats: list[str]
    connection: str | None
    bandwidth: list[str]
    attributes: list[str]

    def attribute(self, name: str) -> str | None:
        """The value of the first `a=name:value` (an empty text for `a=name`), or None."""
        return _attribute(self.attributes, name)

    def codecs(self) -> dict[int, str]:
        """Payload number to `NAME/RATE` (upper case, one channel unsaid), in order of preference (RFC 3551, 8866)."""
        maps: dict[str, str] = {}
        for line in self.attributes:
            if line.startswith("rtpmap:"):
                number, _, name = line[7:].partition(" ")
                maps[number] = name.strip().upper().removesuffix("/1")
        found: dict[int, str] = {}
        for text in self.formats:
            number_ = int(text)
            found[number_] = maps.get(text) or _STATIC.get(number_, "")
        return found


class Description(msgspec.Struct):
    """A whole session description."""

    origin: Origin
    name: str
    connection: str | None
    attributes: list[str]
    media: list[Media]

    def attribute(self, name: str) -> str | None:
        """The value of the first session-level `a=name:value`, or None."""
        return _attribute(self.attributes, name)

    def address(self, media: Media) -> str:
        """The connection address that holds for `media`: an IP literal or a host name, as it was written."""
        return media.connection or self.connection or ""

    def direction(self, media: Media) -> str:
        """The stream's direction, inherited from the session where the stream has none (RFC 8866 section 6.7)."""
        for lines in (media.attributes, self.attributes):
            for line in lines:
                if line in _DIRECTIONS:
                    return line
        return "sendrecv"


def _attribute(lines: list[str], name: str) -> str | None:
    start = name + ":"
    for line in lines:
        if line == name:
            return ""
        if line.startswith(start):
            return line[len(start) :]
    return None


def parse(data: bytes) -> Description:
    """The description in `data`. Raises SdpError for anything malformed; a bare LF ends a line as CRLF does."""
    if b"\0" in data:
        raise SdpError("a NUL byte in the description")
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\r" in text:
        raise SdpError("a carriage return within a line of the description")
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if len(lines) < 3 or lines[0] != "v=0":
        raise SdpError("the description does not start with v=0")
    if lines[1][:2] != "o=" or lines[2][:2] != "s=":
        raise SdpError("o= and s= must follow v=")
    description = Description(_origin(lines[1][2:]), lines[2][2:], None, [], [])
    attributes = description.attributes
    media: Media | None = None
    letters = _SESSION_LETTERS
    timed = False
    for line in lines[3:]:
        letter = line[:1]
        if line[1:2] != "=":
            raise SdpError(f"not a type=value line: {line[:40]!r}")
        if letter == "a":
            attributes.append(line[2:])
        elif letter == "m":
            media = _media(line[2:])
            description.media.append(media)
            attributes = media.attributes
            letters = _MEDIA_LETTERS
        elif letter not in letters:
            # RFC 8866 section 5: a parser MUST ignore or reject a description with a type letter unknown to it.
            raise SdpError(f"the line {line[:40]!r} has no place here")
        elif letter == "c":
            address = _connection(line[2:])
            if media is not None:
                media.connection = address
            else:
                description.connection = address
        elif letter == "t":
            timed = True
        elif letter == "b" and media is not None:
            media.bandwidth.append(line[2:])
    if not timed:
        raise SdpError("the t= line is missing")
    if description.connection is None:
        for media in description.media:
            if media.connection is None and media.port:
                raise SdpError(f"no c= line for the {media.kind} stream")
    return description


def _origin(value: str) -> Origin:
    fields = value.split(" ")
    if len(fields) != 6 or not _digits(fields[1]) or not _digits(fields[2]):
        raise SdpError(f"bad o= line: {value[:60]!r}")
    return Origin(fields[0], int(fields[1]), int(fields[2]), fields[5])


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 40


def _connection(value: str) -> str:
    fields = value.split()
    if len(fields) != 3 or fields[0] != "IN" or fields[1] not in ("IP4", "IP6"):
        raise SdpError(f"bad c= line: {value[:60]!r}")
    address = fields[2].partition("/")[0]
    if not address:
        raise SdpError(f"bad c= line: {value[:60]!r}")
    return address


def _media(value: str) -> Media:
    fields = value.split()
    if len(fields) < 4:
        raise SdpError(f"bad m= line: {value[:60]!r}")
    port, _, count = fields[1].partition("/")
    if not _digits(port) or int(port) > 65535 or (count and not _digits(count)):
        raise SdpError(f"bad port in the m= line: {value[:60]!r}")
    formats = fields[3:]
    if "RTP/" in fields[2]:
        for number in formats:
            if not _digits(number) or int(number) > 127:
                raise SdpError(f"bad payload number in the m= line: {value[:60]!r}")
    return Media(fields[0].lower(), int(port), fields[2], formats, None, [], [])


def is_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 literal."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):  # ValueError: a NUL or a character that is not ASCII
        return False
    return True


def network(address: str) -> str:
    """`IN IP4 address` or `IN IP6 address`."""
    return f"IN IP6 {address}" if ":" in address else f"IN IP4 {address}"


def write(description: Description) -> bytes:
    """The description as bytes. Raises SdpError if a value holds a line break."""
    origin = description.origin
    lines = [
        "v=0",
        f"o={origin.username} {origin.id} {origin.version} {network(origin.address)}",
        f"s={description.name}",
    ]
    if description.connection is not None:
        lines.append(f"c={network(description.connection)}")
    lines.append("t=0 0")
    lines += ["a=" + line for line in description.attributes]
    for media in description.media:
        lines.append(f"m={media.kind} {media.port} {media.proto} {' '.join(media.formats)}")
        if media.connection is not None:
            lines.append(f"c={network(media.connection)}")
        lines += ["b=" + line for line in media.bandwidth]
        lines += ["a=" + line for line in media.attributes]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1:
        raise SdpError("a line break inside a value")
    return text.encode("utf-8", "surrogateescape") + b"\r\n"
