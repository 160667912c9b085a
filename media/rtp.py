"""RTP and RTCP packets as far as a relay looks into them (RFC 3550, 5761, 4733): checks on a buffer, no objects."""

from __future__ import annotations

import struct
import sys

HEADER_BYTES = 12
DIGITS = "0123456789*#ABCD!"
RTP, RTCP, BAD = 1, 2, 0


def kind(buffer: bytearray | bytes | memoryview, size: int) -> int:
    """What the first `size` bytes are: RTP, RTCP or BAD (RFC 3550 A.1 and A.2, told apart by RFC 5761 section 4)."""
    if size < 8 or buffer[0] & 0xC0 != 0x80:
        return BAD
    if 192 <= buffer[1] <= 223:
        # The length field counts 32-bit words less one; a compound packet's first part must fit into the datagram.
        words = (buffer[2] << 8 | buffer[3]) + 1
        return RTCP if size % 4 == 0 and words * 4 <= size else BAD
    header = header_bytes(buffer, size)
    if header == 0:
        return BAD
    if buffer[0] & 0x20:
        padding = buffer[size - 1]
        if padding == 0 or header + padding > size:
            return BAD
    return RTP


def header_bytes(buffer: bytearray | bytes | memoryview, size: int) -> int:
    """How long the RTP header is with its contributing sources and its extension; 0 if it does not fit into `size`."""
    header = HEADER_BYTES + 4 * (buffer[0] & 0x0F)
    if buffer[0] & 0x10:
        if size < header + 4:
            return 0
        header += 4 + 4 * (buffer[header + 2] << 8 | buffer[header + 3])
    return header if header <= size else 0


def sequence(buffer: bytearray | bytes | memoryview) -> int:
    """The sequence number of the RTP packet in `buffer`."""
    return buffer[2] << 8 | buffer[3]


def first_words(payloads: tuple[int, ...]) -> frozenset[int]:
    """The first two bytes, as a number in this machine's byte order, of the plainest packets of these payloads.

    Plainest: version 2, no padding, no extension, no contributing sources; marker set or not. Nearly every packet of a
    telephone is one, so a look into this set replaces all checks of the header but the SSRC's.
    """
    return frozenset(
        int.from_bytes(bytes((0x80, marker | payload)), sys.byteorder)
        for payload in payloads
        if 0 <= payload < 128
        for marker in (0, 0x80)
    )


def write_header(
    buffer: bytearray, payload: int, marker: bool, sequence_number: int, timestamp: int, ssrc: int
) -> None:
    """Write a plain header into the first 12 bytes of `buffer`."""
    second = payload | 0x80 if marker else payload
    struct.pack_into("!BBHII", buffer, 0, 0x80, second, sequence_number & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)


class DigitReader:
    """Finds the digits in a stream of telephone-events (RFC 4733 section 2.5).

    An event is reported once, at the first packet with its end bit; if all of those are lost, at the next event.
    """

    __slots__ = ("_duration", "_event", "_rate", "_timestamp", "_told")

    def __init__(self, rate: int = 8000) -> None:
        self._rate = rate
        self._timestamp = -1
        self._event = -1
        self._duration = 0
        self._told = True

    def read(self, buffer: bytearray | bytes | memoryview, size: int) -> list[tuple[str, int]]:
        """The (digit, duration in ms) pairs that this packet ends: none mostly, one, rarely two."""
        header = header_bytes(buffer, size)
        if header == 0 or size < header + 4:
            return []
        event, flags = buffer[header], buffer[header + 1]
        duration = buffer[header + 2] << 8 | buffer[header + 3]
        timestamp = int.from_bytes(buffer[4:8], "big")
        found: list[tuple[str, int]] = []
        if timestamp != self._timestamp:
            if not self._told:
                found += self._ended()
            self._timestamp, self._event, self._told = timestamp, event, False
        self._duration = duration
        if flags & 0x80 and not self._told:
            found += self._ended()
        return found

    def _ended(self) -> list[tuple[str, int]]:
        self._told = True
        if self._event >= len(DIGITS):
            return []
        return [(DIGITS[self._event], self._duration * 1000 // self._rate)]
