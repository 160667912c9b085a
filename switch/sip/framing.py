"""Cutting a byte stream into messages by Content-Length, and telling keep-alives apart (RFC 3261 18.3, RFC 5626 3.5.1).

Feed what arrives, in pieces of any size; whole messages come out. When the stream can no longer be cut, the connection
is of no more use: answer what `RemoteProtocolError.request` holds, if anything, and close.
"""

from __future__ import annotations

import enum
import re

from switch.sip.errors import RemoteProtocolError
from switch.sip.message import Request, parse_head
from switch.sip.parser import MAX_MESSAGE

_LENGTH = re.compile(rb"\r\n(?:Content-Length|l)[ \t]*+:((?:[^\r]|\r\n[ \t])*+)", re.IGNORECASE)


class KeepAlive(enum.Enum):
    """Line breaks between messages. PING wants a CRLF back; PONG is the answer to ours, or just a stray line break."""

    PING = b"\r\n\r\n"
    PONG = b"\r\n"


class StreamFramer:
    """One connection's inbound side. Holds at most `max_bytes` of an unfinished message."""

    __slots__ = ("_buffer", "_fault", "_half_ping", "_max", "_need", "_scanned")

    def __init__(self, max_bytes: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._fault: RemoteProtocolError | None = None
        self._need = 0
        self._scanned = 0
        self._half_ping = False
        self._max = max_bytes

    def __len__(self) -> int:
        """Octets held back, waiting for the rest of a message."""
        return len(self._buffer)

    @property
    def rest(self) -> bytes:
        """Those octets. Fed to another framer they go on there."""
        return bytes(self._buffer)

    @property
    def failed(self) -> bool:
        """Whether the stream cannot be cut any more: the next `feed` raises."""
        return self._fault is not None

    def feed(self, data: bytes) -> list[bytes | KeepAlive]:
        """Take octets in, get whole messages and keep-alives out, in order.

        Raises RemoteProtocolError when the stream cannot be cut: a Content-Length that is missing, conflicting or no
        number (400), a head (513) or a body (413) that is too large. Messages that were complete before it come out
        first; then `failed` is True and the next call raises.
        """
        found: list[bytes | KeepAlive] = []
        if self._fault is None:
            self._buffer += data
            try:
                while self._cut(found):
                    pass
            except RemoteProtocolError as error:
                self._fault = error
                self._buffer.clear()
        if self._fault is not None and not found:
            raise self._fault
        return found

    def _cut(self, found: list[bytes | KeepAlive]) -> bool:
        """Take the next thing off the buffer's front; False when it is not complete yet."""
        buffer = self._buffer
        if not buffer:
            return False
        if buffer[0] in b"\r\n":
            return self._line_break(found)
        self._half_ping = False
        if not self._need:
            end = buffer.find(b"\r\n\r\n", self._scanned)
            if end < 0:
                self._scanned = max(0, len(buffer) - 3)
                if len(buffer) > self._max:
                    raise RemoteProtocolError(513, "Message too large")
                return False
            self._need = end + 4 + self._length(end)
        if len(buffer) < self._need:
            return False
        found.append(bytes(buffer[: self._need]))
        del buffer[: self._need]
        self._need = self._scanned = 0
        return True

    def _line_break(self, found: list[bytes | KeepAlive]) -> bool:
        buffer = self._buffer
        if buffer.startswith(b"\r\n\r\n"):
            found.append(KeepAlive.PING)
            del buffer[:4]
            self._half_ping = False
            return True
        if buffer == b"\r" or buffer == b"\r\n\r":
            return False
        if not buffer.startswith(b"\r\n"):
            raise RemoteProtocolError(400, "Stray line break")
        # A ping may come in two pieces; the first half was told as a PONG, which nobody minds.
        found.append(KeepAlive.PING if self._half_ping else KeepAlive.PONG)
        self._half_ping = not self._half_ping and len(buffer) == 2
        del buffer[:2]
        return True

    def _length(self, end: int) -> int:
        """The body's length from the head that ends at `end`."""
        if end > self._max:
            raise RemoteProtocolError(513, "Message too large")
        head = bytes(self._buffer[:end])
        values = {value.strip() for value in _LENGTH.findall(head)}
        if not values:
            # RFC 3261 section 18.3: over a stream the header is not optional.
            raise self._refusal(head, 400, "Missing Content-Length")
        if len(values) > 1:
            raise self._refusal(head, 400, "Conflicting Content-Length")
        (digits,) = values
        if not digits.isdigit() or len(digits) > 10:
            raise self._refusal(head, 400, "Malformed Content-Length")
        length = int(digits)
        if end + 4 + length > self._max:
            raise self._refusal(head, 413, "Request Entity Too Large")
        return length

    @staticmethod
    def _refusal(head: bytes, status: int, text: str) -> RemoteProtocolError:
        """The error, with the request to answer where the head can be read that far."""
        try:
            message = parse_head(head, b"", head + b"\r\n\r\n")
        except RemoteProtocolError as error:
            return RemoteProtocolError(status, text, error.request)
        return RemoteProtocolError(status, text, message if isinstance(message, Request) else None)
