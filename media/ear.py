"""What comes from a leg, as frames of 20 ms: the playout buffer, decoding, and what is heard where packets are missing.

    relay's slow way --packet--> take()          frame() <--every tick, once-- whoever wants to hear the leg

An `Ear` belongs to a leg as long as somebody listens (`Leg.listen`, `Leg.deafen`). Packets wait by their timestamps.
`Transit` says how long; a frame that is not there when it is due is concealed, and one that comes after that only tells
us to wait longer. The delay is changed by leaving out or repeating a pitch period, a few milliseconds a tick.

A gap in the timestamps with sequence numbers in a row is a far end that sends nothing while nobody speaks, so there is
silence, or comfort noise (RFC 3389) if it has described some. A new SSRC, or timestamps that jump, begin anew.
"""

from __future__ import annotations

import collections
from collections.abc import Mapping

import numpy as np

from media import codecs, rtp
from media.codecs import Codec
from media.conceal import SPAN_S, Concealer, Noise, blend, cut
from media.jitter import Transit
from media.rates import FRAME_S, Frame, Resampler, nothing
from media.routes import is_comfort

_MOST_WAITING = 128
_JUMP_S = 1.0
_EXCESS_S = 0.025
"""So much more delay than needed is let be: packets of 20 ms come at any point between two ticks."""
_FAR_TOO_LONG_S = 0.25
_SHORT_S = 0.002
_BLEND_S = 0.005
_PAST = 6


