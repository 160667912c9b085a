"""Session descriptions (RFC 8866) as light values: parsed once, written once, never resolved or interpreted here.

Whatever is malformed raises `SdpError` with a text that says what; but a missing `s=` or `t=`, of which we make no use,
and blanks at the end of a line are let pass: a call for help is not refused for them. Attributes stay raw strings in
their order, because a relay passes most of them on and asks for few of them. What an exchange does with them is in
`negotiate.py`.

A telephone describes itself in the same words call after call; only its port and the numbers of its session change. So
what is worked out from those words (pure functions of immutable values, all) is remembered, within bounds. Keys are
not: of an `a=crypto` line `Media.crypto` has the value, and other lines with secrets, of which we make no use, are left
out before anything is remembered.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec

_SESSION_LETTERS = frozenset("iuepcbtrzka")
_MEDIA_LETTERS = frozenset("icbka")
_DIRECTIONS = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))
_CRYPTO = "a=crypto:"
_SECRETS = (_CRYPTO, "a=key-mgmt:", "a=ice-pwd:", "k=")
"""How lines with keys and passwords begin: RFC 4568, RFC 4567, RFC 8839, and RFC 4566 with its obsolete `k=`."""
_SECRET = re.compile(rf"\n(?:{'|'.join(_SECRETS)})")
_REMEMBERED = 128
_MEMORABLE = 2048
"""Characters of a stream's description beyond which it is read anew each time."""
# Nearly all descriptions: one stream, of sound. What follows its port is left to `_only_stream`.
_USUAL = re.compile(
    r"v=0\r\no=([!-~]+) ([0-9]{1,39}) ([0-9]{1,39}) IN IP[46] ([!-~]+)\r\ns=([ -~]*[!-~])\r\nc=IN IP[46] ([!-.0-~]+)"
    r"\r\nt=[ -~]*[!-~]((?:\r\na=[ -~]*[!-~])*)\r\nm=audio ([0-9]{1,5}) (.+)",
    re.DOTALL,
)
_BLANKS_AT_END = re.compile(r"[ \t]+(?=\n|\Z)")
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


class _HasKey(Exception):  # noqa: N818 - no error: what raises it is not remembered
    """There is a key in what was to be remembered."""


class NotAcceptable(SdpError):  # noqa: N818 - named as the SIP answer that it becomes
    """The description is well formed but offers nothing that we can serve."""

    status = 488


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The `o=` line. `id` and `version` are non-negative integers of any size."""

    username: str
    id: int
    version: int
    address: str


Stream = tuple[str, tuple[str, ...], str | None, tuple[str, ...], tuple[str, ...]]
"""Of `Media` the fields from `proto` to `attributes`."""


class Media(msgspec.Struct, frozen=True, gc=False):
    """One `m=` section. `formats` are payload numbers as text for RTP. `connection` is its own `c=` address or None.

    `crypto` are the values of its `a=crypto` lines (RFC 4568). They stand apart from the other attributes, which are
    remembered and passed on: keys are neither.
    """

    kind: str
    port: int
    proto: str
    formats: tuple[str, ...]
    connection: str | None = None
    bandwidth: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    crypto: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Media({self.kind} {self.port} {self.proto} {' '.join(self.formats)})"

    def attribute(self, name: str) -> str | None:
        """The value of the first `a=name:value` (an empty text for `a=name`), or None."""
        return _attribute(self.attributes, name)

    def codecs(self) -> Mapping[int, str]:
        """Payload number to `NAME/RATE` (upper case, one channel unsaid), in order of preference (RFC 3551, 8866)."""
        return codecs(self.formats, self.attributes)


class Description(msgspec.Struct, frozen=True, gc=False):
    """A whole session description."""

    origin: Origin
    name: str
    connection: str | None
    attributes: tuple[str, ...]
    media: tuple[Media, ...]

    def attribute(self, name: str) -> str | None:
        """The value of the first session-level `a=name:value`, or None."""
        return _attribute(self.attributes, name)

    def address(self, media: Media) -> str:
        """The connection address that holds for `media`: an IP literal or a host name, as it was written."""
        return media.connection or self.connection or ""

    def direction(self, media: Media) -> str:
        """The stream's direction, inherited from the session where the stream has none (RFC 8866 section 6.7)."""
        return _direction(media.attributes, self.attributes)


