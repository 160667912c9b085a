"""SRTP of one leg (RFC 3711): what goes out is encrypted and signed, what comes in is checked and deciphered.

The keys come with the far end's description (`Remote.keys`). While they stay the same the sessions stay, too, as the
roll-over counter is in them and is told to nobody.
"""

from __future__ import annotations

import collections
from typing import Any

from media.engine import Keys

_SOURCES = 32
"""Streams of one direction that are kept: a far end that changes its SSRC all the time must not fill the memory."""


class Shield:
    """Both directions. `seal` and `open` are for RTP, the others for RTCP; each gives the other form of a packet, or
    None for one that cannot be: not signed with the key, heard before, malformed."""

    def __init__(self, keys: Keys) -> None:
        import pylibsrtp  # only where a leg needs it

        profile = {
            "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
            "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        }.get(keys.suite)
        if profile is None:
            raise ValueError(f"{keys.suite} is no suite of ours")
        self.keys = keys
        self._failed = (pylibsrtp.Error, ValueError, TypeError)
        sending = pylibsrtp.Policy(keys.send, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, 0, profile)
        sending.allow_repeat_tx = True  # a relayed packet may come twice
        self._sending: Any = pylibsrtp.Session(sending)
        self._receiving: Any = pylibsrtp.Session(
            pylibsrtp.Policy(keys.receive, pylibsrtp.Policy.SSRC_ANY_INBOUND, 0, profile)
        )
        self._out: collections.deque[bytes] = collections.deque()
        self._in: collections.deque[bytes] = collections.deque()

    def seal(self, packet: bytes) -> bytes | None:
        """Encrypt an RTP packet."""
        try:
            sealed: bytes = self._sending.protect(packet)
        except self._failed:
            return None
        self._keep(self._out, self._sending, packet[8:12])
        return sealed

    def open(self, packet: bytes) -> bytes | None:
        """Decipher an RTP packet."""
        try:
            plain: bytes = self._receiving.unprotect(packet)
        except self._failed:
            return None
        self._keep(self._in, self._receiving, packet[8:12])
        return plain

    def seal_report(self, packet: bytes) -> bytes | None:
        """Encrypt an RTCP packet."""
        try:
            sealed: bytes = self._sending.protect_rtcp(packet)
        except self._failed:
            return None
        self._keep(self._out, self._sending, packet[4:8])
        return sealed

    def open_report(self, packet: bytes) -> bytes | None:
        """Decipher an RTCP packet."""
        try:
            plain: bytes = self._receiving.unprotect_rtcp(packet)
        except self._failed:
            return None
        self._keep(self._in, self._receiving, packet[4:8])
        return plain

    def _keep(self, known: collections.deque[bytes], session: Any, source: bytes) -> None:
        if (known and known[-1] == source) or source in known:
            return
        known.append(source)
        if len(known) > _SOURCES:
            try:
                session.remove_stream(int.from_bytes(known.popleft(), "big"))
            except self._failed:
                return
