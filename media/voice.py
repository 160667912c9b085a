"""What we say to a far end ourselves: one RTP stream for as long as the leg lives, whoever makes the sound.

Players, rooms and transcoding take turns, and telephone-events come in between; sequence numbers, timestamps and SSRC
go on through all of it, by the tick, so that the far end's own buffer has nothing to learn anew. The first packet after
a pause has the marker (RFC 3551 section 4.1).

    voice.codec             what is being said: encode with one like it, or let `say` do it
    voice.say(frame, ...)   samples, encoded here: what the leg hears in its bridge or room
    voice.send(payload, ..) 20 ms that are encoded already: tunes
    voice.event(...)        one packet of a telephone-event (RFC 4733)

`tick` is the relay's count of ticks (`Relay.ticks`); each of `say` and `send` stands for the 20 ms of that tick.
Nothing goes out as long as it is not known where to, or the far end does not want to hear (hold); time goes on.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from media import codecs, rtp
from media.codecs import Codec
from media.rates import Frame, Resampler, silence

if TYPE_CHECKING:
    from media.leg import Leg

_STEPS = 50


class Voice:
    """The stream to the far end of one leg. `octets` is the size of the last packet, 0 if none was sent."""

    __slots__ = (
        "_encoder",
        "_event_timestamp",
        "_leg",
        "_payload",
        "_quiet",
        "_resampler",
        "_sequence",
        "_ssrc",
        "_tick",
        "_timestamp",
        "codec",
        "octets",
    )

    def __init__(self, leg: Leg) -> None:
        draw = random.SystemRandom()
        self.codec = ""
        """The name of what is said, as in a=rtpmap; empty for one that we cannot make."""
        self.octets = 0
        self._leg = leg
        self._payload = 0
        self._encoder: Codec | None = None
        self._resampler: Resampler | None = None
        self._ssrc = draw.getrandbits(32)
        self._sequence = draw.getrandbits(15)
        self._timestamp = draw.getrandbits(32)
        self._event_timestamp = 0
        self._tick = -1
        self._quiet = True
        """Nothing went out last time, or ever."""
        self.aim()

    def aim(self) -> None:
        """The far end was described anew: it may want another codec now."""
        remote = self._leg.remote
        if remote is None:
            return
        self._payload = remote.payload
        name = remote.codec.upper() if codecs.known(remote.codec) else ""
        if name != self.codec:
            self.codec, self._encoder = name, None

    @property
    def rate(self) -> int:
        """The rate of frames that need no conversion."""
        return codecs.rate_of(self.codec) if self.codec else 8000

    def say(self, frame: Frame | None, rate: int, tick: int) -> None:
        """Say 20 ms of sound at `rate` (8000 or 16000 Hz); None is silence. Not while a tune covers what is heard."""
        if self._leg.covered or not self.codec:
            return
        encoder = self._encoder
        if encoder is None:
            encoder = self._encoder = codecs.make(self.codec)
        if frame is None:
            frame = silence(encoder.rate)
        elif rate != encoder.rate:
            if self._resampler is None or self._resampler.rates != (rate, encoder.rate):
                self._resampler = Resampler(rate, encoder.rate)
            frame = self._resampler(frame)
        self.send(encoder.encode(frame), tick)

    def send(self, payload: bytes, tick: int) -> None:
        """Send 20 ms of sound that is encoded as `codec` says."""
        marker = self._pass(tick)
        self._packet(self._payload, marker, self._timestamp, payload)

    def event(self, number: int, payload: bytes, begins: bool, tick: int) -> None:
        """Send a packet of a telephone-event under the payload number `number`. All packets of one event have the
        timestamp of its beginning."""
        if begins:
            self._pass(tick)
            self._event_timestamp = self._timestamp
        self._packet(number, begins, self._event_timestamp, payload)

    def _pass(self, tick: int) -> bool:
        """Let the timestamp go on to this tick. Whether something was left out before."""
        gone = tick - self._tick if self._tick >= 0 else 0
        self._timestamp = (self._timestamp + gone * (codecs.clock_of(self.codec) // _STEPS)) & 0xFFFFFFFF
        marker = self._quiet or gone > 1
        self._tick = tick
        return marker

    def _packet(self, number: int, marker: bool, timestamp: int, payload: bytes) -> None:
        leg = self._leg
        out, remote = leg.rtp.out, leg.remote
        self.octets = 0
        self._quiet = out is None or remote is None or not remote.receive
        if self._quiet or out is None:
            return
        packet = bytearray(rtp.HEADER_BYTES)
        rtp.write_header(packet, number, marker, self._sequence, timestamp, self._ssrc)
        packet += payload
        self._sequence = (self._sequence + 1) & 0xFFFF
        try:
            out(packet)
        except OSError:
            leg.dropped += 1  # an ICMP error of the far end, mostly
            return
        self.octets = len(packet)
        leg.packets_out += 1
        leg.octets_out += len(packet)
