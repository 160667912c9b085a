"""Events to bytes and back: the events of one input are one MessagePack array of tagged arrays.

The fast way is one call into msgspec each way, about a microsecond an event. Two rare ways stand beside it:

- Header text may hold bytes that are no UTF-8 (kept as lone surrogates, so that they come back exactly). MessagePack
  text cannot hold those, so such an input is written as a one-entry map in which they stand as private-use characters.
- An event written by a newer version, with a tag or a shape that this one does not know, is left out and counted; its
  neighbours are still read.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import msgspec

from records.events import AnyEvent

Events = Sequence[AnyEvent]
_ESCAPED = "escaped"
# MessagePack: an array of one, an array of up to fifteen, and the tags as the small integers that they are.
_ONE, _SHORT, _BINDINGS = 0x91, 0x90, (20, 21)
_TO_PRIVATE = {0xDC00 + byte: 0x10FE00 + byte for byte in range(0x80, 0x100)}
_FROM_PRIVATE = {private: surrogate for surrogate, private in _TO_PRIVATE.items()}


class Codec:
    """One encoder and one decoder, to be reused by one owner (not by two threads at once)."""

    __slots__ = ("_decoder", "_encoder", "_one", "_raws", "unknown")

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[list[AnyEvent]] = msgspec.msgpack.Decoder(list[AnyEvent])
        self._raws: msgspec.msgpack.Decoder[list[msgspec.Raw]] = msgspec.msgpack.Decoder(list[msgspec.Raw])
        self._one: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)
        self.unknown = 0
        """Events left out so far because this version does not know them."""

    def encode(self, events: Events) -> bytes:
        """The bytes of the events of one input."""
        buffer = bytearray()
        self.encode_into(events, buffer, 0)
        return bytes(buffer)

    def encode_into(self, events: Events, buffer: bytearray, offset: int) -> None:
        """Write the events into `buffer` from `offset` on; the buffer ends where they end."""
        try:
            self._encoder.encode_into(events, buffer, offset)
        except UnicodeEncodeError:
            plain = msgspec.to_builtins(list(events), builtin_types=(datetime.datetime,))
            self._encoder.encode_into({_ESCAPED: _translate(plain, _TO_PRIVATE)}, buffer, offset)

    def decode(self, data: bytes | memoryview) -> list[AnyEvent]:
        """The events in `data`, without those that this version does not know. Never raises: data that passed its
        checksum and still cannot be read counts as one unknown event."""
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._decode_slowly(bytes(data))

    @staticmethod
    def is_binding(data: bytes | memoryview) -> bool:
        """Whether `data` is one Bound or Unbound alone, told by its first three octets; False may be wrong. Who wants
        calls only saves the decoding: registrations are most of a quiet journal."""
        return len(data) > 3 and data[0] == _ONE and data[1] & 0xF0 == _SHORT and data[2] in _BINDINGS

    def _decode_slowly(self, data: bytes) -> list[AnyEvent]:
        try:
            whole = msgspec.msgpack.decode(data)
            if isinstance(whole, dict):
                return msgspec.convert(_translate(whole.get(_ESCAPED), _FROM_PRIVATE), list[AnyEvent])
            raws = self._raws.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.unknown += 1
            return []
        events: list[AnyEvent] = []
        for raw in raws:
            try:
                events.append(self._one.decode(raw))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.unknown += 1
        return events


def _translate(value: Any, table: dict[int, int]) -> Any:
    """`value`, made of plain lists, maps and text, with the characters of `table` exchanged in every text."""
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, list | tuple):
        return [_translate(item, table) for item in value]
    return value