@lru_cache(_REMEMBERED)
def _attribute(lines: tuple[str, ...], name: str) -> str | None:
    start = name + ":"
    for line in lines:
        if line == name:
            return ""
        if line.startswith(start):
            return line[len(start) :]
    return None


@lru_cache(_REMEMBERED)
def _direction(stream: tuple[str, ...], session: tuple[str, ...]) -> str:
    return next((line for line in (*stream, *session) if line in _DIRECTIONS), "sendrecv")


@lru_cache(_REMEMBERED)
def codecs(formats: tuple[str, ...], attributes: tuple[str, ...]) -> Mapping[int, str]:
    """See `Media.codecs`."""
    maps: dict[str, str] = {}
    for line in attributes:
        if line.startswith("rtpmap:"):
            number, _, name = line[7:].partition(" ")
            maps[number] = name.strip().upper().removesuffix("/1")
    found: dict[int, str] = {}
    for text in formats:
        payload = int(text)
        found[payload] = maps.get(text) or _STATIC.get(payload, "")
    return MappingProxyType(found)


def parse(data: bytes) -> Description:
    """The description in `data`. Raises SdpError for anything malformed; a bare LF ends a line as CRLF does."""
    text = data.decode("utf-8", "surrogateescape")
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        username, number, version, address, name, connection, lines, port, rest = usual.groups()
        try:
            stream = _only_stream(rest) if len(rest) <= _MEMORABLE else None
        except _HasKey:
            stream = None
        if stream is not None and int(port) < 65536 and not (lines and _SECRET.search(lines)):
            origin = Origin(username, int(number), int(version), address)
            attributes = tuple(lines[4:].split("\r\na=")) if lines else ()
            return Description(origin, name, connection, attributes, (Media("audio", int(port), *stream),))
    head, *sections = _unfolded(text).split("\nm=")
    origin, name, default, attributes = _session(head.split("\n"))
    media = tuple([_media(section) for section in sections])
    if default is None:
        for each in media:
            if each.connection is None and each.port:
                raise SdpError(f"no c= line for the {each.kind} stream")
    return Description(origin, name, default, attributes, media)


def _unfolded(text: str) -> str:
    """The lines of a description, each ended by LF alone and without blanks before it; the last one by nothing."""
    if "\0" in text:
        raise SdpError("a NUL byte in the description")
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        raise SdpError("a carriage return within a line of the description")
    if " \n" in text or "\t\n" in text:
        text = _BLANKS_AT_END.sub("", text)
    return text.rstrip("\n")


def _session(lines: list[str]) -> tuple[Origin, str, str | None, tuple[str, ...]]:
    """What stands before the first `m=`: origin, name, connection address, attributes."""
    if len(lines) < 2 or lines[0] != "v=0":
        raise SdpError("the description does not start with v=0")
    if lines[1][:2] != "o=":
        raise SdpError("o= must follow v=")
    named = len(lines) > 2 and lines[2][:2] == "s="
    rest = [line for line in lines[3 if named else 2 :] if not line.startswith(_SECRETS)]
    connection, _, attributes = _lines(rest, _SESSION_LETTERS)
    return _origin(lines[1][2:]), lines[2][2:] if named else "-", connection, attributes


def _lines(lines: Iterable[str], letters: frozenset[str]) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """Connection address, bandwidths, attributes."""
    connection = None
    bandwidth: list[str] = []
    attributes: list[str] = []
    for line in lines:
        letter = line[:1]
        if line[1:2] != "=":
            raise SdpError(f"not a type=value line: {line[:40]!r}")
        if letter not in letters:
            # RFC 8866 section 5: a parser MUST ignore or reject a description with a type letter unknown to it.
            raise SdpError(f"the line {line[:40]!r} has no place here")
        if letter == "a":
            attributes.append(line[2:])
        elif letter == "c":
            connection = _connection(line[2:])
        elif letter == "b":
            bandwidth.append(line[2:])
    return connection, tuple(bandwidth), tuple(attributes)


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