class Ear:
    """One leg's. `names` are the codecs by payload number, as in a=rtpmap; packets of others are passed over.

    `lost`, `late` and `concealed_s` count what went wrong; `delay_s` is how much later than the fastest packet could be
    played we play now, as of the last frame.
    """

    __slots__ = (
        "_at",
        "_clock",
        "_codec",
        "_concealer",
        "_debt",
        "_high",
        "_noise",
        "_number",
        "_past",
        "_playing",
        "_rate",
        "_resampler",
        "_sequence",
        "_sound",
        "_sounding",
        "_ssrc",
        "_transit",
        "_waiting",
        "concealed_s",
        "delay_s",
        "late",
        "lost",
        "names",
    )

    def __init__(self, names: Mapping[int, str]) -> None:
        self.names = names
        self.lost = self.late = 0
        self.concealed_s = self.delay_s = 0.0
        self._ssrc = -1
        self._clock = 8000
        self._codec: Codec | None = None
        self._number = -1
        self._resampler: Resampler | None = None
        self._waiting: dict[int, tuple[int, int, bytes]] = {}
        """Sequence, payload number and payload by extended timestamp."""
        self._rate = 8000
        self._playing = self._sounding = False
        self._high = 0
        self._at = 0
        """The timestamp of what is to be decoded next."""
        self._debt = 0
        """How many units of silence or concealment were heard since, in place of something that may yet come."""
        self._sequence = -1
        self._sound: Frame = nothing()
        """Decoded, and not heard yet."""
        self._past: collections.deque[Frame] = collections.deque(maxlen=_PAST)
        self._concealer: Concealer | None = None
        self._noise: Noise | None = None
        self._transit = Transit()

    # --- packets in ---

    def take(self, packet: bytes | bytearray | memoryview, size: int, now: float) -> None:
        """A packet that `rtp.kind` took for RTP, of a codec, not of a telephone-event. `now` as in `frame`."""
        number = packet[1] & 0x7F
        name = self.names.get(number)
        if name is None:
            return
        start = rtp.header_bytes(packet, size)
        end = size - packet[size - 1] if packet[0] & 0x20 else size
        sequence, timestamp = rtp.sequence(packet), int.from_bytes(packet[4:8], "big")
        ssrc = int.from_bytes(packet[8:12], "big")
        clock = self._clock if is_comfort(name) else codecs.clock_of(name)
        if ssrc != self._ssrc or clock != self._clock:
            self._begin(ssrc, clock, timestamp)
        extended = self._extended(timestamp)
        transit_s = now - extended / clock
        if self._transit.known and abs(transit_s - self._transit.base_s) > _JUMP_S:
            self._begin(ssrc, clock, timestamp)
            extended = timestamp
            transit_s = now - extended / clock
        self._high = max(self._high, extended)
        self._transit.add(transit_s, now)
        if not self._playing and extended < self._at:
            self._at = extended  # two that have changed places at the very beginning
        if extended < self._at:
            self.late += 1
        elif len(self._waiting) < _MOST_WAITING:
            self._waiting[extended] = (sequence, number, bytes(packet[start:end]))

    def _extended(self, timestamp: int) -> int:
        """The timestamp, which has 32 bits, as a number that does not wrap around."""
        return self._high + ((timestamp - self._high + 0x80000000) & 0xFFFFFFFF) - 0x80000000

    def _begin(self, ssrc: int, clock: int, timestamp: int) -> None:
        """Another stream: what is decoded is heard to its end, and what comes is blended into it."""
        self._ssrc, self._clock = ssrc, clock
        self._waiting.clear()
        self._high = self._at = timestamp
        self._debt = 0
        self._number = self._sequence = -1
        self._playing = False
        self._transit = Transit()

    # --- frames out ---

    def frame(self, rate: int, now: float) -> Frame | None:
        """The next 20 ms at 8000 or 16000 Hz; None is silence. To be asked for once a tick, by one listener."""
        if self._ssrc == -1:
            return None
        if not self._playing:
            self._playing = bool(self._waiting) and self._delay(now) >= self._transit.target_s
        if self._playing and not self._debt and self._at in self._waiting:
            self._adjust(now)
        if not len(self._sound):
            self._sounding = False
        self._fill()
        want = self._rate // 50
        sound, self._sound = self._sound[:want], self._sound[want:]
        if not self._sounding:
            return None
        if rate == self._rate:
            return sound
        if self._resampler is None or self._resampler.rates != (self._rate, rate):
            self._resampler = Resampler(self._rate, rate)
        return self._resampler(sound)

    def _delay(self, now: float) -> float:
        """How much later than the fastest packet allows that is played which is played now."""
        ahead_s = self._at / self._clock - len(self._sound) / self._rate
        return now - ahead_s - self._transit.base_s

    def _units(self, samples: int) -> int:
        return samples * self._clock // self._rate

    def _fill(self) -> None:
        """Have 20 ms to be heard."""
        waiting = self._waiting
        while (short := self._rate // 50 - len(self._sound)) > 0:
            if not waiting or not self._playing:
                self._substitute(short)
                self._debt += self._units(short)
                return
            at = self._at if self._at in waiting else min(waiting)
            gap = (at - self._at - self._debt) * self._rate // self._clock
            if gap > 0:
                count = min(gap, short)
                self._at += self._debt + self._units(count)
                self._debt = 0
                self._substitute(count, paused=waiting[at][0] == (self._sequence + 1) & 0xFFFF)
            else:
                self._next(at)

    def _next(self, at: int) -> None:
        """Decode the packet that waits at this timestamp."""
        sequence, number, payload = self._waiting.pop(at)
        if self._sequence != -1:
            missed = (sequence - self._sequence - 1) & 0xFFFF
            self.lost += missed if missed < _MOST_WAITING else 0
        self._sequence, self._at, self._debt = sequence, at, 0
        name = self.names.get(number, "")
        if is_comfort(name):
            self._noise = Noise(payload, self._rate)
            return
        if number != self._number and not self._change(number, name):
            return
        assert self._codec is not None
        sound = self._codec.decode(payload)
        if not len(sound):
            return
        self._at += self._units(len(sound))
        if self._concealer is not None or self._noise is not None:
            length = min(int(_BLEND_S * self._rate), len(sound))
            before = self._concealer if self._concealer is not None else self._noise
            assert before is not None
            sound = np.concatenate((blend(before.more(length), sound[:length]), sound[length:]))
            self._concealer = self._noise = None
        self._past.append(sound)
        self._add(sound)

    def _change(self, number: int, name: str) -> bool:
        """Packets are of another number from now on."""
        if self._codec is None or name.upper() != self._codec.name or self._number == -1:
            if not codecs.known(name):
                return False
            codec = codecs.make(name)
            if codec.rate != self._rate:
                self._sound = Resampler(self._rate, codec.rate)(self._sound)
                self._rate = codec.rate
                self._past.clear()
                self._concealer = self._noise = None
            self._codec = codec
        self._number = number
        return True

    def _substitute(self, count: int, paused: bool = False) -> None:
        """Something in place of what is not there; `paused`: the far end has sent nothing."""
        if self._noise is not None:
            self._add(self._noise.more(count))
            return
        if self._concealer is None and not paused and self._past:
            self._concealer = Concealer(np.concatenate(self._past), self._rate)
        if self._concealer is None or self._concealer.quiet:
            self._add(np.zeros(count, np.int16), sounding=False)
        else:
            self.concealed_s += count / self._rate
            self._add(self._concealer.more(count))

    def _add(self, sound: Frame, sounding: bool = True) -> None:
        self._sounding |= sounding
        self._sound = np.concatenate((self._sound, sound)) if len(self._sound) else sound

    # --- the delay ---

    def _adjust(self, now: float) -> None:
        """Bring the delay nearer to what is needed."""
        self.delay_s = delay_s = self._delay(now)
        target_s = self._transit.target_s
        if delay_s > target_s + _FAR_TOO_LONG_S:
            self._skip(delay_s - target_s)
        elif delay_s > target_s + _EXCESS_S:
            self._shorten()
        elif delay_s < target_s - _SHORT_S and self._past and self._concealer is None and self._noise is None:
            # The last pitch period is said once more.
            self._concealer = again = Concealer(np.concatenate(self._past), self._rate)
            self._add(again.more(again.period))

    def _shorten(self) -> None:
        needed = int((SPAN_S + FRAME_S) * self._rate)
        while len(self._sound) < needed and self._at in self._waiting:
            self._next(self._at)
        if len(self._sound) >= needed:
            self._sound = cut(self._sound, self._rate)

    def _skip(self, excess_s: float) -> None:
        """Far too late, after a standstill: what is too old is left out."""
        limit = self._at + int(excess_s * self._clock)
        for at in [at for at in self._waiting if at < limit]:
            del self._waiting[at]
        self._at = min(self._waiting, default=limit)
        self._sequence = -1
        if self._concealer is None and self._past:
            self._concealer = Concealer(np.concatenate(self._past), self._rate)
