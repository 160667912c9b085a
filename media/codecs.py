"""The codecs that we can make and understand: G.711 by tables, G.722 and Opus through PyAV.

A `Codec` is one stream's: it keeps what the next packet depends on, so each `Ear` and each `Voice` makes its own with
`make("PCMA/8000")`. Samples are arrays of 16-bit numbers (`rates.Frame`) at the codec's `rate`, one channel; a payload
is what stands in an RTP packet behind the header.

Names are those of a=rtpmap (RFC 8866, RFC 3551), in any case. `clock` is what RTP timestamps count: G.722 says 8000
and means 16000 samples (RFC 3551 section 4.5.2), Opus always says 48000 (RFC 7587). Opus is taken at 16 kHz, as nothing
that it is transcoded from or to has more.
"""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from media.rates import NARROW, WIDE, Frame, Resampler, nothing

PCMU, PCMA, G722, OPUS = "PCMU/8000", "PCMA/8000", "G722/8000", "OPUS/48000/2"
KNOWN = (OPUS, G722, PCMA, PCMU)
"""Best first. All that can be transcoded."""
_LONGEST_S = 0.2
"""Of one payload. Opus has 120 ms at most; what is longer than this is cut."""
_OPUS_BITS = "28000"
_OPUS_RATE = 48000


class Codec(Protocol):
    """One direction of one stream, or both."""

    name: str
    rate: int
    clock: int

    def decode(self, payload: bytes) -> Frame:
        """The samples of a payload of any length; none of one that cannot be read. Never raises."""

    def encode(self, frame: Frame) -> bytes:
        """The payload of 20 ms, which are `rate // 50` samples."""


def warm() -> None:
    """Load what is slow to load, so that the first packet of a call does not wait for it."""
    import av  # noqa: F401

    _tables(True), _tables(False)


def known(name: str) -> bool:
    """Whether `make` can make it."""
    return name.upper() in KNOWN


def rate_of(name: str) -> int:
    """The rate of its samples. Raises ValueError for a codec that is not known."""
    if not known(name):
        raise ValueError(f"{name} is not a codec of ours")
    return WIDE if name.upper() in (G722, OPUS) else NARROW


def clock_of(name: str) -> int:
    """RTP timestamp units a second, as in its name; 8000 where that says nothing."""
    number = name.split("/")[1] if "/" in name else ""
    return int(number) if number.isascii() and number.isdigit() and 0 < int(number) < 1_000_000 else 8000


def make(name: str) -> Codec:
    """A new codec. Raises ValueError for one that is not known."""
    match name.upper():
        case "PCMU/8000":
            return G711(PCMU)
        case "PCMA/8000":
            return G711(PCMA)
        case "G722/8000":
            return G722Codec()
        case "OPUS/48000/2":
            return OpusCodec()
    raise ValueError(f"{name} is not a codec of ours")


class G711:
    """µ-law or A-law."""

    rate = clock = NARROW

    def __init__(self, name: str) -> None:
        self.name = name
        self._linear, self._law = _tables(name == PCMA)

    def decode(self, payload: bytes) -> Frame:
        """See `Codec.decode`."""
        sound: Frame = self._linear[np.frombuffer(payload[: int(_LONGEST_S * NARROW)], np.uint8)]
        return sound

    def encode(self, frame: Frame) -> bytes:
        """See `Codec.encode`."""
        payload: bytes = self._law[frame.view(np.uint16)].tobytes()
        return payload


