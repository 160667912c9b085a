"""STUN as a keep-alive over SIP's own port (RFC 5626 section 3.5.2): a telephone asks, and is told where it came from.

Nothing but the Binding request is known here, without authentication; ICE and TURN are other matters.
"""

from __future__ import annotations

import ipaddress
import struct

from switch.sip.flow import Address

_COOKIE = 0x2112A442
_HEAD = struct.Struct(">HHI12s")
_REQUEST, _SUCCESS = 0x0001, 0x0101
_XOR_MAPPED = 0x0020


def answer(data: bytes, remote: Address) -> bytes:
    """What a Binding request from there is answered (RFC 8489 section 7.3.1); empty for anything else."""
    if len(data) < _HEAD.size or data[0] or data[1] != _REQUEST:
        return b""
    kind, length, cookie, transaction = _HEAD.unpack_from(data)
    if kind != _REQUEST or cookie != _COOKIE or length % 4 or length != len(data) - _HEAD.size:
        return b""
    host, port = ipaddress.ip_address(remote[0].partition("%")[0]), remote[1]
    mask = struct.pack(">I", _COOKIE) + transaction
    packed = bytes(a ^ b for a, b in zip(host.packed, mask, strict=False))
    value = struct.pack(">BBH", 0, 1 if host.version == 4 else 2, port ^ _COOKIE >> 16) + packed
    attribute = struct.pack(">HH", _XOR_MAPPED, len(value)) + value
    return _HEAD.pack(_SUCCESS, len(attribute), _COOKIE, transaction) + attribute
