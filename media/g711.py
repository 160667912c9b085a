"""G.711: linear samples of 16 bits to µ-law and A-law bytes and back, as lookup tables made on first use."""

from __future__ import annotations

import array
import functools
from collections.abc import Iterable


def ulaw_of(sample: int) -> int:
    """The µ-law byte of one sample (-32768 to 32767)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(-sample if sample < 0 else sample, 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def alaw_of(sample: int) -> int:
    """The A-law byte of one sample (-32768 to 32767)."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(sample if sample >= 0 else ~sample, 32767) >> 3
    exponent = max(magnitude.bit_length() - 5, 0)
    mantissa = (magnitude >> max(exponent, 1)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


def linear_of_ulaw(value: int) -> int:
    """The sample that a µ-law byte stands for."""
    value = ~value & 0xFF
    magnitude = (((value & 0x0F) << 3) + 132 << (value >> 4 & 7)) - 132
    return -magnitude if value & 0x80 else magnitude


def linear_of_alaw(value: int) -> int:
    """The sample that an A-law byte stands for."""
    value ^= 0x55
    exponent, mantissa = value >> 4 & 7, value & 0x0F
    magnitude = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 264 << exponent - 1
    return magnitude if value & 0x80 else -magnitude


@functools.lru_cache(maxsize=2)
def _table(alaw: bool) -> bytes:
    law = alaw_of if alaw else ulaw_of
    return bytes(law(sample - 65536 if sample > 32767 else sample) for sample in range(65536))


def encode(samples: Iterable[int], alaw: bool) -> bytes:
    """Many samples at once. Building the table takes some 50 ms once; short tones use the single functions."""
    table = _table(alaw)
    return bytes([table[sample & 0xFFFF] for sample in samples])


def decode(data: bytes, alaw: bool) -> array.array[int]:
    """The samples of many bytes."""
    law = linear_of_alaw if alaw else linear_of_ulaw
    table = [law(value) for value in range(256)]
    return array.array("h", (table[value] for value in data))
