"""How long something was said, measured on the packets of a recording: cheaply on the bytes of G.711, decoded else."""

from __future__ import annotations

import functools

import numpy as np

from media import codecs, g711, rtp

_LOUD = 330
"""Samples beyond this (40 dB below the clipping point) are sound; the hiss of a line stays below."""
_UNKNOWN_S = 0.02
_SHARE = 16
"""A packet says something when one in so many of its samples is sound: a click is not enough."""


@functools.lru_cache(maxsize=2)
def _quiet(alaw: bool) -> bytes:
    """The G.711 bytes that stand for quiet samples."""
    law = g711.linear_of_alaw if alaw else g711.linear_of_ulaw
    return bytes(value for value in range(256) if abs(law(value)) <= _LOUD)


class Meter:
    """Looks into the packets of one stream. What it cannot decode counts as said."""

    def __init__(self) -> None:
        self._codecs: dict[int, str] = {}
        self._decoders: dict[str, codecs.Codec] = {}

    def use(self, known: tuple[tuple[int, str], ...]) -> None:
        """What payload type numbers mean from now on, as in a=rtpmap."""
        self._codecs = {number: codec.upper() for number, codec in known}

    def said(self, packet: bytes) -> float:
        """How long something is said in it, in seconds: all of it, or 0."""
        name = self._codecs.get(packet[1] & 0x7F, "")
        payload = packet[rtp.header_bytes(packet, len(packet)) : _end(packet)]
        if name in (codecs.PCMU, codecs.PCMA):
            loud = len(payload.translate(None, _quiet(name == codecs.PCMA)))
            return len(payload) / 8000 if loud * _SHARE > len(payload) else 0.0
        if not codecs.known(name):
            return _UNKNOWN_S if name else 0.0
        decoder = self._decoders.get(name) or self._decoders.setdefault(name, codecs.make(name))
        sound = decoder.decode(payload)
        loud = int(np.count_nonzero(np.abs(sound.astype(np.int32)) > _LOUD))
        return len(sound) / decoder.rate if loud * _SHARE > len(sound) else 0.0


def _end(packet: bytes) -> int:
    """Where the payload ends: before the padding (RFC 3550 section 5.1)."""
    return len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