def _media(section: str) -> Media:
    """One stream. All but its port is the same in every call of a telephone, so that is remembered."""
    crypto: tuple[str, ...] = ()
    if _SECRET.search(section):
        each_line = section.split("\n")
        crypto = tuple(line[len(_CRYPTO) :] for line in each_line if line.startswith(_CRYPTO))
        section = "\n".join([line for line in each_line if not line.startswith(_SECRETS)])
    first, _, lines = section.partition("\n")
    fields = first.split(None, 2)
    if len(fields) < 3:
        raise SdpError(f"bad m= line: {first[:60]!r}")
    port, _, count = fields[1].partition("/")
    if not _digits(port) or int(port) > 65535 or (count and not _digits(count)):
        raise SdpError(f"bad port in the m= line: {first[:60]!r}")
    read = _stream if len(section) <= _MEMORABLE else _stream.__wrapped__
    proto, formats, connection, bandwidth, attributes = read(fields[2], lines)
    return Media(fields[0].lower(), int(port), proto, formats, connection, bandwidth, attributes, crypto)


@lru_cache(_REMEMBERED)
def _only_stream(rest: str) -> Stream | None:
    """What follows the port of a description's one stream; None where others follow, or something is wrong. Raises
    `_HasKey`: then nothing of it is kept."""
    if _SECRET.search(rest):
        raise _HasKey
    try:
        text = _unfolded(rest)
        if "\nm=" in text:
            return None
        first, _, lines = text.partition("\n")
        return _stream(first, lines)
    except SdpError:
        return None


@lru_cache(_REMEMBERED)
def _stream(first: str, lines: str) -> Stream:
    """Protocol, formats, connection address, bandwidths and attributes, from what follows the port."""
    words = first.split()
    if len(words) < 2:
        raise SdpError(f"bad m= line: {first[:60]!r}")
    proto, *formats = words
    if "RTP/" in proto:
        for number in formats:
            if not _digits(number) or int(number) > 127:
                raise SdpError(f"bad payload number in the m= line: {first[:60]!r}")
    connection, bandwidth, attributes = _lines(lines.split("\n") if lines else (), _MEDIA_LETTERS)
    return proto, tuple(formats), connection, bandwidth, attributes


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
    origin, connection, streams = description.origin, description.connection, description.media
    _check_breaks(f"{origin.username}{origin.address}{description.name}{connection}", *[each.kind for each in streams])
    text = f"v=0\r\no={origin.username} {origin.id} {origin.version} {network(origin.address)}\r\ns={description.name}"
    if connection is not None:
        text += f"\r\nc={network(connection)}"
    text += "\r\nt=0 0\r\n"
    if description.attributes:
        text += _tail("", (), None, (), description.attributes)
    for media in streams:
        tail = _tail(media.proto, media.formats, media.connection, media.bandwidth, media.attributes)
        text += f"m={media.kind} {media.port} {tail}"
        if media.crypto:
            _check_breaks(*media.crypto)
            text += "".join([f"a=crypto:{line}\r\n" for line in media.crypto])
    return text.encode("utf-8", "surrogateescape")


@lru_cache(_REMEMBERED)
def _tail(
    proto: str,
    formats: tuple[str, ...],
    connection: str | None,
    bandwidth: tuple[str, ...],
    attributes: tuple[str, ...],
) -> str:
    """What follows a stream's port."""
    lines = [f"{proto} {' '.join(formats)}"] if proto else []
    if connection is not None:
        lines.append(f"c={network(connection)}")
    lines += ["b=" + line for line in bandwidth]
    lines += ["a=" + line for line in attributes]
    _check_breaks(*lines)
    return "\r\n".join([*lines, ""])


def _check_breaks(*texts: str) -> None:
    for text in texts:
        if "\n" in text or "\r" in text:
            raise SdpError("a line break inside a value")
