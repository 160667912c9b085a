"""STUN's Binding (RFC 8489), without authentication: all of it that an exchange needs. ICE and TURN are other matters.

Our UDP port answers it, as a telephone's keep-alive (RFC 5626 section 3.5.2); the doctor asks it, to learn which
address packets of ours come from.
"""

from __future__ import annotations

import ipaddress
import struct

from switch.sip.flow import Address, unscoped

COOKIE = 0x2112A442
_HEAD = struct.Struct(">HHI12s")
_REQUEST, _SUCCESS = 0x0001, 0x0101
_MAPPED, _XOR_MAPPED = 0x0001, 0x0020


def request(transaction: bytes) -> bytes:
    """A Binding request with these twelve random octets."""
    return _HEAD.pack(_REQUEST, 0, COOKIE, transaction)


def answer(data: bytes, remote: Address) -> bytes:
    """What a Binding request from there is answered (RFC 8489 section 7.3.1); empty for anything else."""
    if len(data) < _HEAD.size or data[0] or data[1] != _REQUEST:
        return b""
    kind, length, cookie, transaction = _HEAD.unpack_from(data)
    if kind != _REQUEST or cookie != COOKIE or length % 4 or length != len(data) - _HEAD.size:
        return b""
    host, port = ipaddress.ip_address(unscoped(remote[0])), remote[1]
    mask = _mask(transaction)
    value = struct.pack(">BBH", 0, 1 if host.version == 4 else 2, port ^ COOKIE >> 16) + _masked(host.packed, mask)
    attribute = struct.pack(">HH", _XOR_MAPPED, len(value)) + value
    return _HEAD.pack(_SUCCESS, len(attribute), COOKIE, transaction) + attribute


def mapped(data: bytes, transaction: bytes) -> Address | None:
    """The (address, port) that an answer tells (section 14.2); None when it is no answer to that request."""
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
            return _address(value, _mask(transaction))
        if attribute == _MAPPED:
            plain = _address(value, bytes(16))
        at += 4 + (size + 3) // 4 * 4
    return plain


def _address(value: bytes, mask: bytes) -> Address | None:
    size = {1: 4, 2: 16}.get(value[1]) if len(value) > 1 else None
    if size is None or len(value) < 4 + size:
        return None
    port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(mask[:2], "big")
    return str(ipaddress.ip_address(_masked(value[4 : 4 + size], mask))), port


def _mask(transaction: bytes) -> bytes:
    return COOKIE.to_bytes(4, "big") + transaction


def _masked(packed: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(packed, mask, strict=False))
