"""Asking a STUN server which address packets of ours come from (RFC 8489 sections 5 and 14.2).

A request of twenty octets and one attribute of the answer are all that is wanted here; ICE is another matter.
"""

from __future__ import annotations

import ipaddress
import struct

COOKIE = 0x2112A442
_BINDING = 0x0001
_SUCCESS = 0x0101
_MAPPED = 0x0001
_XOR_MAPPED = 0x0020
_HEAD = struct.Struct(">HHI12s")


def request(transaction: bytes) -> bytes:
    """A Binding request with these twelve random octets."""
    return _HEAD.pack(_BINDING, 0, COOKIE, transaction)


def mapped(data: bytes, transaction: bytes) -> tuple[str, int] | None:
    """The (address, port) that a Binding answer tells; None when it is no answer to our request."""
    if len(data) < _HEAD.size:
        return None
    kind, length, cookie, echoed = _HEAD.unpack_from(data)
    if kind != _SUCCESS or cookie != COOKIE or echoed != transaction or len(data) < _HEAD.size + length:
        return None
    at, end, plain = _HEAD.size, _HEAD.size + length, None
    while at + 4 <= end:
        attribute, size = struct.unpack_from(">HH", data, at)
        value = data[at + 4 : min(at + 4 + size, end)]
        if attribute == _XOR_MAPPED:
            return _address(value, COOKIE.to_bytes(4, "big") + transaction)
        if attribute == _MAPPED:
            plain = _address(value, bytes(16))
        at += 4 + (size + 3) // 4 * 4
    return plain


def _address(value: bytes, mask: bytes) -> tuple[str, int] | None:
    size = {1: 4, 2: 16}.get(value[1]) if len(value) > 1 else None
    if size is None or len(value) < 4 + size:
        return None
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    packed = bytes(a ^ b for a, b in zip(value[4 : 4 + size], mask, strict=False))
    return str(ipaddress.ip_address(packed)), port