@functools.lru_cache(maxsize=2)
def _tables(alaw: bool) -> tuple[Any, Any]:
    """Sample of each byte, and byte of each sample (as an unsigned number): `g711.py` as arrays."""
    samples = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int32)
    values = np.arange(256)
    if alaw:
        magnitude = np.where(samples >= 0, samples, ~samples) >> 3
        exponent = np.maximum(_bits(magnitude) - 5, 0)
        mantissa = magnitude >> np.maximum(exponent, 1) & 0x0F
        law = (np.where(samples >= 0, 0x80, 0) | exponent << 4 | mantissa) ^ 0x55
        values ^= 0x55
        exponent, mantissa = values >> 4 & 7, values & 0x0F
        linear = np.where(exponent == 0, (mantissa << 4) + 8, (mantissa << 4) + 264 << np.maximum(exponent - 1, 0))
        linear = np.where(values & 0x80, linear, -linear)
    else:
        magnitude = np.minimum(np.abs(samples), 32635) + 132
        exponent = _bits(magnitude) - 8
        law = ~(np.where(samples < 0, 0x80, 0) | exponent << 4 | magnitude >> (exponent + 3) & 0x0F) & 0xFF
        values = ~values & 0xFF
        linear = (((values & 0x0F) << 3) + 132 << (values >> 4 & 7)) - 132
        linear = np.where(values & 0x80, -linear, linear)
    return linear.astype(np.int16), law.astype(np.uint8)


def _bits(numbers: Any) -> Any:
    """`int.bit_length` of each of the numbers, which are not negative."""
    return np.frexp(numbers.astype(np.float64))[1]


class G722Codec:
    """G.722 at 64 kbit/s."""

    name = G722
    rate = WIDE
    clock = NARROW

    def __init__(self) -> None:
        self._decoder: Any = None
        self._encoder: Any = None

    def decode(self, payload: bytes) -> Frame:
        """See `Codec.decode`."""
        if self._decoder is None:
            self._decoder = _decoder("g722", WIDE)
        return _decoded(self._decoder, payload[: int(_LONGEST_S * NARROW)])

    def encode(self, frame: Frame) -> bytes:
        """See `Codec.encode`."""
        if self._encoder is None:
            self._encoder = _encoder("g722", {})
        return _encoded(self._encoder, frame)


class OpusCodec:
    """Opus for speech, one channel, 20 ms a packet. It reads what any other makes of it, two channels as one."""

    name = OPUS
    rate = WIDE
    clock = _OPUS_RATE

    def __init__(self) -> None:
        self._decoder: Any = None
        self._encoder: Any = None
        self._down = Resampler(_OPUS_RATE, WIDE)

    def decode(self, payload: bytes) -> Frame:
        """See `Codec.decode`."""
        if self._decoder is None:
            self._decoder = _decoder("libopus", _OPUS_RATE)
        return self._down(_decoded(self._decoder, payload))

    def encode(self, frame: Frame) -> bytes:
        """See `Codec.encode`."""
        if self._encoder is None:
            options = {"application": "voip", "frame_duration": "20", "b": _OPUS_BITS, "compression_level": "5"}
            self._encoder = _encoder("libopus", options)
        return _encoded(self._encoder, frame)


def _decoder(name: str, rate: int) -> Any:
    import av  # heavy: only where such a codec is spoken

    context: Any = av.CodecContext.create(name, "r")
    context.thread_count = 1
    context.sample_rate, context.layout = rate, "mono"
    if name == "libopus":
        context.format = "s16"
    context.open()
    return context


def _decoded(context: Any, payload: bytes) -> Frame:
    import av

    if not payload:
        return nothing()  # an empty packet would end the decoder's stream
    try:
        frames = context.decode(av.Packet(payload))
    except (av.FFmpegError, ValueError):
        return nothing()
    parts: list[Frame] = [frame.to_ndarray()[0] for frame in frames]
    return parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else nothing()


def _encoder(name: str, options: dict[str, str]) -> Any:
    import av

    context: Any = av.CodecContext.create(name, "w")
    context.thread_count = 1
    context.sample_rate, context.layout, context.format = WIDE, "mono", "s16"
    context.time_base = Fraction(1, WIDE)
    context.options = options
    context.open()
    return context


def _encoded(context: Any, frame: Frame) -> bytes:
    import av

    sound: Any = av.AudioFrame.from_ndarray(frame.reshape(1, -1), format="s16", layout="mono")
    sound.sample_rate = WIDE
    return b"".join(bytes(packet) for packet in context.encode(sound))
